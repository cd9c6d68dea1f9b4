"""Answers that stand ready for those who may see some systems alone: kept in the memory of one process, each under the systems that
it was judged by, and given to nobody who sees others.

An answer is of now as long as what it rests on is what it was, whatever came in of other systems: its age tells of nothing that is
not seen. Nothing of it is written anywhere: in the store it would have to be verified for each choice of systems.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict

from orchestrail.operations.checking import Question, check
from orchestrail.operations.judging import basis
from orchestrail.operations.standing import Standing, laid_out, read_back
from orchestrail.queries.seen import is_little, mark
from orchestrail.queries.snapshot import snapshot
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.judging import circumstances_of
from orchestrail.requirements.report import Report
from orchestrail.store.base import Progress, Store

KEPT = 256
"""Answers that are kept, those that were asked for last."""

Basis = tuple[object, ...]


class StandingInPart:
    """The last answers to questions of those who may see some systems alone.

    Args:
        store: the record.
        catalogue: the requirements.
    """

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._kept: OrderedDict[Question, tuple[Basis, bytes]] = OrderedDict()
        self._turn = threading.Lock()

    def standing(self, asked: Question) -> Standing:
        """Give the last answer to a question, without judging anything; one for another day is none.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._turn:
            kept = self._kept.get(asked)
            if kept is None:
                return Standing(None, current=False)
            self._kept.move_to_end(asked)
        rests_on, text = kept
        report = read_back(zlib.decompress(text).decode(), self._catalogue, asked.profile, None, None, asked.day)
        return Standing(report, current=rests_on == self.basis(asked))

    def answer(self, asked: Question, progress: Progress | None = None) -> Report:
        """Judge what is asked for, and keep the report; raises what `check` does.

        Args:
            asked: the question.
            progress: called with units judged and units to judge; what it raises ends the judgement, of which nothing is kept then.
        """
        rests_on = self.basis(asked)  # what changes from here on makes it an older one
        report = check(self._store, self._catalogue, asked, progress)
        text = zlib.compress(laid_out(report).encode(), 1)
        with self._turn:
            self._kept[asked] = rests_on, text
            self._kept.move_to_end(asked)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return report

    def basis(self, asked: Question) -> Basis:
        """Give all that the answer to a question depends on beside itself, of which the day is a part.

        Raises:
            StoreError: the store cannot be read.
        """
        with snapshot(self._store, systems=asked.systems) as record:
            circumstances = circumstances_of(record, self._catalogue, asked.day)
            recorded = circumstances.recorded
            stated = recorded and (recorded.seq, recorded.received_at)
            return basis(self._catalogue, circumstances), stated, mark(record)

    def is_short(self, asked: Question, most: int) -> bool:
        """Say whether no more than so many events are seen, which is soon judged.

        Raises:
            StoreError: the store cannot be read.
        """
        with snapshot(self._store) as record:
            return is_little(record, asked.systems or (), most)
