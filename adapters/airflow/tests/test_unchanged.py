"""Airflow does what it does: without us, with us, and with each hook of ours broken."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow_home import IS_2, WITHOUT, Home

HERE = Path(__file__).parent


def result(home: Home) -> tuple[Any, ...]:
    """What Airflow itself made of the DAG: states, values handed on, what it triggered."""
    with closing(sqlite3.connect(home.path / "airflow" / "airflow.db")) as connection:
        states = connection.execute("select dag_id, state from dag_run order by 1, 2").fetchall()
        values = connection.execute(
            "select task_id, map_index, key, value from xcom where dag_id = 'shapes'"
        ).fetchall()
    return (
        home.instances("shapes"),
        states,
        sorted(
            (*key, str(value).replace(str(home.path), "home"))
            for *key, value in values
            if key[0] not in ("trigger", "trigger_quietly")
        ),
    )


# Airflow 2.11 lets what a listener raises break the task, so there the guard alone stands between.
PARTS = ["recording"] if IS_2 else ["listener", "recording"]


@pytest.mark.parametrize("part", PARTS)
def test_a_broken_listener_changes_no_result(database: Home, control, part: str) -> None:
    """Whether the guard holds it, or it gets out into Airflow."""
    home = database.copy(f"broken-{part}")
    done = home.dags_test("shapes", PYTHONPATH=str(HERE / "broken"), BROKEN=part)
    assert done.returncode == control.said.returncode == 0
    assert result(home) == result(control.home)
    assert home.spooled() == []
    assert ("broken on purpose" in done.stdout + done.stderr) == (part == "listener")
    assert bool(home.trouble()) == (part == "recording")


def test_recording_changes_no_result(recorded, control) -> None:
    """The same states of the same tries, the same values."""
    assert result(recorded.home) == result(control.home)
    assert not control.home.orchestrail.exists()


def test_what_is_printed_is_the_same(failed, database: Home) -> None:
    """Line by line, but for times, ids and the order in which Airflow takes tasks."""
    without = database.copy("quiet").dags_test("failing", {"size": 3}, PYTHONPATH=str(WITHOUT))

    def lines(text: str) -> list[str]:
        text = re.sub(r"\x1b\[[0-9;]*m", "", text)
        return sorted(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+|/\S+", "#", line) for line in text.splitlines())

    assert lines(failed.said.stderr) == lines(without.stderr)
    with_us = [line for line in lines(failed.said.stdout) if "planted" not in line and "openlineage" not in line]
    assert with_us == lines(without.stdout)


def test_a_home_that_cannot_be_written_changes_no_result(database: Home) -> None:
    """Nothing is recorded, and Airflow does not notice."""
    home = database.copy("locked")
    home.orchestrail.write_text("in the way")
    done = home.dags_test("triggered")
    assert done.returncode == 0
    assert home.instances("triggered") == [("only", -1, 1, "success")]


def test_airflows_own_session_connections_and_variables_are_left_alone(database: Home) -> None:
    """None of them is used while a hook of ours is at work; Airflow and the DAG use all three."""
    home = database.copy("guarded")
    notes = home.path / "notes"
    done = home.dags_test("shapes", PYTHONPATH=str(HERE / "guarded"), GUARDED=str(notes))
    assert done.returncode == 0
    assert len(home.spooled()) > 40
    used = {tuple(line.split()) for line in notes.read_text().splitlines()}
    assert {who for _, who in used} == {"other"}
    assert {"Registry", "Variable"} <= {
        "Registry" if "Registry" in what else what.partition(".")[0] for what, _ in used
    }


ASKS_TWICE = """
from airflow import settings
from orchestrail_airflow.host import own_session

settings.initialize()
with own_session() as session:
    print(session.connection().exec_driver_sql("select 'asked'").scalar())
with settings.engine.connect():
    try:
        with own_session() as session:
            session.connection()
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.skipif(IS_2, reason="2.11 keeps no pool of connections to SQLite")
def test_a_connection_that_is_not_free_is_not_waited_for(database: Home) -> None:
    """Whoever calls us has one: those who wait for a second one would hold each other up."""
    home = database.copy("exhausted")
    said = subprocess.run(
        [sys.executable, "-c", ASKS_TWICE],
        env=home.environment(
            AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE="1", AIRFLOW__DATABASE__SQL_ALCHEMY_MAX_OVERFLOW="0"
        ),
        cwd=home.path,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    ).stdout
    first, second = said.splitlines()[-2:]
    assert first == "asked"
    assert second.startswith("RuntimeError: All of Airflow's connections")
