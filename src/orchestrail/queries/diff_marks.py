"""What one side of a comparison may have done without saying so: a step that nobody marked is on no record, and is not absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrail.projections.rows import RunRow

_MARKED = "STEP"
"""OpenLineage's job type of a run that is one for its marking alone: a call within what the orchestrator runs."""


def states_operation(row: RunRow) -> bool:
    """Say whether a run says itself how it prepares data; one that is a step only for what it calls says nothing of its own."""
    known = row.preprocessing
    return bool(known and known.operation and not (row.role_source == "inferred" and known.derived))


class Marks:
    """Where steps of one side are marked.

    Args:
        rows: its runs.
        where: what the side is called.
    """

    def __init__(self, rows: Sequence[RunRow], where: str) -> None:
        self._where = where
        self._rows: Mapping[str, RunRow] = {row.run_id: row for row in rows}
        self._told: dict[str, bool] = {}
        for row in rows:
            self._told.setdefault(row.job.name, False)
        for row in rows:
            if row.job_type == _MARKED or states_operation(row):
                for one in (row, self.enclosing(row)):
                    self._told[one.job.name] = True

    @property
    def lacking(self) -> str | None:
        """Say that no step is marked, where none is."""
        return None if any(self._told.values()) else f"no step of {self._where} is marked"

    def enclosing(self, row: RunRow) -> RunRow:
        """Give what the orchestrator ran, of a call that is marked within it; of all else itself."""
        seen = {row.run_id}
        while (
            row.job_type == _MARKED and (above := self._rows.get(row.parent_run_id or "")) and above.run_id not in seen
        ):
            seen.add(above.run_id)
            row = above
        return row

    def may_lack(self, rows: Iterable[RunRow], theirs: Marks) -> str | None:
        """Say why this side may have done unmarked what runs of the other one did; None where nothing speaks for that.

        Args:
            rows: runs of the other side.
            theirs: where its steps are marked.
        """
        if self.lacking is not None:
            return self.lacking
        for row in rows:
            job = theirs.enclosing(row).job.name
            if self._told.get(job) is False:
                return f"{job} ran in {self._where} too, where nothing in it is marked"
        return None


def are_marked_calls(rows: Iterable[RunRow]) -> bool:
    """Say whether runs are on the record for their marking alone."""
    return all(row.job_type == _MARKED for row in rows)
