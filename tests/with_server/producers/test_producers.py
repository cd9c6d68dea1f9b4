"""Airflow's OpenLineage provider and dbt's integration, neither of which knows of us, write to a server; then it is asked.

`nox -s producers` makes an environment of each.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from serving import Serving

from orchestrail.operations.tokens import Scope, Tokens

AIRFLOW, DBT = (Path(os.environ.get(name, "")) for name in ("AIRFLOW_BIN", "DBT_BIN"))
DATA = Path(__file__).parents[2] / "data" / "events" / "captured" / "dbt"
TABLES = "duckdb://loans.duckdb"
DECIDED = {"RUN-ID-01", "RUN-ID-02", "RUN-LC-01", "RUN-LC-02", "REC-01"}
"""What OpenLineage itself tells enough of: ids, parents, starts and ends, errors; and the log, which is the store's own."""


@dataclass(frozen=True)
class Sent:
    """What came of a DAG run.

    Attributes:
        server: where it sent to.
        token: by which it did.
        reader: by which the record is asked.
        runs: all runs, by the names of their jobs; those of one job in the order of their starts.
    """

    server: Serving
    token: str
    reader: str
    runs: dict[str, list[dict[str, Any]]]

    def ask(self, path: str, **parameters: str) -> Any:
        """Ask the server."""
        with self.server.client(self.reader) as client:
            answer = client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    """Run the DAG once, with the settings that the how-to names, packed and with a token."""
    folder = tmp_path_factory.mktemp("producers")
    tokens = Tokens(folder / "server")
    _, writes = tokens.create("bank", [Scope.WRITE])
    _, reads = tokens.create("auditor", [Scope.READ])
    server = Serving(folder / "server")
    shutil.copytree(DATA, folder / "dbt")
    (folder / "data").mkdir()
    (folder / "data" / "received.csv").write_text("age,income\n30,1000\n")
    transport = {"type": "http", "url": server.url, "compression": "gzip"}
    transport |= {"auth": {"type": "api_key", "apiKey": writes}}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "ORCHESTRAIL", "OPENLINEAGE"))}
    environment = kept | {
        "PATH": os.pathsep.join([str(AIRFLOW), str(DBT), os.environ["PATH"]]),
        "HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "bank",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "OPENLINEAGE_URL": server.url,
        "OPENLINEAGE_API_KEY": writes,
        "DBT_PROFILES_DIR": str(folder / "dbt"),
        "DO_NOT_TRACK": "1",
        "SCORING_DATA": str(folder / "data"),
        "SCORING_DBT": str(folder / "dbt"),
    }
    for arguments in (["db", "migrate"], ["dags", "test", "scoring"]):
        done = subprocess.run(
            [AIRFLOW / "airflow", *arguments], env=environment, cwd=folder, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with server.client(reads) as client:
        listed = client.get("/runs", params={"all": "true", "limit": 1000}).json()["runs"]
    runs: dict[str, list[dict[str, Any]]] = {}
    for run in sorted(listed, key=lambda run: run["started_at"] or ""):  # `dags test` tells no start of the DAG run
        runs.setdefault(run["job"]["name"], []).append(run)
    yield Sent(server, writes, reads, runs)
    server.stop()


def test_every_event_is_taken(sent: Sent) -> None:
    """Nothing is refused; the token is nowhere."""
    assert sent.server.quarantined() == []
    producers = {event["producer"].split("/")[4] for event in sent.server.bodies()}
    assert producers == {"airflow", "OpenLineage"}
    for path in sent.server.home.rglob("*"):
        assert not path.is_file() or sent.token.encode() not in path.read_bytes()


def test_dbt_is_part_of_the_dag_run(sent: Sent) -> None:
    """One tree over both, in the words of each, with tries, states and errors."""
    (root,), (build,), (dbt,) = (sent.runs[name] for name in ("scoring", "scoring.build", "dbt-run-loans"))
    assert [(run["state"], run["error"]) for run in sent.runs["scoring.fetch"]] == [
        ("FAIL", "the first time"),
        ("COMPLETE", None),
    ]
    assert (root["orchestrator"]["name"], dbt["orchestrator"]["name"]) == ("airflow", "dbt")
    assert dbt["parent_run_id"] == build["run_id"]
    assert {run["root_run_id"] for runs in sent.runs.values() for run in runs} == {root["run_id"]}
    assert {run["state"] for name, runs in sent.runs.items() for run in runs if "fetch" not in name} == {"COMPLETE"}
    shown = sent.ask(f"/runs/{dbt['run_id']}")
    assert shown["root"]["run_id"] == root["run_id"]
    assert len(shown["runs"]) == sum(map(len, sent.runs.values()))


def test_a_table_is_traced_by_name_and_said_to_be(sent: Sent) -> None:
    """Back through dbt's models to its seed; no edge is proven by content, since nobody took a digest."""
    traced = sent.ask("/trace", target=f"{TABLES}:loans.main.features")
    assert {run["job"]["name"] for run in traced["runs"]} >= {"model.loans.features", "model.loans.clean", "scoring"}
    assert {one["name"] for one in traced["datasets"]} >= {"loans.main.applications", "loans.main.clean"}
    assert {edge["proof"] for edge in traced["edges"] if edge["kind"] in ("read", "wrote")} == {"name"}
    assert traced["unproven"]


def test_tests_of_dbt_are_checks(sent: Sent) -> None:
    """With what they were about."""
    checks = [check for runs in sent.runs.values() for run in runs for check in run["checks"]]
    assert {(check["kind"], check["column"], check["success"]) for check in checks} == {
        ("not_null", "income", True),
        ("unique", "age", True),
    }


def test_what_they_do_not_tell_is_unknown(sent: Sent) -> None:
    """Nothing passes that OpenLineage itself does not tell, and nothing fails for want of it."""
    verdicts = {one["id"]: one for one in sent.ask("/check", profile="operate", date="2026-12-01")["verdicts"]}
    passing = {name for name, one in verdicts.items() if one["verdict"] == "pass"}
    assert {"RUN-ID-01", "REC-01"} <= passing <= DECIDED
    others = {one["verdict"] for name, one in verdicts.items() if name not in DECIDED}
    assert others == {"unknown"}
    assert all(one["reason"] for one in verdicts.values())
