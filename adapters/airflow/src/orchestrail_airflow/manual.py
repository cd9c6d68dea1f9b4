"""What people did to a DAG run, from Airflow's own log of actions: who marked or cleared it, when, and the note that they wrote.

Airflow tells its listeners of some of these changes, of none with a name, and of a clear not at all. The log is read in a session
of our own, and so is the note that stands on the DAG run: what somebody writes who triggers it is in no entry of the log that names
the run. Names become pseudonyms as they are read; nothing is recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from orchestrail_airflow.host import is_2, own_session

ACTIONS = {
    "patch_task_instance": "marked",
    "patch_mapped_task_instance": "marked",
    "patch_task_group_instances": "marked",
    "patch_dag_run": "marked",
    "post_clear_task_instances": "cleared",
    "clear_dag_run": "cleared",
    # those of 2.11 alone: of its pages, then of its REST interface
    "success": "marked",
    "failed": "marked",
    "dagrun_success": "marked",
    "dagrun_failed": "marked",
    "dagrun_queued": "marked",
    "set_task_instance_note": "noted",
    "set_mapped_task_instance_note": "noted",
    "set_dag_run_note": "noted",
    "clear": "cleared",
    "dagrun_clear": "cleared",
    "post_set_task_instances_state": "marked",
    "update_dag_run_state": "marked",
}
"""Names of actions in Airflow's log, and what they do."""

_PREFIXES = ("", "api.", "ui.")
"""2.11 says where a request of its REST interface came from."""
_OF_AIRFLOW_ITSELF = ("success", "failed")
"""In 3 not what a person does, but one entry for each try: left out of the question, which is asked in the scheduler."""
_MOST = 1000
_NAMED = 20
"""Tasks of one clear that are named."""
Pseudonym = Callable[[str | None], str | None]
_TEXTS = ("task_id", "group_id", "task_group_id", "new_state", "state")


@dataclass(frozen=True, slots=True)
class Change:
    """One action of a person.

    Attributes:
        what: `marked`, `cleared` or `noted`.
        task_id: the task or the group of tasks that it names; several are told with commas between them; None for the DAG run.
        state: the new state, where it names one.
        at: when.
        actor: a pseudonym of who did it, None where Airflow does not know.
        note: what the person wrote.
    """

    what: str
    task_id: str | None
    state: str | None
    at: datetime
    actor: str | None
    note: str | None

    def as_fact(self) -> dict[str, object]:
        """Give it as it goes on the record."""
        said = {
            "what": self.what,
            "task": self.task_id,
            "state": self.state,
            "at": self.at.isoformat(),
            "changedBy": self.actor,
            "reason": self.note,
        }
        return {name: value for name, value in said.items() if value is not None}


def changes_of(dag_run: Any, version: str, pseudonym: Pseudonym) -> list[Change]:
    """Read what people did to a DAG run of an Airflow of this version, the earliest first.

    Args:
        dag_run: which one.
        version: of Airflow.
        pseudonym: gives what stands for a name on the record.
    """
    from airflow.models.dagrun import DagRunNote
    from airflow.models.log import Log

    columns = (Log.event, Log.task_id, Log.dttm, Log.owner, Log.extra)
    names = [name for name in ACTIONS if is_2(version) or name not in _OF_AIRFLOW_ITSELF]
    wanted = (
        Log.event.in_([prefix + name for prefix in _PREFIXES for name in names]),
        Log.dag_id == dag_run.dag_id,
        # 2.11 does not take it from the body of a request
        (Log.run_id == dag_run.run_id) | (Log.run_id.is_(None) & Log.extra.contains(dag_run.run_id, autoescape=True)),
        Log.try_number.is_(None),  # entries about one try are Airflow's own
    )
    with own_session() as session:
        rows = session.query(*columns).filter(*wanted).order_by(Log.id.desc()).limit(_MOST).all()
        note = (
            session.query(DagRunNote.content, DagRunNote.updated_at).filter(DagRunNote.dag_run_id == dag_run.id).first()
        )
    changes = [change for row in reversed(rows) if (change := change_of(pseudonym, *row)) is not None]
    return with_note(changes, *note) if note is not None else changes


def with_note(changes: list[Change], content: str | None, at: datetime) -> list[Change]:
    """Add the note that stands on the DAG run, where no entry of the log told of it; by whom it is, is not known then."""
    if not content or any(one.note == content and one.task_id is None for one in changes):
        return changes
    return sorted([*changes, Change("noted", None, None, at, None, content)], key=lambda one: one.at)


def change_of(
    pseudonym: Pseudonym, event: str, task_id: str | None, at: datetime, owner: str | None, extra: str | None
) -> Change | None:
    """Read an entry of Airflow's log; None where it is about something else."""
    for prefix in _PREFIXES:
        event = event.removeprefix(prefix)
    what = ACTIONS.get(event)
    said = _parsed(extra)
    if what is None or said.get("dry_run") in (True, "true"):
        return None
    texts = {name: value for name in _TEXTS if isinstance(value := said.get(name), str)}
    state = texts.get("new_state") or texts.get("state")
    if state is None and event in ("success", "failed", "dagrun_success", "dagrun_failed"):
        state = event.removeprefix("dagrun_")
    note = said.get("note")
    if event.startswith("patch_") and state is None:
        what = "noted"
    return Change(
        what,
        task_id or texts.get("task_id") or texts.get("group_id") or texts.get("task_group_id") or _several(said),
        state,
        at,
        pseudonym(owner),
        note if isinstance(note, str) and note else None,
    )


def _several(said: Mapping[str, object]) -> str | None:
    """Name the tasks of a clear: each an id, or an id with the index of one mapped instance."""
    given = said.get("task_ids")
    ids = [one[0] if isinstance(one, list) and one else one for one in given] if isinstance(given, list) else []
    names = list(dict.fromkeys(one for one in ids if isinstance(one, str)))
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return ", ".join([*names[:_NAMED], *more]) or None


def last_of(
    changes: Iterable[Change], task_id: str | None, state: str, *, since: datetime | None = None
) -> Change | None:
    """Find the latest change that can have given a task, or the DAG run itself, a state.

    One of a group, or of the whole DAG run, counts for each of its tasks.
    """
    wide = (None, task_id, (task_id or "").rpartition(".")[0] or None)
    fitting = [
        one
        for one in changes
        if one.what == "marked"
        and one.state in (None, state)
        and one.task_id in wide
        and (since is None or one.at >= since)
    ]
    return fitting[-1] if fitting else None


def told_by(change: Change | None) -> dict[str, object]:
    """Give the facts of an end that a person told; what is known of them where the change is."""
    known: dict[str, object] = {}
    if change is not None:
        known = {"changedBy": change.actor, "changedAt": change.at.isoformat(), "reason": change.note}
    return {"toldBy": "person", "manual": True} | {name: value for name, value in known.items() if value is not None}


def facts_of(changes: Iterable[Change]) -> dict[str, object]:
    """Give all changes as a fact of the DAG run."""
    told = [change.as_fact() for change in islice(changes, _MOST)]
    return {"changes": told} if told else {}


def _parsed(extra: str | None) -> Mapping[str, object]:
    try:
        said = json.loads(extra or "{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
