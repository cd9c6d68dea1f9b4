"""Secrets in Airflow's own places (Connections, Variables, rendered templates, hooks' errors): none is in any stored byte."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from airflow_home import GUEST, Home

from orchestrail.redaction import MARK

HERE = Path(__file__).parent
WAREHOUSE = {
    "conn_type": "generic",
    "host": "db.example",
    "login": "me",
    "password": "Zqpassword1001Xp",
    "extra": {"api_token": "Zqextra1002Xp", "keyfile": {"private_key": "Zqextra-nested1003Xp"}},
}
STORED = {"conn_type": "generic", "password": "Zqstored@/2001Xp", "extra": {"client_secret": "Zqstored-extra2002Xp"}}
UNREAD = {"conn_type": "generic", "password": "Zqunread2005Xp"}
"""What one task alone asks for, and shows in the error of its template."""
ADDRESS = "postgres://me:Zqaddress%402003Xp@db.example:5432/bank?secret_key=Zqaddress-query2004Xp"
CONF = {"password": "Zqconf3001Xp", "nested": {"client_secret": "Zqconf-nested3002Xp"}, "size": 3}


SOURCES = (Path(__file__), *sorted((HERE / "careless").rglob("*.py")))
PLANTED = re.compile(
    b"|".join(sorted({word for path in SOURCES for word in re.findall(rb"\bZq[a-z]{3,}", path.read_bytes())}))
)
"""How what is planted begins, by the sources that plant it: signatures hold any shorter text by chance."""


@dataclass(frozen=True)
class Ran:
    """What the DAG left behind.

    Attributes:
        home: where it ran.
        events: ours.
        guests: those of Airflow's OpenLineage provider.
        spooled: every byte before it was collected.
    """

    home: Home
    events: list[dict[str, Any]]
    guests: list[dict[str, Any]]
    spooled: bytes

    def of(self, task_id: str, kind: str) -> dict[str, Any]:
        """Find the facets of the first event of a task."""
        name = f"careless.{task_id}" if task_id else "careless"
        found = (one for one in self.events if one["job"]["name"] == name and one["eventType"] == kind)
        facets: dict[str, Any] = next(found)["run"]["facets"]
        return facets

    def error(self, task_id: str) -> str:
        """Give the error that is on the record of a task."""
        text: str = self.of(task_id, "FAIL")["errorMessage"]["message"]
        return text

    def given(self, task_id: str) -> dict[str, Any]:
        """Give the parameters that are on the record of a task, by value; None for those that are not."""
        parameters = self.of(task_id, "START")["orchestrail_parameters"]["parameters"]
        return {name: one.get("value") for name, one in parameters.items() if not name.startswith("params.")}


@pytest.fixture(scope="module")
def ran(database: Home) -> Ran:
    """The DAG, run with Airflow's OpenLineage provider beside us."""
    home = database.copy("careless")
    home.variables |= {
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "careless"),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "orchestrail.transport.openlineage.SpoolTransport"}),
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "bank",
        "AIRFLOW_CONN_WAREHOUSE": json.dumps(WAREHOUSE),
        "AIRFLOW_CONN_BY_ADDRESS": ADDRESS,
        "AIRFLOW_CONN_BASE": json.dumps({"conn_type": "sqlite", "host": str(home.path / "base.db")}),
        "AIRFLOW_VAR_DB_PASSWORD": "Zqvariable4001Xp",
    }
    for name, said in (("stored", STORED), ("unread", UNREAD)):
        home.run("connections", "add", name, "--conn-json", json.dumps(said)).check_returncode()
    home.dags_test("careless", CONF)
    return Ran(home, home.spooled(), home.spooled(GUEST), stored(home))


def stored(home: Home) -> bytes:
    """Give every byte below our own folder, and the names of its files."""
    paths = sorted(home.orchestrail.rglob("*"))
    return b"\n".join(os.fsencode(path) + (path.read_bytes() if path.is_file() else b"") for path in paths)


def test_no_planted_secret_is_in_any_stored_byte(ran: Ran) -> None:
    """Not in the spool, not in the store after it was collected; what is planted begins with a word, encoded or not."""
    assert len(PLANTED.pattern.split(b"|")) > 15
    assert set(PLANTED.findall(ran.spooled)) == set()
    ran.home.runs()
    assert set(PLANTED.findall(stored(ran.home))) == set()
    assert ran.home.trouble() == []


def test_what_is_around_the_secrets_is_on_the_record(ran: Ran) -> None:
    """Errors of hooks, rendered templates, arguments: each has the mark where the secret was."""
    assert ran.error("hook").startswith(f"AirflowException: no login at db.example as me by {MARK}: ")
    assert ran.error("address").startswith(f"AirflowException: cannot reach postgres://{MARK}@db.example:5432/bank?")
    assert ran.error("stored") == f"ValueError: ['{MARK}', '{MARK}']"
    assert ran.error("variable") == f"KeyError: '{MARK}'"
    assert ran.error("chained") == f"RuntimeError: failed: password={MARK}"
    assert ran.error("unrendered") == f"UndefinedError: 'dict object' has no attribute '{MARK}'"
    assert ran.error("wrong") == "OperationalError: no such table: nowhere"
    rendered = ran.given("rendered")
    assert rendered["env"] == {"PGPASSWORD": MARK, "OTHER": MARK}
    assert rendered["bash_command"].startswith(f"PGPASSWORD={MARK} true {MARK} {MARK} {MARK} postgres://{MARK}@db")
    told = ran.given("told")
    assert told["where"] == f"https://{MARK}@host/x"
    assert told["options"] == {"token": MARK, "rows": [{"secret": MARK}]}
    of_dag_run = ran.of("", "START")["orchestrail_parameters"]["parameters"]
    assert of_dag_run["conf.nested"]["value"] == {"client_secret": MARK}
    assert of_dag_run["params.source"]["value"] == f"https://{MARK}@host/data?sig={MARK}"


def test_statements_are_told_apart_and_not_shown(ran: Ran) -> None:
    """Neither by us nor by Airflow's provider, which tells of those of one task under the tasks after it too."""
    digests = {
        ran.of(task, "START")["orchestrail_parameters"]["parameters"]["sql"]["digest"]
        for task in ("statements", "wrong")
    }
    assert len(digests) == 2
    queries = {event["job"]["facets"]["sql"]["query"] for event in ran.guests if "sql" in event["job"]["facets"]}
    assert queries
    assert all(query.startswith("sha256:") for query in queries)
