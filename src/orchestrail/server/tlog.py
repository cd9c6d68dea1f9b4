"""The log for those who check it by themselves: tiles and checkpoint as C2SP tlog-tiles has them, and proofs after RFC 9162.

All of it is of all systems. What is served here is in the log for good, so it may be kept, by whoever was given it.
"""

# Not `from __future__ import annotations`: FastAPI reads these, and what they name is local.
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from orchestrail.errors import NotRecorded, StoreError
from orchestrail.queries.documents import consistency_document, inclusion_document
from orchestrail.queries.log_entries import newest_head
from orchestrail.queries.proofs import consistency as prove_consistency
from orchestrail.queries.proofs import inclusion as prove_inclusion
from orchestrail.queries.snapshot import Checkpoint, Snapshot, Store
from orchestrail.queries.tiles import contents, parse_tile
from orchestrail.server.addresses import PREFIX
from orchestrail.server.caller import Caller
from orchestrail.server.problems import Document

LAST = 2**62
FOR_GOOD = "private, max-age=31536000, immutable"
"""It never changes, and is for those alone who may read it."""

Size = Annotated[
    int | None, Query(ge=0, le=LAST, description="Entries of the log; all that it has, where none is given")
]
Name = Annotated[str, Path(description="LEVEL/NUMBER, such as 0/x001/x234/067; .p/WIDTH after it where partial")]


def create_router(store: Store, reader: Callable[[Request], AsyncIterator[Caller]]) -> APIRouter:
    """Make the addresses.

    Args:
        store: the record.
        reader: says who asks for what concerns all systems, or refuses.
    """
    router = APIRouter(prefix=f"{PREFIX}/log", tags=["log"], dependencies=[Depends(reader)])

    @contextmanager
    def held_still() -> Iterator[tuple[Snapshot, Checkpoint]]:
        """Hold the log and its head still."""
        with store.read() as record:
            try:
                yield record, newest_head(record)
            except (ValueError, TypeError) as error:  # a row is missing, or is of another kind
                raise StoreError("The log is damaged.", f"{error}.", "Run `orchestrail verify`.") from error

    @router.get("/checkpoint", summary="The signed head of the log, as a note")
    def checkpoint() -> Response:
        """Give the newest checkpoint as C2SP tlog-checkpoint has it."""
        return Response(store.checkpoint().note, media_type="text/plain; charset=utf-8")

    @router.get("/tile/{name:path}", summary="A tile of hashes, or a bundle of entries", response_class=Response)
    def tile(name: Name) -> Response:
        """Give hashes of 32 bytes, or entries, each after its length. An entry is an envelope: it names its event by a digest."""
        try:
            asked = parse_tile(name)
        except ValueError:
            raise NotRecorded(f"No tile is called {name!r}.", "", "See C2SP tlog-tiles for their names.") from None
        with held_still() as (record, head):
            if not asked.is_in(head.size):
                raise NotRecorded(f"The log has no tile {name}.", f"It has {head.size} entries.", "")
            held = contents(record, asked)
        return Response(held, media_type="application/octet-stream", headers={"Cache-Control": FOR_GOOD})

    @router.get("/consistency", summary="Proof that the log begins with what it was")
    def consistency(first: Annotated[int, Query(ge=0, le=LAST)], second: Size = None) -> Document:
        """Prove that the log of the second size begins with that of the first one (RFC 9162, section 2.1.4)."""
        with held_still() as (record, head):
            later = head.size if second is None else second
            if not first <= later <= head.size:
                raise NotRecorded(
                    f"The log was never of {first} entries, and later of {later}.", f"It has {head.size}.", ""
                )
            return Document(consistency_document(prove_consistency(record, first, later)))

    @router.get("/{seq}/proof", summary="Proof that an entry is in the log")
    def proof(seq: Annotated[int, Path(ge=0, le=LAST)], size: Size = None) -> Document:
        """Prove that an entry is in the log of a size (RFC 9162, section 2.1.3)."""
        with held_still() as (record, head):
            whole = head.size if size is None else size
            if not seq < whole <= head.size:
                raise NotRecorded(f"No entry {seq} is in a log of {whole} entries.", f"The log has {head.size}.", "")
            return Document(inclusion_document(prove_inclusion(record, seq, whole)))

    return router
