"""Events in: OpenLineage's two addresses, and ours for what was spooled elsewhere. Acknowledged when they are on disk."""

# Not `from __future__ import annotations`: FastAPI reads these, and what they name is local.
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from orchestrail import pseudonyms
from orchestrail.errors import EventRefused, Forbidden
from orchestrail.operations.arrivals import MEDIA_TYPE
from orchestrail.operations.arrivals import read as read_arrivals
from orchestrail.operations.ingest import Piece, split
from orchestrail.operations.intake import Incoming, Refused, checked
from orchestrail.operations.speaking import of_others
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.queries.snapshot import Store
from orchestrail.server.addresses import PREFIX
from orchestrail.server.body import Bodies
from orchestrail.server.caller import Caller
from orchestrail.server.committing import Committer
from orchestrail.server.metrics import Metrics
from orchestrail.server.problems import Document, Problem, problem_document, status_of

JSON = frozenset({"application/json"})
ARRIVALS = frozenset({MEDIA_TYPE})
KNOWN = 5000
"""Event ids that are asked about at once."""

_NAMED = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}, "facets": {"type": "object"}},
}
_EVENT = {
    "type": "object",
    "description": "A RunEvent, JobEvent or DatasetEvent of OpenLineage 2-0-2; its specification describes them whole.",
    "required": ["eventTime", "producer", "schemaURL"],
    "properties": {
        "eventTime": {"type": "string", "format": "date-time"},
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "producer": {"type": "string", "minLength": 1},
        "schemaURL": {"type": "string", "minLength": 1},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": {"type": "object"}},
        },
        "job": _NAMED,
        "dataset": _NAMED,
        "inputs": {"type": "array", "items": _NAMED},
        "outputs": {"type": "array", "items": _NAMED},
    },
}
_IDS = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "maxItems": KNOWN}
_EVENT_ID = re.compile(r"[0-9a-f]{64}")


