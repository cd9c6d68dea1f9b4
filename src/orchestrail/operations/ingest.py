"""Events of other producers from files: a JSON document, a JSON array, or JSON lines. Their bytes are kept exactly as they stand.

What is no event goes to quarantine, the rest is appended. What an event means is not asked here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from orchestrail.errors import ConfigurationError
from orchestrail.operations.intake import BATCH, BATCH_BYTES, checked
from orchestrail.store.base import Incoming, Progress, Refused, Store

_BLANK = b" \t\r\n"
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_PLAIN = rb'[^"\[\]{}]++|' + _STRING
_TOKEN = re.compile(_STRING + rb'|["\[\]{},]', re.DOTALL)


def _whole(levels: int) -> bytes:
    """Give what matches anything without brackets, or brackets with such in them, so many levels deep."""
    return rb"%b|[\[{](?:%b)*+[\]}]" % (_PLAIN, _whole(levels - 1)) if levels else _PLAIN


_INSIDE = re.compile(rb'(?:%b)*+(["\[\]{}])' % _whole(5), re.DOTALL)
"""From within an element to its next bracket, or to a string that never ends; over what is whole in it, as most of an event is."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one call of `ingest` did.

    Attributes:
        appended: new log entries.
        duplicates: events that the log held already.
        quarantined: events that were refused, those of an earlier call included.
    """

    appended: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The bytes of one event in a file.

    Attributes:
        body: the bytes as they stand; of a line without its end, of an element of an array without the blanks around it.
        place: the line, or the number in an array; empty for a whole document.
        cut: the file ends before the piece does.
    """

    body: bytes
    place: str = ""
    cut: bool = False


def ingest(store: Store, files: Sequence[Path], progress: Progress | None = None) -> IngestResult:
    """Append the events of files.

    Args:
        store: where they go.
        files: JSON documents, JSON arrays of events or JSON lines; told apart by their content.
        progress: called with files done and files there are.

    Raises:
        ConfigurationError: a file cannot be read; nothing of it was stored, the files before it were.
        StoreError: the store cannot be written.
    """
    total = IngestResult(0, 0, 0)
    for number, path in enumerate(files, start=1):
        try:
            for batch in _batches(pieces(path)):
                total = _append(store, path, batch, total)
        except OSError as error:
            raise ConfigurationError(
                f"{path} cannot be read.", f"{error.strerror}.", "Name a file of OpenLineage events."
            ) from error
        if progress is not None:
            progress(number, len(files))
    return total


def pieces(path: Path) -> Iterator[Piece]:
    """Yield the events of a file, each with exactly its bytes. Files of JSON lines are read line by line, others as a whole."""
    with path.open("rb") as file:
        first = next((line for line in file if line.strip(_BLANK)), b"")
        file.seek(0)
        if _is_object(first):
            yield from _lines(file)
        else:
            yield from split(file.read())


def split(data: bytes) -> Iterator[Piece]:
    """Yield the events of the content of a file, each with exactly its bytes."""
    inner = data.strip(_BLANK)
    if not inner:
        return
    if inner.startswith(b"["):
        yield from _elements(inner)
    elif not _is_object(inner) and any(line.startswith(b"{") and _is_object(line) for line in inner.splitlines()):
        # No document, but some lines are: a file of lines that begins with a damaged one.
        yield from _lines(data.splitlines(keepends=True))
    else:
        yield Piece(data, cut=_is_cut(inner))


def _lines(lines: Iterable[bytes] | BinaryIO) -> Iterator[Piece]:
    for number, line in enumerate(lines, start=1):
        body = line.removesuffix(b"\n").removesuffix(b"\r")
        if body.strip(_BLANK):
            yield Piece(body, f"line {number}", cut=not line.endswith(b"\n"))


def _elements(data: bytes) -> Iterator[Piece]:
    """Cut an array at its own commas. Only brackets and strings are looked at: a damaged element must not take the rest with it."""
    depth, begin, number = 0, 1, 0
    end = None
    at = 0
    while token := _TOKEN.search(data, at) if depth < 2 else _INSIDE.match(data, at):
        kind, at = token[token.lastindex or 0], token.end()
        if kind == b'"':
            break  # a string that never ends
        if kind in b"[{":
            depth += 1
        elif kind in b"]}":
            depth -= 1
        if depth == 0 and kind != b"]":
            break  # closed by what does not close an array
        if (kind == b"," and depth == 1) or depth == 0:
            number += 1
            body = data[begin : token.start()].strip(_BLANK)
            begin = token.end()
            if body or kind == b"," or number > 1:
                yield Piece(body, f"element {number}")
            if depth == 0:
                end = token.end()
                break
    rest = data[begin if end is None else end :].strip(_BLANK)
    if rest:
        yield Piece(rest, f"element {number + 1}" if end is None else "behind the array", cut=depth > 0)


def _is_cut(data: bytes) -> bool:
    depth = 0
    for token in _TOKEN.finditer(data):
        if token[0] == b'"':
            return True
        depth += (token[0] in b"[{") - (token[0] in b"]}")
    return depth > 0


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


def _append(store: Store, path: Path, batch: Sequence[Piece], total: IngestResult) -> IngestResult:
    incoming: list[Incoming] = []
    refused: list[Refused] = []
    for piece in batch:
        place = f"{path.name}: {piece.place}" if piece.place else path.name
        found = checked(Incoming(piece.body, path.name), place, cut=piece.cut)
        if isinstance(found, Incoming):
            incoming.append(found)
        else:
            refused.append(found)
    result = store.append(incoming, refused)
    return replace(
        total,
        appended=total.appended + result.appended,
        duplicates=total.duplicates + result.duplicates,
        quarantined=total.quarantined + len(refused),
    )


def _batches(found: Iterable[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    size = 0
    for piece in found:
        batch.append(piece)
        size += len(piece.body)
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
