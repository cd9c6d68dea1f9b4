"""`orchestrail erase`: what must not be kept is gone, the rest stands, and the log says who decided it and why."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from orchestrail.operations import open_record
from orchestrail.settings import load_settings
from orchestrail.store.erasure import FACET

WHY = "--reason", "It holds the name of a customer.", "--by", "data protection officer"


def packed() -> list[bytes]:
    """Give the payloads as the file holds them."""
    with closing(sqlite3.connect(load_settings().home / "audit.db")) as connection:
        return [row[0] for row in connection.execute("SELECT payloads FROM recent ORDER BY first")]


def bodies() -> list[bytes | None]:
    return [record.body for record in open_record(load_settings()).records()]


def test_nothing_is_erased_before_somebody_says_yes(story: Any, run: Any) -> None:
    """What would be is shown; the exit code is that of wrong use."""
    run("collect")
    before = bodies()
    done = run("erase", "1", "0", *WHY)
    assert done.exit_code == 2
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [["entry", "0", "START"], ["entry", "1", "START"]]
    assert "Give --yes" in done.stderr
    assert run("erase", "0", *WHY, "--json").stdout == ""
    assert bodies() == before


def test_what_is_erased_is_in_no_file_of_the_record(story: Any, run: Any, answer: Any) -> None:
    """Neither in the database nor in what lies beside it; all else verifies, and the tables are what is left gives."""
    run("check")
    before, old = bodies(), packed()
    done = answer("erase", "1", "2", *WHY, "--yes")
    assert [(one["sequence"], one["was_gone"]) for one in done["erased"]] == [(1, False), (2, False)]
    assert (done["record"], done["given_back"]) == (len(before), True)
    after = bodies()
    assert after[:-1] == [None if place in (1, 2) else body for place, body in enumerate(before)]
    said = json.loads(after[-1] or b"")["job"]["facets"][FACET]
    assert [(one["sequence"], one["runId"]) for one in said["entries"]] == [
        (one["sequence"], one["run_id"]) for one in done["erased"]
    ]
    assert (said["reason"], said["by"]) == (WHY[1], WHY[3])
    files = [path for path in load_settings().home.rglob("*") if path.is_file()]
    gone = [data for data in old if data not in packed()]
    assert gone
    for data in gone:
        assert not [path for path in files if data[len(data) // 3 : len(data) // 3 + 60] in path.read_bytes()]
    found = answer("verify", "--projections")
    assert found["problems"] == []
    assert f"2 of {len(after)} entries" in found["notes"][0]


def test_a_run_whose_start_is_erased_has_none(story: Any, run: Any, answer: Any) -> None:
    """What is not there any more is missing, and is never taken for what it may have been."""
    (root,) = answer("runs")["runs"]
    lost = next(
        place for place, body in enumerate(bodies()) if body and json.loads(body)["run"]["runId"] == root["run_id"]
    )

    def without_a_start() -> list[str]:
        verdict = next(one for one in answer("check", code=1)["verdicts"] if one["id"] == "RUN-LC-01")
        return [one["subject"] for one in verdict["results"]]

    assert root["run_id"] not in without_a_start()
    answer("erase", str(lost), *WHY, "--yes")
    assert root["run_id"] in without_a_start()


def test_who_was_interrupted_does_it_once_more(story: Any, run: Any) -> None:
    """Nothing is erased twice, and the log has one record of it."""
    run("collect")
    assert run("erase", "0", *WHY, "--yes").exit_code == 0
    size = len(bodies())
    again = run("erase", "0", *WHY, "--yes")
    assert again.exit_code == 0
    assert "All of it had been erased before." in again.stdout
    assert len(bodies()) == size


def test_the_record_of_an_erasure_stays(story: Any, run: Any) -> None:
    """It cannot be erased, and comes from nowhere else."""
    run("collect")
    size = len(bodies())
    run("erase", "0", *WHY, "--yes")
    done = run("erase", "1", str(size), *WHY, "--yes")
    assert done.exit_code == 2
    assert f"Entry {size} is the record of an erasure." in done.stderr
    assert bodies()[1] is not None
    forged = load_settings().home / "erase"
    forged.write_bytes(bodies()[size] or b"")
    assert run("ingest", str(forged)).exit_code == 1
    assert "`orchestrail erase`" in run("quarantine", "list").stdout
    assert run("verify").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["99", *WHY, "--yes"], 1, "The log has no entry 99."),
        (["0", "--reason", "Because.", "--by", "me", "--yes"], 2, "The reason cannot be used."),
        (["-1", *WHY, "--yes"], 2, "-1"),
    ],
)
def test_wrong_use(story: Any, run: Any, arguments: list[str], code: int, said: str) -> None:
    """It is told, and nothing is erased."""
    run("collect")
    done = run("erase", *arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert None not in bodies()