def _takes(schema: Mapping[str, Any], kind: str = "application/json") -> dict[str, Any]:
    """Say in the description of an address what it takes: the bytes are read here, and kept as they are."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


@dataclass(frozen=True, slots=True)
class _Failed:
    index: int
    error: EventRefused | Forbidden

    @property
    def reason(self) -> str:
        return f"{self.error.what} {self.error.why}"

    def document(self) -> dict[str, Any]:
        return {"index": self.index, "reason": self.reason, "retriable": False}


@dataclass(slots=True)
class _Sorted:
    """The events of one request, by where they go."""

    items: list[Incoming]
    refused: list[Refused]
    failed: list[_Failed]


def create_router(
    home: Path,
    store: Store,
    committer: Committer,
    bodies: Bodies,
    metrics: Metrics,
    writer: Callable[[Request], Caller],
) -> APIRouter:
    """Make the addresses that take events.

    Args:
        home: of the server: its tokens say who sent what, and its key tells refused bytes apart.
        store: where they go.
        committer: through which they go.
        bodies: reads what is sent.
        metrics: count it.
        writer: says who sends it, or refuses.
    """
    router = APIRouter(prefix=PREFIX, tags=["OpenLineage"])

    def one_sorted(body: bytes, caller: Caller) -> _Sorted:
        return _sorted(store, home, [Incoming(body, "")], caller)

    def batch_sorted(body: bytes, caller: Caller) -> _Sorted:
        pieces = _pieces(body, bodies.limits.batch)
        return _sorted(store, home, [Incoming(piece.body, "") for piece in pieces], caller)

    def spooled_sorted(body: bytes, caller: Caller) -> _Sorted:
        return _sorted(store, home, list(read_arrivals(body)), caller)

    @router.post("/lineage", summary="Send an event of a run, a job or a data set", openapi_extra=_takes(_EVENT))
    async def lineage(request: Request, caller: Annotated[Caller, Depends(writer)]) -> Response:
        """Take one event, as OpenLineage's clients send it: 200 when it is on disk, or was there already.

        What is no event is kept in quarantine, and answered with 400 (no JSON), 413 (too large) or 422 (no OpenLineage event).
        """
        async with bodies.read(request, JSON) as body:
            found = await run_in_threadpool(one_sorted, body, caller)
            await committer.append(found.items, found.refused)
        metrics.taken(len(found.items), len(found.failed))
        if found.failed:
            error = found.failed[0].error
            return Document(problem_document(error), status_of(error))
        return Document({"status": "success"})

    @router.post(
        "/lineage/batch",
        summary="Send a batch of events",
        status_code=204,
        openapi_extra=_takes({"type": "array", "items": _EVENT}),
        responses={200: {"description": "Some events were taken: which were not, and why"}},
    )
    async def batch(request: Request, caller: Annotated[Caller, Depends(writer)]) -> Response:
        """Take an array of events: 204 when all of them are on disk, 200 and which were refused when some are, 422 when none is.

        What is no event is kept in quarantine. An array that ends in the middle is not taken at all.
        """
        async with bodies.read(request, JSON) as body:
            found = await run_in_threadpool(batch_sorted, body, caller)
            if found.items or found.refused:
                await committer.append(found.items, found.refused)
        metrics.taken(len(found.items), len(found.failed))
        if not found.failed:
            return Response(status_code=204)
        return Document(_summary(found), 200 if found.items else 422)

    @router.post("/spool", tags=["orchestrail"], summary="Send what was spooled", openapi_extra=_takes({}, MEDIA_TYPE))
    async def spool(request: Request, caller: Annotated[Caller, Depends(writer)]) -> Response:
        """Take spooled events with their nonces and numbers, as `orchestrail ship` sends them.

        200 when all of them are on disk, or in quarantine; 403 where the sender may not send some: `forbidden` says which, and why,
        and the others are taken.
        """
        async with bodies.read(request, ARRIVALS) as body:
            found = await run_in_threadpool(spooled_sorted, body, caller)
            done = await run_in_threadpool(store.append, found.items, found.refused)
        forbidden = [each for each in found.failed if isinstance(each.error, Forbidden)]
        metrics.taken(len(found.items), len(found.failed))
        said: dict[str, Any] = {
            "appended": done.appended,
            "duplicates": done.duplicates,
            "quarantined": done.quarantined,
            "size": done.size if caller.systems is None else None,
            "forbidden": [{"index": each.index, "reason": each.reason} for each in forbidden],
        }
        if not forbidden:
            return Document(said)
        # Whoever reads the status alone keeps all that it sent.
        return Document(problem_document(forbidden[0].error) | said, 403)

    @router.post("/spool/known", tags=["orchestrail"], summary="Ask which events are there", openapi_extra=_takes(_IDS))
    async def known(request: Request, caller: Annotated[Caller, Depends(writer)]) -> Response:
        """Say which of the event ids the log holds, so that they need not be sent again."""
        async with bodies.read(request, JSON) as body:
            ids = await run_in_threadpool(_ids, body)
            return Document({"known": sorted(await run_in_threadpool(store.known, ids))})

    return router


def _pieces(body: bytes, most: int) -> list[Piece]:
    if not body.lstrip(b" \t\r\n").startswith(b"["):
        raise Problem(400, "not-an-array", "A batch is an array of events.", "", "Send one event to /lineage.")
    pieces = []
    for piece in split(body):
        if piece.cut:
            raise Problem(400, "cut-off", "The array ends in the middle.", "", "Send it again, whole.")
        if piece.place == "behind the array":
            raise Problem(400, "not-an-array", "Something stands behind the array.", "", "Send one array.")
        pieces.append(piece)
        if len(pieces) > most:
            raise Problem(413, "too-many", f"A batch has {most:,} events at most.", "", "Send several batches.")
    return pieces


def _sorted(store: Store, home: Path, sent: Sequence[Incoming | Refused], caller: Caller) -> _Sorted:
    """Check what was sent, what its sender calls refused too: that alone brings nothing past the door."""
    found = _Sorted([], [], [])
    passed: list[tuple[int, Incoming]] = []
    for index, one in enumerate(sent):
        place = f"{one.source}:{one.emitter}:{one.counter}" if one.emitter else one.source
        item = Incoming(one.body, f"{one.source} {caller.source}".lstrip(), one.nonce, one.emitter, one.counter)
        try:
            each = checked(item, place, systems=caller.systems, records=caller.may(Scope.ADMIN))
        except Forbidden as error:
            found.failed.append(_Failed(index, error))
            continue
        if isinstance(each, Incoming):
            passed.append((index, each))
            continue
        refused = one if isinstance(one, Refused) else each
        found.refused.append(_aside(refused, refused.source, caller, home))
        found.failed.append(_Failed(index, EventRefused(each.reason_code, each.reason)))
    if caller.systems is not None:
        others = of_others(store, [item for _, item in passed], caller.source, caller.systems, Tokens(home))
        found.failed += [_Failed(passed[place][0], error) for place, error in others.items()]
        found.failed.sort(key=lambda each: each.index)
        passed = [each for place, each in enumerate(passed) if place not in others]
    found.items += [item for _, item in passed]
    return found


def _aside(refused: Refused, where: str, caller: Caller, home: Path) -> Refused:
    """Say where refused bytes came from, last who sent them; and tell those of one sender apart, or each is looked for among all.

    Without the key of the home the mark says nothing of bytes that are erased.
    """
    mark = pseudonyms.keyed_digest(home, "refused", hashlib.sha256(refused.body).hexdigest())[-16:]
    return replace(refused, source=f"{where} {mark} {caller.source}".lstrip())


def _ids(body: bytes) -> list[str]:
    try:
        ids = json.loads(body)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, list) or not all(isinstance(each, str) and _EVENT_ID.fullmatch(each) for each in ids):
        raise Problem(400, "not-ids", "This takes an array of event ids.", "An id has 64 hexadecimal digits.")
    if len(ids) > KNOWN:
        raise Problem(413, "too-many", f"No more than {KNOWN:,} ids are asked about at once.")
    return ids


def _summary(found: _Sorted) -> dict[str, Any]:
    successful, failed = len(found.items), len(found.failed)
    counts = {"received": successful + failed, "successful": successful, "failed": failed}
    return {
        "status": "partial_success",
        "summary": counts | {"retriable": 0, "non_retriable": failed},
        "failed_events": [each.document() for each in found.failed],
    }
