"""The server put together: addresses, who may use them, and what happens around every request. No address is written here but
those about the server itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from html import escape
from typing import Any
from urllib.parse import unquote_plus

from fastapi import Depends, FastAPI, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect

from orchestrail import __version__
from orchestrail.errors import OrchestrailError
from orchestrail.operations.collect import collect
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.queries.snapshot import STEP, Snapshot, Store, apply, is_behind, snapshot
from orchestrail.requirements.catalogue import catalogue_in_force
from orchestrail.server import ingest, read, sign_in, tlog
from orchestrail.server.access import SAFE, Access
from orchestrail.server.addresses import API, METRICS, PREFIX
from orchestrail.server.around import Around
from orchestrail.server.body import Bodies, Limits
from orchestrail.server.caller import Caller
from orchestrail.server.code_flow import CodeFlow
from orchestrail.server.committing import Committer
from orchestrail.server.metrics import Metrics
from orchestrail.server.problems import Document, Problem, answer
from orchestrail.server.rate import Rate
from orchestrail.settings import Settings
from orchestrail.web import router as pages
from orchestrail.web.judging import Judge

_log = logging.getLogger("orchestrail.server")

LARGE = 8 << 10
"""Bytes from which an answer is compressed, for whoever takes it so. Nothing secret stands in an answer."""
COLLECTING = 2.0
"""Seconds between two looks at the local spool."""


def create_app(
    settings: Settings,
    store: Store,
    access: Access,
    limits: Limits | None = None,
    flow: CodeFlow | None = None,
    *,
    collects: bool = False,
) -> FastAPI:
    """Make the server.

    Args:
        settings: name the home and the catalogue of one's own.
        store: the record.
        access: grants requests.
        limits: what it takes.
        flow: how people sign in at an OpenID provider; None where they do not.
        collects: the local spool is collected while it runs.
    """
    limits = limits or Limits()
    metrics, rate, committer = Metrics(), Rate(limits.rate), Committer(store)
    answering = asyncio.Semaphore(limits.readers)
    catalogue = catalogue_in_force(settings.catalogue)
    judge = Judge(store, catalogue)
    behind = asyncio.Event()

    def granted(request: Request, scope: Scope, *, whole: bool = False, evidence: bool = True) -> Caller:
        found = access.identify(request)
        # Before anything is written down: who is refused cannot fill the disk with it.
        known = found.token if isinstance(found, Caller) else None
        rate.take(known or (request.client.host if request.client else ""))
        if "\0" in unquote_plus(f"{request.url.path}?{request.url.query}"):
            raise Problem(400, "parameter", "No name on the record has the character NUL.")
        return access.grant(request, found, scope, whole=whole, evidence=evidence)

    def writer(request: Request) -> Caller:
        return granted(request, Scope.WRITE, evidence=False)

    def counter(request: Request) -> Caller:
        return granted(request, Scope.READ, whole=True, evidence=False)

    def asking(scope: Scope, *, whole: bool = False) -> Callable[[Request], AsyncIterator[Caller]]:
        # What is asked of the store waits for its turn before it takes one of the threads, which who sends events needs too.
        async def asked(request: Request) -> AsyncIterator[Caller]:
            caller = await run_in_threadpool(granted, request, scope, whole=whole)
            async with answering:
                yield caller

        return asked

    reader_of_all = asking(Scope.READ, whole=True)

    def reading(*, whole: bool = False, waits: bool = True) -> Callable[[Request], AsyncIterator[Snapshot]]:
        async def opened(request: Request) -> AsyncIterator[Snapshot]:
            caller = await run_in_threadpool(granted, request, Scope.READ, whole=whole)
            # Who may see some systems alone waits: that events wait to be read would tell that somebody else wrote.
            lasting = waits or caller.systems is not None
            async with (
                answering,
                contextmanager_in_threadpool(
                    snapshot(store, systems=caller.systems, afar=True, waits=lasting)
                ) as record,
            ):
                if is_behind(record):
                    behind.set()
                yield record

        return opened

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        working = [asyncio.create_task(_apply(store, behind)), asyncio.create_task(run_in_threadpool(judge.work))]
        if collects:
            working.append(asyncio.create_task(_collect(settings, store)))
        yield
        judge.end()
        for task in working:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await committer.close()
        try:
            access.close()
        except OrchestrailError as error:
            _log.error("%s", error)

    app = FastAPI(
        title="orchestrail",
        version=__version__,
        summary="OpenLineage events in, the record out.",
        lifespan=lifespan,
        default_response_class=Document,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    app.add_exception_handler(OrchestrailError, _answer)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_address)
    app.add_exception_handler(ClientDisconnect, _gone)

    app.add_middleware(GZipMiddleware, minimum_size=LARGE, compresslevel=5)
    app.add_middleware(Around, metrics=metrics, patience=limits.seconds)

    @app.get("/health", tags=["server"], summary="Whether the store can be read")
    def health() -> Any:
        """Answer 200 where the store can be read, 503 where it cannot."""
        store.size()
        return {"status": "ok"}

    @app.get(METRICS, tags=["server"], summary="Counters, for Prometheus", dependencies=[Depends(counter)])
    def count() -> Response:
        """Give the counters in the text format of Prometheus."""
        return Response(metrics.text(store.size()), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/api", tags=["server"], summary="This description, to read", response_class=HTMLResponse)
    def description() -> str:
        """List the addresses as a page."""
        return _page(app.openapi())

    bodies = Bodies(limits)
    app.include_router(sign_in.create_router(access, bodies, rate, flow))
    app.include_router(ingest.create_router(settings.home, store, committer, bodies, metrics, writer))
    tokens = Tokens(settings.home)
    app.include_router(
        read.create_router(
            store, judge.report, tokens, reading(), asking(Scope.READ), reader_of_all, asking(Scope.ADMIN, whole=True)
        )
    )
    app.include_router(tlog.create_router(store, reader_of_all))
    app.include_router(
        pages.create_router(store, judge, reading(waits=False), reading(whole=True, waits=False), _systems_of)
    )
    return app


async def _collect(settings: Settings, store: Store) -> None:
    told = ""
    while True:
        try:
            await run_in_threadpool(collect, settings, store)
        except OrchestrailError as error:  # the next look may find it mended
            if str(error) != told:
                told = str(error)
                _log.error("collecting: %s", told)
        await asyncio.sleep(COLLECTING)


async def _apply(store: Store, wanted: asyncio.Event) -> None:
    """Bring the tables up to date with the log when somebody asked who does not wait for it."""
    while True:
        await wanted.wait()
        wanted.clear()
        try:
            while await run_in_threadpool(apply, store, most=STEP):
                pass
        except OrchestrailError as error:  # whoever asks next has it tried again
            _log.error("bringing the tables up to date: %s", error)


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, OrchestrailError)  # noqa: S101 - it is registered for no other
    return answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for no other
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return answer(request, Problem(422, "parameter", f"{place} cannot be used.", f"{first['msg']}."))


async def _no_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for no other
    if error.status_code == 404 and request.method in SAFE and not request.url.path.startswith(API):
        return pages.not_found(request.url.path)
    refused = answer(
        request, Problem(error.status_code, "address", f"{error.detail}.", "", f"See {API} for what there is.")
    )
    refused.headers.update(error.headers or {})
    return refused


def _systems_of(request: Request) -> frozenset[str] | None:
    caller: Caller = request.state.caller
    return caller.systems


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it: the body was cut off, and nothing of it was taken


def _page(description: dict[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{method.upper()} {escape(path)}</code><td>{escape(said.get('summary', ''))}"
        f"<td>{escape(said.get('description', ''))}"
        for path, methods in description["paths"].items()
        for method, said in methods.items()
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>orchestrail: addresses</title>'
        f"<h1>orchestrail {escape(__version__)}</h1><p>As OpenAPI: "
        f'<a href="{PREFIX}/openapi.json">{PREFIX}/openapi.json</a></p>'
        f"<table><thead><tr><th>Address<th>What<th>How</thead><tbody>{''.join(rows)}</tbody></table></html>"
    )
