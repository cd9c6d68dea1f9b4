"""Verdicts for pages: a short record is judged within the request, a long one beside it, and a page shows what stands ready."""

from __future__ import annotations

import threading
from collections import OrderedDict

from orchestrail.operations.checking import Question, check
from orchestrail.operations.standing import Standing, answer, standing
from orchestrail.queries.snapshot import Store
from orchestrail.requirements.catalogue import Catalogue

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
        at_once: log entries up to which it is judged within the request.
    """

    def __init__(self, store: Store, catalogue: Catalogue, at_once: int = AT_ONCE) -> None:
        self.catalogue = catalogue
        self._store = store
        self._at_once = at_once
        self._problems: OrderedDict[Question, tuple[int, Exception]] = OrderedDict()
        self._wanted: OrderedDict[Question, None] = OrderedDict()
        self._news = threading.Condition()
        self._judging = threading.Lock()
        self._ends = False

    def standing(self, asked: Question) -> Standing:
        """Give what `orchestrail check` gives, for the record as it stands or as it stood when it was judged last.

        What is not of now is judged anew meanwhile, by `work`. For whoever may see some systems alone it is judged each time,
        within the request: what is kept would tell by its age when others wrote.

        Raises:
            NotRecorded: the target or the system is not on the record.
            AmbiguousRun: the target fits more than one thing.
            StoreError: the store cannot be read.
        """
        if asked.systems is not None:
            return Standing(check(self._store, self.catalogue, asked), current=True)
        found = standing(self._store, self.catalogue, asked)
        if found.current:
            return found
        size = self._store.size()
        if size <= self._at_once:
            with self._judging:
                return Standing(answer(self._store, self.catalogue, asked), current=True)
        with self._news:
            judged, problem = self._problems.get(asked, (-1, None))
            if problem is not None and judged == size:
                raise problem
            self._wanted[asked] = None
            if len(self._wanted) > _KEPT:
                self._wanted.popitem(last=False)
            self._news.notify()
        return found

    def work(self) -> None:
        """Judge what pages asked for and what is not of now, one question at a time, until `end`."""
        while (asked := self._next()) is not None:
            size = self._store.size()
            try:
                with self._judging:
                    if not standing(self._store, self.catalogue, asked).current:
                        answer(self._store, self.catalogue, asked, self._go_on)
            except _Ended:
                return
            except Exception as error:  # whoever asks again is told
                with self._news:
                    self._problems[asked] = size, error
                    if len(self._problems) > _KEPT:
                        self._problems.popitem(last=False)

    def end(self) -> None:
        """Have `work` end, in the middle of a judgement too."""
        with self._news:
            self._ends = True
            self._news.notify()

    def _go_on(self, _done: int, _total: int) -> None:
        if self._ends:
            raise _Ended

    def _next(self) -> Question | None:
        with self._news:
            while not self._wanted and not self._ends:
                self._news.wait()
            # The one that was asked for last is looked at by somebody.
            return None if self._ends else self._wanted.popitem(last=True)[0]
