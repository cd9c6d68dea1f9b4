"""The body of a request, whole and unpacked, within bounds: how large, how slow, how many at once. Its content is not looked at."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from orchestrail.events.validation import MAX_EVENT
from orchestrail.server.problems import Problem

GZIP = "gzip"
_GZIP_FORMAT = 31
_PIECE = 64 << 10
"""Bytes that are unpacked at a time: what lies behind the end of a member is copied, however much it is."""
MEMBERS = 1000
"""Members of one gzip: each costs time, however little is in it. Writers that cut theirs do so every 64 kB."""
FORM = frozenset({"application/x-www-form-urlencoded"})
LARGEST_FORM = 16 << 10
FIELDS = 10
"""Bytes and fields of a form. Anybody may send one, and it is read where nothing else goes on meanwhile."""
RATE = 1000.0
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server takes.

    Attributes:
        body: bytes of one body, as sent and unpacked.
        held: bytes of all bodies that are in memory at once.
        batch: events in one batch.
        seconds: for a whole body to arrive.
        rate: requests a second from one token, or from one address where none is needed; ten seconds of it may come at once.
        readers: questions that are answered at once.
    """

    body: int = 2 * MAX_EVENT
    held: int = 6 * MAX_EVENT
    batch: int = 10_000
    seconds: float = PATIENCE
    rate: float = RATE
    readers: int = 4


@dataclass(slots=True)
class Bodies:
    """Reads bodies, and knows how much of them is in memory."""

    limits: Limits
    _held: int = field(default=0, init=False)

    @asynccontextmanager
    async def read(self, request: Request, kinds: frozenset[str]) -> AsyncIterator[bytes]:
        """Read a body, and hold it for as long as it is worked on.

        Args:
            request: the request.
            kinds: the media types that are taken.

        Raises:
            Problem: it is of another kind, too large, too slow, packed in a way that is not known, or damaged.
        """
        packing = _packing(request, kinds, (GZIP, "identity"))
        async with self._received(request, self.limits.body) as (body, hold):
            if packing == GZIP:
                body = await run_in_threadpool(unpack, body, self.limits.body)
                hold(len(body))
            yield body

    async def form(self, request: Request) -> dict[str, str]:
        """Read a form of a page; of fields that stand twice, the first.

        Raises:
            Problem: it is none, too large, too slow or packed.
        """
        _packing(request, FORM, ("identity",))
        async with self._received(request, LARGEST_FORM) as (body, _):
            try:
                fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=FIELDS)
            except ValueError:
                raise Problem(413, "too-large", "The form has too many fields.", f"The limit is {FIELDS}.") from None
        return {name: values[0] for name, values in fields.items()}

    @asynccontextmanager
    async def _received(self, request: Request, most: int) -> AsyncIterator[tuple[bytes, Callable[[int], None]]]:
        held = 0

        def hold(more: int) -> None:
            nonlocal held
            if self._held + more > self.limits.held:
                raise Problem(503, "busy", "Too much is being sent at once.", "", "Try again.", retry_after=1)
            self._held += more
            held += more

        try:
            yield await self._receive(request, most, hold), hold
        finally:
            self._held -= held

    async def _receive(self, request: Request, most: int, hold: Callable[[int], None]) -> bytes:
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most:
            raise too_large(most)
        received = bytearray()
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for piece in request.stream():
                    hold(len(piece))
                    received += piece
                    if len(received) > most:
                        raise too_large(most)
        except TimeoutError:
            why = f"The limit is {self.limits.seconds:g} s."
            raise Problem(408, "slow", "The body did not arrive in time.", why) from None
        return bytes(received)


def _packing(request: Request, kinds: frozenset[str], packings: tuple[str, ...]) -> str:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() not in kinds:
        why = f"It came as {kind.strip() or 'nothing that is named'}."
        raise Problem(415, "content-type", f"This takes {' or '.join(sorted(kinds))}.", why)
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8", "utf8"):
        raise Problem(415, "content-type", "JSON is UTF-8 (RFC 8259).", f"It came as {charset}.")
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in packings:
        how = "as it is, or as gzip" if GZIP in packings else "as it is"
        raise Problem(415, "content-encoding", f"This comes {how}.", f"It came as {packing}.")
    return packing


def unpack(data: bytes, most: int) -> bytes:
    """Unpack gzip, of several members too (RFC 1952), as long as it does not become larger than that.

    Raises:
        Problem: it is no gzip, ends in the middle, or is too large.
    """
    unpacked, rest, members = bytearray(), memoryview(data), 0
    try:
        while rest:
            members += 1
            if members > MEMBERS:
                raise Problem(413, "too-large", "The gzip has too many members.", f"The limit is {MEMBERS:,}.")
            member = zlib.decompressobj(wbits=_GZIP_FORMAT)
            while not member.eof:
                if not rest:
                    raise Problem(400, "not-gzip", "The body is no whole gzip.", "It ends in the middle.")
                unpacked += member.decompress(rest[:_PIECE], most + 1 - len(unpacked))
                if len(unpacked) > most:
                    raise too_large(most)
                rest = rest[min(len(rest), _PIECE) - len(member.unused_data) :]
    except zlib.error as error:
        raise Problem(400, "not-gzip", "The body is no gzip.", f"{error}.") from None
    return bytes(unpacked)


def too_large(most: int) -> Problem:
    """Say that a body is larger than what is taken."""
    return Problem(413, "too-large", "The body is too large.", f"The limit is {most:,} bytes, unpacked too.")
