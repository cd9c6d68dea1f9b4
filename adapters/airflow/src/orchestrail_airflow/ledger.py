"""What this installation has told of a DAG run: one small file per DAG run in the spool's folder, appended to by every process.

Airflow's processes do not know of each other what they have reported: the scheduler cannot tell a killed task from one that
reported its failure itself. Evidence is the spool alone; a ledger that is lost costs an end that only the orchestrator's own
records can give.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrail.adapter import Owner, State, is_alive, this_process

FOLDER = "airflow"
KEPT = 30 * 24 * 3600.0
"""Seconds after its last line that a ledger is kept: a person may still clear or mark an old run."""
MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A run that was told of.

    Attributes:
        run_id: the run.
        task_id: empty for the DAG run itself.
        map_index: -1 where the task is not mapped.
        try_number: the try.
        owner: the process that began it; None where it was told without being begun.
        ended: whether its end was told.
        state: the end that was told last; None where it is not known.
        begun_at: when its beginning was first noted, in seconds since 1970; None where it was not.
        parent: the pass of the DAG run that it was first told below, or that it goes on with; None where that was not noted.
        resumed: whether somebody else told of its beginning.
    """

    run_id: str
    task_id: str
    map_index: int
    try_number: int
    owner: Owner | None
    ended: bool
    state: str | None = None
    begun_at: float | None = None
    parent: str | None = None
    resumed: bool = False

    @property
    def is_alive(self) -> bool | None:
        """Whether the process that began it lives and can still tell its end; None where that cannot be known from here."""
        return is_alive(self.owner) if self.owner is not None else None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of one DAG run.

    Attributes:
        path: its file.
    """

    path: Path

    @classmethod
    def of(cls, spool: Path, dag_id: str, run_id: str) -> Ledger:
        """Find the ledger of a DAG run; it stays the same when the DAG run is cleared."""
        name = hashlib.sha256(json.dumps([dag_id, run_id]).encode()).hexdigest()[:32]
        return cls(spool / FOLDER / name)

    def begun(
        self,
        run_id: str,
        task_id: str = "",
        map_index: int = -1,
        try_number: int = 0,
        *,
        parent: str | None = None,
        resumed: bool = False,
    ) -> int:
        """Note that the beginning of a run was told, by this process or, where it is resumed, by another, and below which pass.

        Returns:
            Where the ledger goes on after this note, in bytes.
        """
        about = {"begun": run_id, "task": task_id, "map": map_index, "try": try_number, "parent": parent}
        return self._append({**about, "resumed": resumed, "owner": this_process().as_dict(), "at": time.time()})

    def ended(
        self,
        run_id: str,
        task_id: str = "",
        map_index: int = -1,
        try_number: int = 0,
        *,
        state: State | None = None,
        parent: str | None = None,
    ) -> None:
        """Note that the end of a run was told, and which, and below which pass of its DAG run."""
        about = {"ended": run_id, "task": task_id, "map": map_index, "try": try_number, "parent": parent}
        self._append({**about, "state": state})

    def read(self, *, runs: Iterable[str] = (), tasks: Iterable[str] = (), since: int = 0) -> dict[str, Entry]:
        """Give what was told, by run id; empty where nothing was, or where it cannot be read.

        Args:
            runs: ids of the runs that are asked for; with `tasks`, no others are looked at. All, where neither is given.
            tasks: ids of the tasks whose tries are asked for.
            since: where to begin, as `begun` gave it.
        """
        wanted = [f'"{what}":"{run_id}"'.encode() for run_id in runs for what in ("begun", "ended")]
        wanted += [b'"task":%s,' % json.dumps(task_id).encode() for task_id in tasks]
        entries: dict[str, Entry] = {}
        try:
            with self.path.open("rb") as file:
                file.seek(since)
                lines = file.read(MAX_BYTES).splitlines()
        except OSError:
            return entries
        for line in lines:
            if wanted and not any(part in line for part in wanted):
                continue
            with suppress(ValueError, KeyError, TypeError):
                said = json.loads(line)
                owner = Owner(**said["owner"]) if "owner" in said else None
                run_id = said.get("begun") or said["ended"]
                before = entries.get(run_id)
                entries[run_id] = Entry(
                    run_id,
                    said["task"],
                    said["map"],
                    said["try"],
                    owner or (before.owner if before else None),
                    "ended" in said,
                    said.get("state"),
                    before.begun_at if before and before.begun_at is not None else said.get("at"),
                    before.parent if before and before.parent is not None else said.get("parent"),
                    said.get("resumed", False) if before is None else before.resumed,
                )
        return entries

    def open_pass(self) -> str | None:
        """Name the last pass of the DAG run whose beginning was told here, and no end."""
        told = [entry for entry in self.read(tasks=[""]).values() if not entry.task_id]
        return told[-1].run_id if told and not told[-1].ended and not told[-1].resumed else None

    def goes_on_with(self, run_id: str) -> Iterator[str]:
        """Name the open passes that a pass goes on with, the one right before it first."""
        told = self.read(tasks=[""])
        last = told.pop(run_id, None)
        while last is not None and (last := told.pop(last.parent or "", None)) is not None and not last.ended:
            yield last.run_id

    def _append(self, said: dict[str, object]) -> int:
        line = json.dumps(said, separators=(",", ":")).encode() + b"\n"
        try:
            fd = self._open()
        except FileNotFoundError:
            self._make_folder()
            fd = self._open()
        try:
            os.write(fd, line)
            return os.lseek(fd, 0, os.SEEK_CUR)
        finally:
            os.close(fd)

    def _open(self) -> int:
        new = not self.path.exists()
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if new and self.path.parent.stat().st_mode & stat.S_ISGID:
            with suppress(OSError):
                os.fchmod(fd, 0o660)
        if new:
            self._forget_old()
        return fd

    def _make_folder(self) -> None:
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.parent.stat().st_mode & stat.S_ISGID:  # a spool that is shared by a group
            with suppress(OSError):
                folder.chmod(0o2770)

    def _forget_old(self) -> None:
        oldest = time.time() - KEPT
        with suppress(OSError):
            for path in self.path.parent.iterdir():
                if path.stat().st_mtime < oldest:
                    path.unlink()
