"""Verdicts for pages: those of one state of the record are worked out once, however many pages show them."""

from __future__ import annotations

import threading
from collections import OrderedDict

from orchestrail.operations.checking import Question, check
from orchestrail.queries.snapshot import Store
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.report import Report

_KEPT = 64


class Judge:
    """Judges the record, and remembers.

    Args:
        store: the record.
        catalogue: the requirements.
    """

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._store = store
        self._reports: OrderedDict[tuple[bytes, int, Question], Report] = OrderedDict()
        self._lock = threading.Lock()

    def report(self, asked: Question) -> Report:
        """Give what `orchestrail check` gives for the record as it stands.

        Raises:
            NotRecorded: the target or the system is not on the record.
            StoreError: the store cannot be read.
        """
        with self._lock:
            key = self._store.checkpoint().root_hash, len(self._store.quarantined()), asked
            if key not in self._reports:
                self._reports[key] = check(self._store, self.catalogue, asked)
                if len(self._reports) > _KEPT:
                    self._reports.popitem(last=False)
            self._reports.move_to_end(key)
            return self._reports[key]
