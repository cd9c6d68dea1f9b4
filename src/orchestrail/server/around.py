"""What happens around every request: it is counted, its body is heard out, its answer gets the headers that bind browsers."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrail.server.metrics import Metrics

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
}
"""Of every answer that does not say otherwise."""

LEFT = 64 << 20
WAITED = 5.0
"""Bytes and seconds of a body that nobody wants: many clients hear a refusal only when all that they send was read."""


class Around:
    """Passes requests on.

    Args:
        app: to which.
        metrics: where they are counted.
        patience: seconds that a body may take at most.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, patience: float) -> None:
        self._app = app
        self._metrics = metrics
        self._waits = min(WAITED, patience)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status, ended = time.perf_counter(), 500, False

        async def receiving() -> Message:
            nonlocal ended
            message = await receive()
            ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                left = LEFT
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._waits):
                        while has_body and not ended and left > 0:
                            left -= len((await receiving()).get("body", b""))
                status = message["status"]
                headers = MutableHeaders(scope=message)
                if has_body and not ended:
                    headers["Connection"] = "close"  # the rest of it, however slowly it comes, is heard by nobody
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        try:
            await self._app(scope, receiving, answering)
        finally:
            path = getattr(scope.get("route"), "path", "none")
            self._metrics.answered(scope["method"], path, status, time.perf_counter() - begin)
