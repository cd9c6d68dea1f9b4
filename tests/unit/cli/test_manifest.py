"""`orchestrail manifest`: the settings file, the record, and what differs between them; pipelines declared from what ran."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from orchestrail.manifest import manifest_of_file
from orchestrail.operations import open_record
from orchestrail.projections.apply import rebuild
from orchestrail.queries.manifests import manifest_in_force
from orchestrail.settings import load_settings

TEXT = '[systems.scoring]\npurpose = "Decide about loans"\nversion = "3"\n[policy]\nretention_months = 12\n'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A settings file with a manifest, in the working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "orchestrail.toml"
    path.write_text(TEXT)
    return path


def test_what_is_recorded_is_in_force_until_something_else_is(file, run, answer):
    """Recorded once, told to differ once it does, recorded anew; the log keeps both."""
    assert answer("manifest", code=1)["recorded"] is None
    first = answer("manifest", "record")
    assert (first["new"], answer("manifest", "record")["new"]) == (True, False)
    assert answer("manifest")["differences"] == []
    file.write_text(TEXT.replace('"3"', '"4"') + "max_run_age_days = 2\n")
    assert answer("manifest", code=1)["differences"] == [
        {"place": "policy.max_run_age_days", "file": 2, "recorded": None},
        {"place": "systems.scoring.version", "file": "4", "recorded": "3"},
    ]
    assert 'systems.scoring.version: here "4", on the record "3"' in run("manifest", "show").stdout
    second = answer("manifest", "record")
    assert second["recorded"]["sequence"] > first["recorded"]["sequence"]
    store = open_record(load_settings())
    rebuild(store)
    with store.read() as connection:
        row = manifest_in_force(connection)
    assert row.manifest == manifest_of_file(file, tomllib.loads(file.read_text()))
    assert row.by.startswith("hmac-sha256:")


def test_a_manifest_that_was_taken_away_is_told(file, run, answer):
    """What the record has and the file lacks is a difference too."""
    run("manifest", "record")
    file.write_text('system = "scoring"\n')
    places = {one["place"] for one in answer("manifest", code=1)["differences"]}
    assert places == {"systems.scoring.purpose", "systems.scoring.version", "policy.retention_months"}


def test_no_manifest_is_not_recorded(tmp_path, monkeypatch, run):
    """Nothing is stated by silence."""
    monkeypatch.chdir(tmp_path)
    found = run("manifest", "record")
    assert found.exit_code == 2
    assert "There is no settings file" in found.stderr


def test_a_mistake_is_told_and_nothing_recorded(file, run):
    """With the file and the field."""
    file.write_text(TEXT + 'speed = "high"\n')
    found = run("manifest", "record")
    assert found.exit_code == 2
    assert "`policy.speed`" in found.stderr
    assert not load_settings().home.exists()


def test_a_requirement_that_is_none_is_told(file, run):
    """With those that there are."""
    file.write_text(TEXT + '[[not_applicable]]\nrequirement = "PREP-99"\nreason = "It is not there."\nby = "mb"\n')
    found = run("manifest")
    assert found.exit_code == 2
    assert "not_applicable[1].requirement" in found.stderr
    assert "PREP-06" in found.stderr


def test_a_pipeline_is_declared_from_what_ran(story, file, run, answer):
    """Steps and what they took from each other, as a table that can be put into the file as it is."""
    said = run("manifest", "steps", "train").stdout
    file.write_text(TEXT + said)
    pipeline = manifest_of_file(file, tomllib.loads(file.read_text())).pipeline("train")
    assert set(pipeline.steps) == {"train.clean", "train.note", "train.fit"}
    assert pipeline.pairs == {
        ("train.clean", "train.note"),
        ("train.clean", "train.fit"),
        ("train.note", "train.fit"),
    }
    assert answer("manifest", "steps", "train")["processes"] == 1


def test_a_branch_that_was_only_skipped_is_not_taken(made, spooled, answer):
    """It is declared all the same, for the day on which it is."""
    spooled(
        made.event("START", 0xB001, job="night"),
        made.event("COMPLETE", 0xB002, job="night.load", parent=0xB001),
        made.event("OTHER", 0xB003, job="night.mend", parent=0xB001, ours={"state": "SKIPPED"}),
        made.event("COMPLETE", 0xB001, second=3, job="night"),
    )
    found = answer("manifest", "steps", "night")
    assert (found["steps"], found["not_taken"], found["edges"]) == (["night.load"], ["night.mend"], [])


def test_a_pipeline_that_never_ran_is_a_negative_answer(story, run):
    """A name that is none, and runs that are all too old."""
    assert run("manifest", "steps", "nowhere").exit_code == 1
    assert run("manifest", "steps", "train", "--since", "1h").exit_code == 1
