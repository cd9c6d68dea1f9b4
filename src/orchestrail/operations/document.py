"""A technical documentation made, written to a folder and put on the record with its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.queries.snapshot import applied, snapshot
from orchestrail.reports import rendering
from orchestrail.reports.document import documentation
from orchestrail.reports.evidence import gather
from orchestrail.reports.values import Document, Mark
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.settings import Settings
from orchestrail.store.base import Store

SOURCE = "document"
_ATTEMPTS = 5


FILES: Mapping[str, Callable[[Document], bytes]] = {
    "documentation.json": lambda document: rendering.json_text(document).encode(),
    "documentation.html": lambda document: rendering.html(document).encode(),
    "documentation.md": lambda document: rendering.markdown(document).encode(),
}
"""The files of a documentation: the same document gives the same bytes."""


@dataclass(frozen=True, slots=True)
class Written:
    """A documentation that was written.

    Attributes:
        document: what it says.
        files: the files.
        digest: `sha256:...` of the JSON file, which the record names.
        sequence: place in the log of the record of it.
    """

    document: Document
    files: tuple[Path, ...]
    digest: str
    sequence: int


def make(store: Store, catalogue: Catalogue, given: str, day: date, *, afar: bool = False) -> Document:
    """Make a documentation of what is on the record.

    Args:
        store: the record.
        catalogue: whose identity the document names.
        given: the model: a file, a digest, a name.
        day: the UTC day for which it is made.
        afar: whoever asks sits at another machine, and names no file of this one.

    Raises:
        NotRecorded: no recorded run wrote such a model.
        AmbiguousRun: it fits more than one thing.
        StoreError: the store cannot be read.
    """
    for _ in range(_ATTEMPTS):
        head = store.checkpoint()
        with snapshot(store, afar=afar) as record:
            size = applied(record) + 1
            evidence = gather(record, given, day)
        if size == head.size:
            break
    return documentation(evidence, catalogue, day, head.size, head.root_hash.hex())


def write(settings: Settings, store: Store, document: Document, folder: Path, printed: bool) -> Written:
    """Write a documentation into a folder and put it on the record.

    Args:
        settings: name the namespace.
        store: the record.
        document: what it says.
        folder: made where it is missing; files of the same names are replaced.
        printed: a PDF too.

    Raises:
        ConfigurationError: the folder cannot be written, or no PDF can be made here.
        StoreError: the store cannot be written; the files are there.
    """
    contents = {name: content(document) for name, content in FILES.items()}
    if printed:
        contents["documentation.pdf"] = rendering.pdf(contents["documentation.html"].decode())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        why = f"{error.strerror}."
        raise ConfigurationError(f"{folder} cannot be written.", why, "Name another folder with --out.") from error
    digest = f"sha256:{hashlib.sha256(contents['documentation.json']).hexdigest()}"
    said = {
        "model": document.model,
        "system": document.system,
        "digest": digest,
        "day": document.day.isoformat(),
        "size": document.size,
        "root_hash": document.root_hash,
        "draft": document.draft,
        "points": [{"point": point.point, "marks": [mark.value for mark in point.marks]} for point in document.points],
        "missing": sum(Mark.MISSING in point.marks for point in document.points),
    }
    entry = own_record("orchestrail_document", said, SOURCE, Job(settings.namespace, "orchestrail.document"))
    try:
        appended = store.append([entry])
    except StoreError as error:
        what = f"The documentation is in {folder}, and not on the record. {error.what}"
        raise StoreError(what, error.why, error.do) from error
    apply(store)
    return Written(document, tuple(folder / name for name in contents), digest, appended.size - 1)
