"""How long a connection waits for its other side: to ask, and to take an answer. uvicorn itself waits for ever for both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Patience(H11Protocol):
    """HTTP as uvicorn speaks it, with an end to waiting; how long a body may take is `orchestrail.server.body`'s matter.

    Attributes:
        seconds: for the head of a request to arrive, from the beginning of the connection or from its first byte; and for an answer
            to be taken, which lies in memory until then.
    """

    seconds: float

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first head from now on."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._wait("head", self.transport.close)

    def data_received(self, data: bytes) -> None:
        """Go on waiting for a head that is not whole, or stop."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop("head")
        elif "head" not in self._waiting:
            self._wait("head", self.transport.close)

    def pause_writing(self) -> None:
        """Wait for the other side to take what is written."""
        super().pause_writing()
        self._wait("answer", self.transport.abort)

    def resume_writing(self) -> None:
        """It took it."""
        super().resume_writing()
        self._stop("answer")

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop("head")
        self._stop("answer")
        super().connection_lost(exc)

    def _wait(self, what: str, end: Callable[[], None]) -> None:
        self._waiting[what] = self.loop.call_later(self.seconds, end)

    def _stop(self, what: str) -> None:
        if what in self._waiting:
            self._waiting.pop(what).cancel()


def patience(seconds: float) -> type[Patience]:
    """Give the protocol that waits so long."""
    return type("PatienceOf", (Patience,), {"seconds": seconds})
