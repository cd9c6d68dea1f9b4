"""The answers of the commands, as the same documents. What cannot be answered for some systems alone is refused to those who are
bound to them; and where in the log something stands is not told to them, since that counts what others sent.
"""

# Not `from __future__ import annotations`: FastAPI reads these, and what they name is local.
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from orchestrail.errors import NotRecorded
from orchestrail.model import State
from orchestrail.operations.checking import Question
from orchestrail.operations.quarantine import retry_quarantined, show_quarantined
from orchestrail.operations.tokens import Tokens
from orchestrail.queries.beginnings import beginnings
from orchestrail.queries.diff import diff as compare
from orchestrail.queries.documents import (
    beginnings_document,
    checkpoint_document,
    diff_document,
    entry_document,
    impact_document,
    quarantined_document,
    runs_document,
    shown_document,
    trace_document,
    verification_document,
)
from orchestrail.queries.impact import examined
from orchestrail.queries.impact import impact as find_impact
from orchestrail.queries.meetings import left_out, others_of
from orchestrail.queries.origin import readers_of
from orchestrail.queries.runs import find_run
from orchestrail.queries.runs import runs as find_runs
from orchestrail.queries.show import show as rebuild
from orchestrail.queries.snapshot import Snapshot, Store
from orchestrail.queries.targets import find_target, require_version
from orchestrail.queries.times import today, utc
from orchestrail.queries.trace import trace as find_trace
from orchestrail.requirements.report import Report, report_document
from orchestrail.server.addresses import PREFIX
from orchestrail.server.caller import Caller
from orchestrail.server.problems import Document

MOST = 1000
"""Runs, or entries of the log, in one answer."""
LAST = 2**62
PLACES = frozenset({"sequence", "seq"})
"""Under these names documents say where in the log something stands."""

Target = Annotated[str, Query(min_length=1, max_length=4096, description="A digest, a data set or a RUN")]


