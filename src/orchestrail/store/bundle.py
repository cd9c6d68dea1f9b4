"""Neighbouring entries of the log in one row: their envelopes, and their payloads, each compressed together. No tables live here.

A payload is a nonce and behind it the event's bytes. Envelopes and payloads stand apart, so that a payload can be erased and no
envelope is written again. Migrations write this form, so it never changes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

try:
    from isal.isal_zlib import compress  # several times as fast, and what it writes is no larger
except ImportError:  # not every machine has a build of it
    from zlib import compress

WIDTH = 256
"""Entries from which on no further one is added: who reads one entry reads its bundle."""

FULL = 2**20
"""Bytes of payloads from which on no further one is added, for the same reason."""

MOST_ENTRIES = 2 * WIDTH
"""Entries that a bundle can have: one is made once there are as many as the usual width, and an append adds no more than that."""

NONCE = 32
_MOST = 2**28  # bytes of a bundle: an event is far smaller, so what claims more is not read
_NUMBER = 4
_LEVEL = 1  # the next ones take longer and save little


class BundleError(ValueError):
    """Bytes that are no part of a bundle."""


class Stored(NamedTuple):
    """What an entry consists of.

    Attributes:
        envelope: what its leaf commits to.
        nonce: what its event's id is salted with; None where the payload was erased.
        body: the event's bytes; None likewise.
    """

    envelope: bytes
    nonce: bytes | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Bundle:
    """Neighbouring entries as a table has them.

    Attributes:
        first: place of the first one.
        count: number of entries.
        envelopes: of all of them, packed.
        payloads: of all of them, packed.
    """

    first: int
    count: int
    envelopes: bytes
    payloads: bytes

    @property
    def end(self) -> int:
        """The place behind its last entry."""
        return self.first + self.count

    @property
    def row(self) -> tuple[int, int, bytes, bytes]:
        """The values of its row."""
        return self.first, self.count, self.envelopes, self.payloads

    def entries(self) -> list[Stored]:
        """Read its entries.

        Raises:
            BundleError: they cannot be read, or are not as many.
        """
        return [
            Stored(envelope, *((None, None) if payload is None else (payload[:NONCE], payload[NONCE:])))
            for envelope, payload in zip(read_envelopes(self), unpack(self.payloads, self.count), strict=True)
        ]


def read_envelopes(bundle: Bundle) -> list[bytes]:
    """Read the envelopes of a bundle.

    Raises:
        BundleError: they cannot be read, or are not as many.
    """
    found = unpack(bundle.envelopes, bundle.count)
    envelopes = [one for one in found if one is not None]
    if len(envelopes) != len(found):
        raise BundleError("an envelope is missing")
    return envelopes


def cut(payloads: Iterable[bytes | None], width: int = WIDTH) -> Iterator[tuple[int, bytes]]:
    """Cut payloads into what a bundle holds, no more than so many; yields the number of them, and them packed."""
    taken: list[bytes | None] = []
    size = 0
    for payload in payloads:
        taken.append(payload)
        size += len(payload or b"")
        if len(taken) == width or size >= FULL:
            yield len(taken), pack(taken)
            taken, size = [], 0
    if taken:
        yield len(taken), pack(taken)


def pack(values: Sequence[bytes | None]) -> bytes:
    """Write values, of which any may be missing.

    Raises:
        ValueError: they are too large.
    """
    lengths = [0 if value is None else len(value) + 1 for value in values]
    if sum(lengths) > _MOST:
        raise ValueError(f"an event is larger than {_MOST:,} bytes")
    head = struct.pack(f">{1 + len(lengths)}I", len(lengths), *lengths)
    return compress(b"".join([head, *filter(None, values)]), _LEVEL)


def unpack(data: object, count: object = None) -> list[bytes | None]:
    """Read values.

    Args:
        data: what `pack` gave.
        count: how many there have to be; None for any number.

    Raises:
        BundleError: it cannot be read, or there are not as many.
    """
    if not isinstance(data, bytes):
        raise BundleError("it is not bytes")
    inflated = _Inflated(data)
    (number,) = struct.unpack(">I", inflated.read(_NUMBER))
    if number > MOST_ENTRIES or count not in (None, number):
        raise BundleError(f"it has {number} entries" + ("" if count is None else f" and not {count}"))
    lengths = struct.unpack(f">{number}I", inflated.read(_NUMBER * number))
    sizes = [length and length - 1 for length in lengths]
    if sum(sizes) > _MOST:
        raise BundleError("it says that its entries are larger than any")
    values = inflated.read(sum(sizes))
    inflated.end()
    bounds = pairwise(accumulate(sizes, initial=0))
    return [values[begin:end] if length else None for length, (begin, end) in zip(lengths, bounds, strict=True)]


class _Inflated:
    """Compressed bytes that are read from their beginning on, and no further than is asked for."""

    def __init__(self, data: bytes) -> None:
        self._inflater = zlib.decompressobj()
        self._rest = data

    def read(self, size: int) -> bytes:
        """Read so many bytes."""
        data = self._inflate(size) if size else b""  # to ask for none would mean any number of them
        if len(data) != size:
            raise BundleError("it is cut off")
        return data

    def end(self) -> None:
        """Require that nothing follows."""
        if self._inflate(1) or not self._inflater.eof or self._inflater.unused_data:
            raise BundleError("something follows its entries, or its end is missing")

    def _inflate(self, size: int) -> bytes:
        try:
            data = self._inflater.decompress(self._rest, size)
        except zlib.error as error:
            raise BundleError(f"it cannot be decompressed: {error}") from error
        self._rest = self._inflater.unconsumed_tail
        return data
