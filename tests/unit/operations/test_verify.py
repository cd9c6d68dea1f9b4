"""Verification from the command line's side: which store, which key, which checkpoint."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import sqlite

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.operations import open_record
from orchestrail.operations.checking import Question, check
from orchestrail.operations.checkpoint import checkpoint
from orchestrail.operations.ingest import ingest
from orchestrail.operations.rebuild import rebuild
from orchestrail.operations.standing import answer
from orchestrail.operations.verify import verify
from orchestrail.projections.apply import apply
from orchestrail.projections.comparison import NAMED
from orchestrail.projections.tables import outcome
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.settings import Settings
from orchestrail.store.base import Incoming
from orchestrail.testing.stores import rewrite


@pytest.fixture
def filled(store):
    store.append([Incoming(b"{}", "test")])
    return store


def test_the_store_of_the_settings(settings, filled):
    """Without a target it is the configured store, with the key of the home."""
    found = verify(settings)
    assert (found.ok, found.size, found.notes) == (True, 1, ())


def test_a_checkpoint_is_confirmed_later(settings, filled, tmp_path):
    """A checkpoint written to a file is contained in the log that grew since."""
    head = checkpoint(filled, tmp_path / "note")
    assert (tmp_path / "note").read_bytes() == head.note
    filled.append([Incoming(b"[]", "test")])
    assert verify(settings, against=str(tmp_path / "note")).ok
    (tmp_path / "note").write_bytes(head.note[:-1])
    assert not verify(settings, against=str(tmp_path / "note")).ok


def test_files_that_cannot_be_used(settings, filled, tmp_path):
    """A checkpoint that is not there, or cannot be written, is an error of the caller."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        verify(settings, against=str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="cannot be written"):
        checkpoint(filled, tmp_path / "none" / "note")


@pytest.mark.parametrize("form", ["file", "folder", "url"])
def test_another_store(settings, filled, tmp_path, form):
    """A copy is checked with the key that the reader has pinned, however it is named."""
    filled.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(settings.home / "audit.db", copy / "audit.db")
    target = {"file": str(copy / "audit.db"), "folder": str(copy), "url": f"sqlite:///{copy / 'audit.db'}"}[form]
    assert verify(settings, target).notes == ()
    assert verify(Settings(home=tmp_path / "nobody"), target).notes != ()


def test_a_store_of_somebody_else(settings, filled, tmp_path):
    """The own home pins no key of another log, and need not."""
    other = Settings(home=tmp_path / "other")
    with open_record(other, create=True) as theirs:
        theirs.append([Incoming(b"{}", "test")])
    found = verify(settings, str(other.home))
    assert (found.ok, found.notes) == (True, ())


def test_an_exchanged_store(settings, filled, tmp_path):
    """Another log in the place of the configured one is found, although it verifies by itself."""
    other = Settings(home=tmp_path / "other")
    open_record(other, create=True).close()
    filled.close()
    shutil.copy(other.home / "audit.db", settings.home / "audit.db")
    assert [problem.table for problem in verify(settings).problems] == ["key"]


def test_no_store(settings, tmp_path):
    """A store that does not exist is said to, and not made."""
    with pytest.raises(StoreError, match="no audit store"):
        verify(settings)
    with pytest.raises(StoreError):
        verify(settings, str(tmp_path / "none.db"))
    with pytest.raises(ConfigurationError):
        verify(settings, "ftp://host/x")
    assert not settings.home.exists()


@pytest.fixture
def read(settings, store, events):
    """A store with runs, of which the tables were made."""
    ingest(store, sorted(events.rglob("*.json*")))
    apply(store)
    return store


def tampered(store, *statements):
    with store.project() as connection:
        return [connection.exec_driver_sql(statement).rowcount for statement in statements]


def test_tables_that_the_log_gives(settings, read):
    """They are made anew beside those of the store, which stay as they are, and nothing is left behind."""
    before = settings.home.joinpath("audit.db").read_bytes()
    found = verify(settings, projections=True)
    assert (found.ok, found.tables.differences, found.tables.entries) == (True, 0, read.size())
    assert found.tables.rows > read.size()
    assert settings.home.joinpath("audit.db").read_bytes() == before
    assert verify(settings, str(settings.home), projections=True).tables == found.tables
    assert verify(settings).tables is None


