"""Verdicts for pages: a short record is judged within the request, a long one beside it, and a page shows what stands ready."""

from __future__ import annotations

import threading
from collections import OrderedDict

from orchestrail.operations.checking import Question, check
from orchestrail.operations.standing import Standing, answer, standing
from orchestrail.operations.standing_in_part import StandingInPart
from orchestrail.queries.snapshot import Progress, Store
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.report import Report

AT_ONCE = 2_000
"""Log entries up to which a page waits for its verdicts: about 0.1 s of judging."""
_KEPT = 64


class _Ended(Exception):
    """A judgement was ended before its end."""


class Judge:
    """Judges the record, and remembers.

    Args:
        store: the record.
        catalogue: the requirements.
        at_once: log entries up to which it is judged within the request; for whoever may see some systems alone, events of these.
    """

    def __init__(self, store: Store, catalogue: Catalogue, at_once: int = AT_ONCE) -> None:
        self.catalogue = catalogue
        self._store = store
        self._at_once = at_once
        self._in_part = StandingInPart(store, catalogue)
        self._problems: OrderedDict[Question, tuple[object, Exception]] = OrderedDict()
        self._wanted: OrderedDict[Question, None] = OrderedDict()
        self._news = threading.Condition()
        self._judging = threading.Lock()
        self._ends = False

    def standing(self, asked: Question) -> Standing:
        """Give what `orchestrail check` gives, for the record as it stands or as it stood when it was judged last.

        What is not of now is judged anew meanwhile, by `work`.

        Raises:
            NotRecorded: the target or the system is not on the record.
            AmbiguousRun: the target fits more than one thing.
            StoreError: the store cannot be read.
        """
        found = self._standing(asked)
        if found.current:
            return found
        if self._is_short(asked):
            return Standing(self._answer(asked), current=True)
        basis = self._basis(asked)
        with self._news:
            rested_on, problem = self._problems.get(asked, (None, None))
            if problem is not None and rested_on == basis:
                raise problem
            self._wanted[asked] = None
            if len(self._wanted) > _KEPT:
                self._wanted.popitem(last=False)
            self._news.notify()
        return found

    def report(self, asked: Question) -> Report:
        """Judge, as `orchestrail check` does; what was judged by some systems alone is given again where it is of now.

        Raises:
            NotRecorded: the target or the system is not on the record.
            AmbiguousRun: the target fits more than one thing.
            StoreError: the store cannot be read, or written where everything is judged.
        """
        if asked.systems is None:
            return check(self._store, self.catalogue, asked)
        found = self._in_part.standing(asked)
        return found.report if found.report and found.current else self._in_part.answer(asked)

    def work(self) -> None:
        """Judge what pages asked for and what is not of now, one question at a time, until `end`."""
        while (asked := self._next()) is not None:
            basis = None
            try:
                basis = self._basis(asked)
                if not self._standing(asked).current:
                    self._answer(asked, self._go_on)
            except _Ended:
                return
            except Exception as error:  # whoever asks again is told
                with self._news:
                    self._problems[asked] = basis, error
                    if len(self._problems) > _KEPT:
                        self._problems.popitem(last=False)

    def end(self) -> None:
        """Have `work` end, in the middle of a judgement too."""
        with self._news:
            self._ends = True
            self._news.notify()

    def _standing(self, asked: Question) -> Standing:
        if asked.systems is not None:
            return self._in_part.standing(asked)
        return standing(self._store, self.catalogue, asked)

    def _answer(self, asked: Question, progress: Progress | None = None) -> Report:
        if asked.systems is not None:
            return self._in_part.answer(asked, progress)
        with self._judging:
            return answer(self._store, self.catalogue, asked, progress)

    def _is_short(self, asked: Question) -> bool:
        if asked.systems is not None:
            return self._in_part.is_short(asked, self._at_once)
        return self._store.size() <= self._at_once

    def _basis(self, asked: Question) -> object:
        """Give what a problem with a question rests on: where it is another one, the problem may be gone."""
        return self._store.size() if asked.systems is None else self._in_part.basis(asked)

    def _go_on(self, _done: int, _total: int) -> None:
        if self._ends:
            raise _Ended

    def _next(self) -> Question | None:
        with self._news:
            while not self._wanted and not self._ends:
                self._news.wait()
            # The one that was asked for last is looked at by somebody.
            return None if self._ends else self._wanted.popitem(last=True)[0]
