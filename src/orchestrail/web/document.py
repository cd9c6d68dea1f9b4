"""The technical documentation of a model, as it would be made now, and which were handed out. Nothing is put on the record."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import date
from typing import Any

from markupsafe import Markup

from orchestrail.model import DatasetRef
from orchestrail.operations.document import FILES, make
from orchestrail.queries.models import documents
from orchestrail.queries.snapshot import Snapshot, Store
from orchestrail.queries.times import today
from orchestrail.reports.diagrams import svg
from orchestrail.reports.rendering import words
from orchestrail.reports.values import Diagram, Document, Node
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.web import addresses

_KEPT = 16


class Documents:
    """Makes documentations, and remembers those of the record as it stands.

    Args:
        store: the record.
        catalogue: whose identity a document names.
    """

    def __init__(self, store: Store, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._made: OrderedDict[tuple[bytes, str, date], Document] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, digest: str) -> Document:
        """Give what `orchestrail document` makes of a model today; nothing is put on the record.

        Raises:
            NotRecorded: no recorded run wrote such a model.
            StoreError: the store cannot be read.
        """
        with self._lock:
            key = self._store.checkpoint().root_hash, digest, today()
            if key not in self._made:
                self._made[key] = make(self._store, self._catalogue, digest, key[-1], afar=True)
                if len(self._made) > _KEPT:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
            return self._made[key]


def one(record: Snapshot, made: Documents, model: DatasetRef) -> dict[str, Any]:
    """Give the documentation of a model; its figures lead to the entries of the log that they rest on.

    Raises:
        NotRecorded: no recorded run wrote such a model.
    """
    digest = model.digest or ""
    return {
        **words(made.of(digest)),
        "entry": addresses.entry,
        "svg": _picture,
        "digest": digest,
        "files": list(FILES),
        "handed_out": documents(record, digest)[::-1],
    }


def file(made: Documents, model: DatasetRef, name: str) -> bytes | None:
    """Give a file of the documentation as `orchestrail document` would write it now; None where there is none of this name."""
    content = FILES.get(name)
    return content(made.of(model.digest or "")) if content is not None else None


def _picture(diagram: Diagram) -> Markup:
    # Names and addresses in it are escaped where it is drawn.
    return Markup(svg(diagram, _entry_of))  # noqa: S704


def _entry_of(node: Node) -> str | None:
    return addresses.entry(node.sources[0].sequence) if node.sources else None