def test_tables_that_somebody_changed(settings, read):
    """Each row that is another one, too many or missing is named, with its columns that differ; `collect --rebuild` mends them."""
    with read.read() as connection:
        runs = connection.exec_driver_sql("SELECT run_id FROM proj_run ORDER BY run_id").scalars().all()
    changes = (
        f"UPDATE proj_run SET state = 'COMPLETE', system = 'other' WHERE run_id = '{runs[0]}'",
        f"DELETE FROM proj_run WHERE run_id = '{runs[1]}'",
        "INSERT INTO proj_event (seq, first_seq) VALUES (99999, 0)",
        "UPDATE proj_use SET digest = 'sha256:00' WHERE rowid = (SELECT max(rowid) FROM proj_use)",
    )
    assert tampered(read, *changes) == [1, 1, 1, 1]
    found = verify(settings, projections=True)
    problems = [str(problem) for problem in found.problems]
    assert not found.ok
    assert found.tables.differences == len(problems) == 4
    assert f"proj_run run_id {runs[0]}: is not what the log gives: system" in problems
    assert f"proj_run run_id {runs[1]}: is missing" in problems
    assert "proj_event seq 99999: is there, and the log gives none" in problems
    assert rebuild(settings, read).entries == read.size()
    assert verify(settings, projections=True).ok


def test_tables_are_made_of_no_altered_log(settings, read):
    """They stay as they were, and what is wrong with the log is told; a log that holds is made tables of."""
    assert rebuild(settings, read).problems == ()
    tampered(read, "UPDATE proj_run SET system = 'changed'")
    with closing(sqlite3.connect(settings.home / "audit.db")) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        rewrite(connection.execute, lambda seq, payload: payload + b" " if seq == 0 else payload)
        connection.commit()
    found = rebuild(settings, read)
    assert found.entries is None
    assert any(str(problem).partition(" ")[2].startswith("seq 0: nonce and body") for problem in found.problems)
    with read.read() as connection:
        assert connection.exec_driver_sql("SELECT DISTINCT system FROM proj_run").scalars().all() == ["changed"]


@pytest.fixture
def judged(read):
    """The same store, of which everything was judged."""
    check(read, load_catalogue(), Question(day=date(2026, 11, 1)))
    return read


def test_verdicts_that_are_kept_are_judged_again(settings, judged):
    """By the tables that the log gives; those of another day are as they were kept."""
    found = verify(settings, projections=True)
    assert (found.ok, found.tables.differences) == (True, 0)
    assert found.notes[1:] == ("kept verdicts were judged again by the tables that the log gives, as of 2026-11-01",)


def test_verdicts_that_somebody_changed(settings, judged):
    """Each is named with what is kept and what is right, whichever way it was changed."""
    with judged.read() as connection:
        kept = outcome.c
        failing = select(kept.requirement, kept.unit, kept.results).where(kept.status == "fail", kept.subjects == 1)
        requirement, unit, results = connection.execute(failing.order_by(kept.requirement, kept.unit)).first()
    (said,) = json.loads(results)
    of = f"requirement = '{requirement}' AND unit = '{unit}' AND status = 'fail'"
    row = f"proj_outcome {requirement} of process {unit}: kept as"
    right = f"the record gives 1 fail ({said['subject']} fail: {said['reason']})"
    another = kept.results.type.process_bind_param(results.replace('"subject":"', '"subject":"x'), sqlite.dialect())
    ways = {
        f"UPDATE proj_outcome SET status = 'pass', results = '[]' WHERE {of}": f"{row} 1 pass; {right}",
        f"DELETE FROM proj_outcome WHERE {of}": f"{row} nothing; {right}",
        f"INSERT INTO proj_outcome SELECT * FROM proj_outcome WHERE {of}": f"{row} 1 fail, 1 fail",
        f"UPDATE proj_outcome SET results = x'{another.hex()}' WHERE {of}": f"{row} 1 fail"
        f" (x{said['subject']} fail: {said['reason']}); {right}",
        f"UPDATE proj_outcome SET place = place + 1 WHERE {of}": f"{row} 1 fail, which is right, with other witnesses",
        f"UPDATE proj_outcome SET results = 'none' WHERE {of}": f"{row} 1 fail; {right}",
        f"UPDATE proj_outcome SET kind = 'Model' WHERE {of}": f"{row} nothing; {right}",
        f"INSERT INTO proj_outcome SELECT requirement, kind, 'x', status, 0, 7, '[]' FROM proj_outcome WHERE {of}": "proj_outcome"
        f" {requirement} of process x: kept as 7 fail, and the record has no such process",
        "DROP TABLE proj_member": "proj_member: is missing",
    }
    database = settings.home / "audit.db"
    judged.close()
    before = database.read_bytes()
    for statement, problem in ways.items():
        database.write_bytes(before)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(statement)
        found = verify(settings, projections=True)
        assert not found.ok
        assert str(found.problems[0]).startswith(problem), statement


@pytest.fixture
def answered(judged):
    """The same store, with two answers that stand ready for the pages: about all of it, and about a model."""
    catalogue = load_catalogue()
    with judged.read() as connection:
        digest = connection.exec_driver_sql("SELECT unit FROM proj_outcome WHERE kind = 'Model'").scalars().first()
    for target, profile in ((None, "build"), (digest, "release")):
        answer(judged, catalogue, Question(target, profile=profile, day=date(2026, 11, 1), afar=True))
    return judged


