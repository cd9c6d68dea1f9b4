"""What people did, read from Airflow's own log of actions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail_airflow.manual import ACTIONS, Change, change_of, facts_of, last_of, told_by, with_note

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def pseudonym(name: str | None) -> str | None:
    """Give what stands for a name, in a way that can be told here."""
    return f"somebody of {len(name)} letters" if name else None


def change(event: str, task_id: str | None = "task", **extra: object) -> Change | None:
    """Read an entry of the log."""
    return change_of(pseudonym, event, task_id, NOW, "anna", json.dumps(extra))


def test_a_mark_says_who_and_why() -> None:
    """The person by a pseudonym, the note as it was written."""
    found = change("patch_task_instance", new_state="success", note="checked the data", method="PATCH")
    assert found == Change("marked", "task", "success", NOW, pseudonym("anna"), "checked the data")
    assert told_by(found) == {
        "toldBy": "person",
        "manual": True,
        "changedBy": pseudonym("anna"),
        "changedAt": NOW.isoformat(),
        "reason": "checked the data",
    }
    assert "anna" not in str(found)


@pytest.mark.parametrize(
    ("event", "extra", "what", "state"),
    [
        ("api.patch_task_instance", {"new_state": "failed", "dry_run": False}, "marked", "failed"),
        ("ui.post_clear_task_instances", {"dry_run": False, "task_ids": ["a"]}, "cleared", None),
        ("clear_dag_run", {"dry_run": False}, "cleared", None),
        ("patch_dag_run", {"state": "success"}, "marked", "success"),
        ("patch_dag_run", {"note": "only a note"}, "noted", None),
        ("dagrun_failed", {"confirmed": "true"}, "marked", "failed"),
        ("success", {"confirmed": "true"}, "marked", "success"),
        ("api.set_task_instance_note", {"note": "why"}, "noted", None),
    ],
)
def test_actions_of_both_versions(event: str, extra: dict[str, object], what: str, state: str | None) -> None:
    """Airflow 3 has one interface; 2.11 has pages and one, each with names of its own."""
    found = change(event, None, **extra)
    assert found is not None
    assert (found.what, found.state) == (what, state)


def test_a_clear_names_its_tasks() -> None:
    """By id, or by id and index of a mapped instance; anything else names none."""

    def cleared(task_ids: object) -> str | None:
        found = change("post_clear_task_instances", None, task_ids=task_ids)
        assert found is not None
        return found.task_id

    assert cleared(["clean"]) == "clean"
    assert cleared(["clean", ["train", 0], ["train", 1]]) == "clean, train"
    assert str(cleared([f"task-{number}" for number in range(30)])).endswith("task-19, 10 more")
    assert cleared([]) is cleared("clean") is cleared([7, []]) is None


def test_what_only_tries_or_is_about_something_else_is_no_change() -> None:
    """A dry run, a trigger, a look at the graph."""
    assert change("post_clear_task_instances", dry_run=True) is None
    assert change("trigger_dag_run") is None
    assert change("running") is None


def test_the_last_change_that_fits() -> None:
    """By task, group or DAG run, by state, and not older than the try."""

    def marked(task_id: str | None, state: str, minutes: int = 0) -> Change:
        return Change("marked", task_id, state, NOW + timedelta(minutes=minutes), None, None)

    of_task, of_group, of_run, of_other = (marked(name, "success") for name in ("g.task", "g", None, "other"))
    cleared = Change("cleared", "g.task", None, NOW, None, None)
    assert last_of([of_task, of_other, cleared], "g.task", "success") == of_task
    assert last_of([of_group], "g.task", "success") == of_group
    assert last_of([of_run], "g.task", "success") == of_run
    assert last_of([of_other], "g.task", "success") is None
    assert last_of([of_task], "g.task", "failed") is None
    assert last_of([of_task], None, "success") is None
    assert last_of([of_task], "g.task", "success", since=NOW + timedelta(minutes=1)) is None


def test_the_note_on_a_dag_run_is_told_once() -> None:
    """Where the log has it with who wrote it, that is what is told; one on a task is another note."""
    logged = Change("noted", None, None, NOW, "x", "why")
    later = NOW + timedelta(minutes=1)
    assert with_note([logged], "why", later) == [logged]
    assert with_note([logged], "", later) == with_note([logged], None, later) == [logged]
    of_task = Change("noted", "task", None, NOW, "x", "why")
    added = Change("noted", None, None, later, None, "why")
    assert with_note([of_task], "why", later) == [of_task, added]
    assert with_note([of_task], "why", NOW - timedelta(minutes=1))[1] == of_task


@given(st.sampled_from([*ACTIONS, "other"]) | st.text(), st.none() | st.text(), st.none() | st.text())
def test_anything_in_the_log_is_read_or_left_out(event: str, owner: str | None, extra: str | None) -> None:
    """Plugins of others write into it too."""
    found = change_of(pseudonym, event, None, NOW, owner, extra)
    if found is not None:
        json.dumps(facts_of([found]))
        assert found.what in ("marked", "cleared", "noted")
