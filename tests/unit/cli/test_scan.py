"""`orchestrail scan`: what stands in the store, what became of it, and how much of the log was looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrail.operations import open_record
from orchestrail.projections.apply import rebuild
from orchestrail.queries.manifests import manifest_in_force
from orchestrail.queries.scans import personal_places, scanned, unclassified
from orchestrail.settings import load_settings

TOKEN = "ghp_q7LmZx2VbN9tRw4KcY8pHd3JfGs6TaEuXa1Z"


@pytest.fixture
def leaking(made: Any, tmp_path: Path, run: Any) -> Any:
    """Put events of another producer on the record, whose errors say too much."""

    def put(*messages: str) -> None:
        events = [
            made.event(
                "FAIL", 0xE000 + number, second=number, producer=made.AIRFLOW, job="pay", errorMessage={"message": text}
            )
            for number, text in enumerate(messages)
        ]
        path = tmp_path / f"{abs(hash(messages))}.jsonl"
        path.write_bytes(b"\n".join(made.body(event) for event in events))
        assert run("ingest", str(path)).exit_code == 0

    return put


def test_a_clean_record_has_no_finding(story, answer):
    """And that is on the record: all of the log was looked at, by name and version of what looked."""
    found = answer("scan")
    assert (found["findings"], found["covered"], found["entries"]) == ([], 6, 6)
    assert found["last"]["detectors"].keys() == {"detect-secrets", "phonenumbers", "orchestrail"}
    assert answer("scan")["looked_at"] == 0


def test_a_secret_is_told_by_its_place_and_never_by_its_value(leaking, answer, run):
    """Neither in what is printed nor in what is recorded; the exit code says that somebody has to act."""
    leaking("fine", f"refused: {TOKEN}")
    found = answer("scan", code=1)
    (one,) = found["findings"]
    assert (one["family"], one["kind"], one["resolution"]) == ("secret", "GitHub Token", None)
    assert one["places"] == [{"sequence": 1, "pointer": "/run/facets/errorMessage/message", "class": None}]
    text = run("scan", "--last")
    assert text.exit_code == 1
    assert one["id"] in text.stdout
    assert TOKEN not in text.stdout + json.dumps(found)
    bodies = [record.body for record in open_record(load_settings()).records(1)]
    assert bodies
    assert all(TOKEN.encode() not in body for body in bodies)


def test_a_value_is_resolved_once_for_all_its_places(leaking, answer, run):
    """With a reason and a person; another value is another finding, and the record can be rebuilt."""
    leaking(f"refused: {TOKEN}")
    (one,) = answer("scan", code=1)["findings"]
    assert run("scan", "resolve", one["id"][:6], "--reason", "It was revoked at once.", "--by", "mb").exit_code == 0
    leaking(f"refused again: {TOKEN}")
    (again,) = answer("scan")["findings"]
    assert (again["id"], again["count"], again["resolution"]["by"]) == (one["id"], 2, "mb")
    leaking(f"refused: {TOKEN.swapcase().replace('GHP', 'ghp')}")
    assert len(answer("scan", code=1)["findings"]) == 2
    rebuild(open_record(load_settings()))
    assert len(answer("scan", "--last", code=1)["findings"]) == 2


def test_what_nobody_found_cannot_be_resolved(leaking, run):
    """Nor without a reason, nor with one that tells a secret."""
    leaking("fine")
    run("scan")
    assert run("scan", "resolve", "ab", "--reason", "x", "--by", "mb").exit_code == 1
    assert run("scan", "resolve", "ab", "--reason", " ", "--by", "mb").exit_code == 2
    told = run("scan", "resolve", "ab", "--reason", "password=hunter27 was old", "--by", "mb")
    assert told.exit_code == 2
    assert "hunter27" not in told.stderr


def test_only_what_is_new_is_looked_at_again(leaking, answer):
    """Unless it is asked for; what scans themselves put on the record gives no cause for another one."""
    leaking("one", "two")
    assert answer("scan")["looked_at"] == 2
    assert answer("scan")["looked_at"] == 0
    leaking("three")
    found = answer("scan")
    assert (found["looked_at"], found["covered"], found["entries"]) == (1, 3, 3)
    assert answer("scan", "--all")["looked_at"] == 3
    assert answer("scan", "--since", "1h")["looked_at"] == 3


def test_what_was_not_looked_at_is_told(leaking, answer, run):
    """A window that begins late leaves a part of the log unseen, and the next scan sees it."""
    leaking("one", "two")
    assert answer("scan", "--last")["covered"] == 0
    answer("scan", "--since", "2999-01-01T00:00:00Z")
    assert answer("scan", "--last")["last"] is None
    assert answer("scan")["covered"] == 2
    leaking("three")
    assert "1 were not looked at" in run("scan", "--last").stdout


def test_personal_data_counts_by_the_class_of_its_field(leaking, answer, tmp_path, monkeypatch):
    """Where the manifest says that a field holds none, finding some is wrong; where it says personal, it is known."""
    leaking("no loan for jane.doe@bank.example")
    (found,) = answer("scan")["findings"]
    assert (found["family"], found["kind"], found["places"][0]["class"]) == ("personal", "E-mail address", None)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "orchestrail.toml"
    file.write_text('[[fields]]\nfield = "/run/facets/errorMessage/*"\nclass = "none"\n')
    answer("manifest", "record")
    (found,) = answer("scan", code=1)["findings"]
    assert found["places"][0]["class"] == "none"
    file.write_text(file.read_text().replace('"none"', '"personal"\npurpose = "why a run failed"\nuntil = 2027-01-01'))
    answer("manifest", "record")
    assert answer("scan", "--last")["findings"][0]["places"][0]["class"] == "personal"
    with open_record(load_settings()).read() as connection:
        known, manifest = scanned(connection), manifest_in_force(connection).manifest
    (place,) = personal_places(known, manifest)
    assert (place.pointer, place.stated.until.isoformat()) == ("/run/facets/errorMessage/message", "2027-01-01")
    assert "/job/name" in unclassified(known, manifest)
    assert "/run/facets/errorMessage/message" not in unclassified(known, manifest)


def test_two_ways_at_once_are_wrong_use(run):
    """All of the log, or what is new, or nothing."""
    assert run("scan", "--all", "--last").exit_code == 2