def create_router(
    store: Store,
    judge: Callable[[Question], Report],
    tokens: Tokens,
    read: Callable[[Request], AsyncIterator[Snapshot]],
    reader: Callable[[Request], AsyncIterator[Caller]],
    reader_of_all: Callable[[Request], AsyncIterator[Caller]],
    administrator: Callable[[Request], AsyncIterator[Caller]],
) -> APIRouter:
    """Make the addresses that answer.

    Args:
        store: the record.
        judge: answers a check.
        tokens: with which what was refused may have come.
        read: gives a snapshot of what the caller may see.
        reader: says who asks, or refuses.
        reader_of_all: says who asks for what concerns all systems, or refuses.
        administrator: says who changes the store, or refuses.
    """
    router = APIRouter(prefix=PREFIX, tags=["record"])

    def seen(request: Request, document: dict[str, Any]) -> Document:
        """Say beside an answer to which systems it is limited: what is not in it may be there all the same."""
        systems = request.state.caller.systems
        if systems is None:
            return Document(document | {"limited_to": None})
        return Document(without_places(document) | {"limited_to": sorted(systems)})

    of_all = [Depends(reader_of_all)]

    @router.get("/runs", summary="Root runs, newest first")
    def runs(
        request: Request,
        record: Annotated[Snapshot, Depends(read)],
        since: Annotated[datetime | None, Query(description="A time with a zone")] = None,
        orchestrator: str | None = None,
        state: State | None = None,
        job: Annotated[str | None, Query(description="* stands for any text")] = None,
        system: str | None = None,
        every: Annotated[bool, Query(alias="all", description="Every run, not root runs alone")] = False,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Document:
        """List runs, as `orchestrail runs` does."""
        found = find_runs(
            record,
            since=utc(since) if since else None,
            orchestrator=orchestrator,
            state=state,
            job=job,
            system=system,
            every=every,
            limit=limit,
        )
        return seen(request, runs_document(found) | beginnings_document(beginnings(record)))

    @router.get("/runs/{run}", summary="A root run rebuilt")
    def show(run: str, request: Request, record: Annotated[Snapshot, Depends(read)]) -> Document:
        """Show the root run that a run belongs to, as `orchestrail show` does."""
        shown = rebuild(record, find_run(record, run))
        return seen(request, shown_document(shown) | beginnings_document(beginnings(record)))

    @router.get("/trace", summary="What produced something")
    def trace(target: Target, request: Request, record: Annotated[Snapshot, Depends(read)]) -> Document:
        """Trace, as `orchestrail trace` does. A file is named by its digest: this machine's files are not looked at."""
        traced = find_trace(record, find_target(record, target))
        readers = readers_of(record, traced.target.dataset)
        others = others_of(record, traced.target)
        return seen(request, trace_document(traced, readers, others) | beginnings_document(beginnings(record)))

    @router.get("/impact", summary="What descends from something")
    def impact(
        target: Target, request: Request, record: Annotated[Snapshot, Depends(read)], version: str | None = None
    ) -> Document:
        """Follow forward, as `orchestrail impact` does."""
        meant = find_target(record, target)
        if version is not None:
            require_version(record, meant, version)
        found = find_impact(record, meant, version)
        looked_at = None if found.certain.models or found.certain.deployments else examined(record)
        return seen(request, impact_document(found, left_out(record, meant), looked_at))

    @router.get("/diff", summary="What changed between two runs or models")
    def diff(a: Target, request: Request, record: Annotated[Snapshot, Depends(read)], b: str | None = None) -> Document:
        """Compare, as `orchestrail diff` does."""
        compared = compare(record, a, b)
        return seen(request, diff_document(compared) | beginnings_document(beginnings(record)))

    @router.get("/check", summary="The requirements, with verdicts and witnesses")
    def check(
        request: Request,
        caller: Annotated[Caller, Depends(reader)],
        target: str | None = None,
        system: str | None = None,
        profile: Annotated[str, Query(pattern="^(build|release|operate)$")] = "build",
        day: Annotated[date | None, Query(alias="date", description="Judge ages by this UTC day")] = None,
    ) -> Document:
        """Judge, as `orchestrail check` does; what evidence of systems that are not seen could change is unknown."""
        asked = Question(target, system, profile, day or today(), afar=True, systems=caller.systems)
        return seen(request, report_document(judge(asked)))

    @router.get("/verify", summary="Recompute the log", dependencies=of_all)
    def verify() -> Document:
        """Recompute the whole log, as `orchestrail verify` does; long where the log is."""
        return Document(verification_document(store.verify()))

    @router.get("/checkpoint", summary="The signed head of the log", dependencies=of_all)
    def checkpoint() -> Document:
        """Give the head, as `orchestrail checkpoint` does."""
        return Document(checkpoint_document(store.checkpoint()))

    @router.get("/log", summary="Entries of the log, in order", dependencies=of_all)
    def log(
        after: Annotated[int, Query(ge=-1, le=LAST)] = -1, limit: Annotated[int, Query(ge=1, le=MOST)] = 100
    ) -> Document:
        """List the entries past a place; the first is 0."""
        entries = [entry_document(entry) for entry in islice(store.records(after), limit)]
        return Document({"size": store.size(), "entries": entries})

    @router.get("/log/{seq}/event", summary="One event, as it came", dependencies=of_all)
    def event(seq: Annotated[int, Path(ge=0, le=LAST)]) -> Response:
        """Give the bytes of an entry, exactly."""
        entry = next(store.records(seq - 1), None)
        if entry is None or entry.seq != seq or entry.body is None:
            raise NotRecorded(f"There is no event at {seq}.", "The log ends before it, or its event was erased.")
        return Response(entry.body, media_type="application/json")

    @router.get("/quarantine", summary="What was refused, and why", dependencies=of_all)
    def quarantine(
        every: Annotated[bool, Query(alias="all")] = False,
        after: Annotated[
            int | None, Query(ge=0, lt=LAST, description="The number of the last entry that is known")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
    ) -> Document:
        """List what was refused, as `orchestrail quarantine list` does; more may come after `next`, if it is not null."""
        found = store.quarantine_entries(limit, resolved=every, past=after)
        following = found[-1].id if len(found) == limit else None
        return Document({"entries": [quarantined_document(entry) for entry in found], "next": following})

    @router.get("/quarantine/{entry}", summary="One that was refused, whole", dependencies=of_all)
    def quarantined(entry: int) -> Document:
        """Show one, as `orchestrail quarantine show` does."""
        found = show_quarantined(store, entry)
        return Document(quarantined_document(found) | {"body": found.body.decode("utf-8", "backslashreplace")})

    @router.post("/quarantine/{entry}/retry", summary="Try one again", dependencies=[Depends(administrator)])
    def retry(entry: int) -> Document:
        """Check one again by the rules of this version, as `orchestrail quarantine retry` does."""
        done = retry_quarantined(store, tokens, [entry])
        return Document({"appended": done.appended, "duplicates": done.duplicates, "quarantined": done.quarantined})

    return router


def without_places(document: Any) -> Any:
    """Leave out of a document where in the log something stands."""
    if isinstance(document, dict):
        return {key: None if key in PLACES else without_places(value) for key, value in document.items()}
    return [without_places(each) for each in document] if isinstance(document, list) else document
