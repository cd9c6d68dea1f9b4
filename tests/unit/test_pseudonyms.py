"""What stands for a person: the same in one home, another in every other, and nothing without the key."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from orchestrail.guard import report_to
from orchestrail.model import AdapterInfo, RunStart
from orchestrail.pseudonyms import FILE, keyed_digest, person
from orchestrail.recorder import Recorder
from orchestrail.run_id import new_run_id
from orchestrail.settings import load_settings
from orchestrail.testing import spooled_events
from orchestrail.trouble import read

INFO = AdapterInfo("script", "python", "3.11", "0.1.0", ">=3.11", frozenset())


def test_a_person_has_one_pseudonym_in_a_home(tmp_path: Path) -> None:
    """Of one system: the same name elsewhere may be somebody else. In another home, it is another one."""
    here, there = tmp_path / "here", tmp_path / "there"
    assert person(here, "airflow", "jane") == person(here, "airflow", "jane")
    others = {
        person(here, "airflow", "jane"),
        person(here, "airflow", "john"),
        person(here, "prefect", "jane"),
        person(there, "airflow", "jane"),
        keyed_digest(here, "person", "airflowjane"),
        keyed_digest(here, "secret", "airflow", "jane"),
    }
    assert len(others) == 6


def test_who_has_no_key_cannot_try_names(tmp_path: Path) -> None:
    """The key is for its owner alone, and no plain digest of the name is the pseudonym."""
    said = person(tmp_path, "airflow", "jane").removeprefix("hmac-sha256:")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert said not in {sha256(text.encode()).hexdigest() for text in ("jane", "airflow:jane", "personairflowjane")}


def test_processes_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    """Whoever writes first wins, and nobody goes on with a key of his own."""
    program = "import sys, pathlib; from orchestrail.pseudonyms import person; print(person(pathlib.Path(sys.argv[1]), 'a', 'b'))"
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    assert len({process.communicate()[0] for process in started}) == 1
    assert {process.returncode for process in started} == {0}


def recorded(start: RunStart) -> dict[str, object]:
    """Give what the record says of a run that begins."""
    settings = load_settings()
    recorder = Recorder(INFO, settings)
    recorder.start(start)
    recorder.close()
    (event,) = spooled_events(settings.spool)
    return event["run"]["facets"]["orchestrail_run"]


def test_the_recorder_names_nobody() -> None:
    """Whatever an adapter gives as the actor, a pseudonym of it is recorded."""
    said = recorded(RunStart(new_run_id(), "train", "FLOW", actor="jane.doe@bank.example"))
    assert said["actor"] == person(load_settings().home, "python", "jane.doe@bank.example")


@pytest.mark.swallows
def test_without_a_key_nobody_is_recorded() -> None:
    """A name is no substitute; the run goes on, and `doctor` tells."""
    home = load_settings().home
    home.mkdir()
    (home / FILE).write_bytes(b"short")
    report_to(home, "script")
    assert recorded(RunStart(new_run_id(), "train", "FLOW", actor="jane"))["actor"] is None
    assert any(note["where"] == "give a person a pseudonym" for note in read(home))
