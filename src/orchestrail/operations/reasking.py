"""Answers that stand ready for the pages, asked for again: each is what the record gives, or it is named.

Answers that no page gives as one of now are left out. Nothing is written that lasts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from typing import Any, cast

from orchestrail.errors import AmbiguousRun, ConfigurationError, NotRecorded
from orchestrail.operations.checking import Question
from orchestrail.operations.standing import judged, judged_by, question
from orchestrail.projections import reports
from orchestrail.projections.comparison import Difference
from orchestrail.projections.reports import ReportRow
from orchestrail.queries.snapshot import Snapshot, applied
from orchestrail.queries.words import counted
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.store.base import Store

_TABLE = "proj_report"


class Reasking:
    """One comparison of the answers that are kept with those that the record gives.

    Args:
        store: the record.
        catalogue: by which is judged.
        day: for which all that is on the record was judged last.

    Attributes:
        notes: what was asked for again and what was not, and why.
    """

    def __init__(self, store: Store, catalogue: Catalogue, day: date) -> None:
        self._store = store
        self._catalogue = catalogue
        self._day = day
        self.notes: list[str] = []

    def differences(self, record: Snapshot) -> Iterator[Difference]:
        """Ask again and compare.

        Args:
            record: tables as the log gives them, with a copy of what is kept of judging: an answer about all that is on the record
                sums that up, and brings it up to date.
        """
        given = cast(Store, _AsGiven(self._store, record))
        head, refused = self._store.checkpoint(), self._store.refused()
        now = head.size, head.root_hash.hex(), judged_by(self._catalogue), refused
        right, old = 0, 0
        for row in reports.all_reports(record):
            try:
                asked, said = question(row), json.loads(row.said)
                of = row.size, row.root_hash, row.by, said["refused"]
            except (ValueError, KeyError, TypeError, ConfigurationError):
                yield Difference(_TABLE, row.asked, "is no answer to a question")
                continue
            whole = asked.target is None and asked.system is None
            if of != now or head.size != given.size() or (whole and asked.day != self._day):
                old += 1
            elif (wrong := _wrong(given, self._catalogue, asked, row)) is not None:
                yield Difference(_TABLE, row.asked, wrong)
            else:
                right += 1
        if right:
            self.notes.append(f"kept ready for the pages, asked for again and the same: {counted(right, 'answer')}")
        if old:
            self.notes.append(
                f"kept of an earlier head or day, which a page says, and not asked again: {counted(old, 'answer')}"
            )


class _AsGiven:
    """A store as it is, with the tables of a snapshot in place of its own."""

    def __init__(self, store: Store, record: Snapshot) -> None:
        self._store = store
        self._record = record
        self._size = applied(record) + 1
        self.verify = cache(store.verify)  # once for all questions, which are about one log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def size(self) -> int:
        """Number of entries that the tables hold: no more are applied."""
        return self._size

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        yield self._record

    project = read


def _wrong(given: Store, catalogue: Catalogue, asked: Question, row: ReportRow) -> str | None:
    """Say in what a kept answer is not the one that the record gives; None where it is."""
    try:
        _, right = judged(given, catalogue, asked)
    except (NotRecorded, AmbiguousRun, ConfigurationError) as error:
        return f"is kept, and the record gives none: {error}"
    if right.said == row.said:
        return None
    there, due = (json.loads(each.said) for each in (row, right))
    try:
        kept_as = {each["requirement"]: each for each in there["verdicts"]}
    except (KeyError, TypeError):
        return "is kept in another form than the record gives"
    others = [each for each in due["verdicts"] if kept_as.get(each["requirement"]) != each]
    if not others:
        return "is kept with more, or of something else, than the record gives"
    first = others[0]
    status = kept_as.get(first["requirement"], {}).get("status", "nothing")
    said = f"{first['requirement']} is kept as {status}"
    if status == first["status"]:
        said += ", which is right, with other reasons or witnesses than the record gives"
    else:
        said += f"; the record gives {first['status']}"
    return said if len(others) == 1 else f"{said}; {counted(len(others) - 1, 'more verdict')} differ"