def test_answers_that_stand_ready_are_asked_for_again(settings, answered):
    """Those of now; of those of an earlier head it is said that they are."""
    found = verify(settings, projections=True)
    assert found.ok
    assert found.notes[1] == "kept ready for the pages, asked for again and the same: 2 answers"
    answered.append([Incoming(b"{}", "test")])
    apply(answered)
    found = verify(settings, projections=True)
    assert found.ok
    assert found.notes[1] == "kept of an earlier head or day, which a page says, and not asked again: 2 answers"


def test_answers_that_somebody_changed(settings, answered):
    """Each is named with the requirement, with what is kept and what is right; the others are the same."""
    with answered.read() as connection:
        rows = connection.exec_driver_sql("SELECT asked, said FROM proj_report").all()
    whole = next(asked for asked, _ in rows if json.loads(asked)[0] is None)
    model = next(asked for asked, _ in rows if asked != whole)
    said = json.loads(dict(rows)[whole])
    wrong = next(each for each in said["verdicts"] if each["status"] == "fail")
    of, name = wrong["requirement"], f"proj_report {whole}"
    passing = json.dumps(
        said | {"verdicts": [each | ({"status": "pass"} if each is wrong else {}) for each in said["verdicts"]]}
    )
    better = json.dumps(
        said | {"verdicts": [each | ({"reason": "well"} if each is wrong else {}) for each in said["verdicts"]]}
    )
    ways = {
        passing: f"{name}: {of} is kept as pass; the record gives fail",
        better: f"{name}: {of} is kept as fail, which is right, with other reasons or witnesses than the record gives",
        json.dumps(
            said | {"verdicts": []}
        ): f"{name}: {said['verdicts'][0]['requirement']} is kept as nothing; the record gives",
        json.dumps(said | {"name": "other"}): f"{name}: is kept with more, or of something else, than the record gives",
        json.dumps({"refused": said["refused"]}): f"{name}: is kept in another form than the record gives",
        "none": f"{name}: is no answer to a question",
    }
    kept = settings.home / "audit.db"
    answered.close()
    for text, problem in ways.items():
        with closing(sqlite3.connect(kept)) as connection, connection:
            connection.execute("UPDATE proj_report SET said = ? WHERE asked = ?", (text, whole))
        found = verify(settings, projections=True)
        assert [str(each).startswith(problem) for each in found.problems] == [True], found.problems
        assert found.notes[1] == "kept ready for the pages, asked for again and the same: 1 answer"
    with closing(sqlite3.connect(kept)) as connection, connection:
        other = json.dumps(["sha256:" + "0" * 64, None, "release"])
        connection.execute("DELETE FROM proj_report WHERE asked = ?", (whole,))
        connection.execute("UPDATE proj_report SET asked = ? WHERE asked = ?", (other, model))
    assert str(verify(settings, projections=True).problems[0]).startswith(
        f"proj_report {other}: is kept, and the record gives none"
    )


def test_a_table_that_somebody_dropped(settings, read):
    """It is named like a row."""
    tampered(read, "DROP TABLE proj_edge")
    assert [str(problem) for problem in verify(settings, projections=True).problems] == ["proj_edge: is missing"]


def test_many_changed_rows_are_counted(settings, read):
    """The first of a table are named."""
    (changed,) = tampered(read, "UPDATE proj_event SET seq = seq + 100000")
    found = verify(settings, projections=True)
    assert changed > NAMED
    assert found.tables.differences == 2 * changed
    assert len(found.problems) == NAMED + 1
    assert str(found.problems[-1]) == f"proj_event: {2 * changed - NAMED} more rows are not what the log gives"


def test_tables_that_are_behind(settings, read):
    """What they hold is compared, and what they lack of the log is said."""
    entries = read.size()
    read.append([Incoming(b"{}", "test"), Incoming(b"[]", "test")])
    found = verify(settings, projections=True)
    assert (found.ok, found.tables.entries) == (True, entries)
    assert found.notes[-1] == "the last 2 log entries were not in the tables yet"


def test_tables_that_cannot_be_compared(settings, filled):
    """There are none, or those of another version; or the log that they come of does not verify; or a server has them."""
    with pytest.raises(StoreError, match="not made yet"):
        verify(settings, projections=True)
    apply(filled)
    tampered(filled, "UPDATE proj_meta SET value = '0' WHERE key = 'version'")
    with pytest.raises(StoreError, match="of version 0"):
        verify(settings, projections=True)
    with pytest.raises(ConfigurationError, match="The tables of a server"):
        verify(settings, "http://127.0.0.1:1", projections=True)
    tampered(filled, "DROP TRIGGER recent_update", "UPDATE recent SET payloads = envelopes")
    found = verify(settings, projections=True)
    assert not found.ok
    assert found.tables is None
    assert "the tables were not compared" in found.notes[-1]
