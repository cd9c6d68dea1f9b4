"""The log of a server, checked from afar: recomputed from the entries that it gives, believing nothing but the pinned key.

Events are not read: that the bytes of an event are those that its entry names is shown where the store is. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from orchestrail.errors import ConfigurationError, ServerError
from orchestrail.operations.remote import Server
from orchestrail.queries.tiles import Tile, entries_of
from orchestrail.store.base import Compared, Problem, Progress, Verification
from orchestrail.store.envelope import EnvelopeError, parse_envelope
from orchestrail.store.keys import pinned
from orchestrail.store.merkle import TILE_WIDTH, Frontier, leaf_hash
from orchestrail.store.note import NoteError, Verifier, checked_head, parse_head, parse_note
from orchestrail.store.outside import Comparison, Growth
from orchestrail.store.proofs import Consistency
from orchestrail.store.verify import MAX_PROBLEMS

_LOG = "/api/v1/log"
_NOTE = "The entries that the server gave were recomputed; events, quarantine and what lies beside the log were not looked at."


class ServedLog:
    """The log of a server.

    Args:
        server: to ask.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def checkpoint(self) -> bytes:
        """Give its newest signed head.

        Raises:
            ServerError: it cannot be had.
        """
        return self._server.read(f"{_LOG}/checkpoint")

    def consistency(self, first: int, second: int) -> Consistency:
        """Give a proof that it began, at the second size, with what it was at the first; whether it holds is not looked at.

        Raises:
            ServerError: it cannot be had.
        """
        answer = self._server.read(f"{_LOG}/consistency?first={first}&second={second}")
        try:
            said = json.loads(answer)
            return Consistency(first, second, tuple(bytes.fromhex(node) for node in said["path"]))
        except (ValueError, LookupError, TypeError, RecursionError):
            raise self._other("its proof cannot be read") from None

    def entries(self, size: int) -> Iterator[bytes]:
        """Yield its entries up to a size, in order.

        Raises:
            ServerError: they cannot be had.
        """
        for begin in range(0, size, TILE_WIDTH):
            tile = Tile(None, begin // TILE_WIDTH, min(TILE_WIDTH, size - begin))
            try:
                found = entries_of(self._server.read(f"{_LOG}/tile/{tile.name}"))
            except ValueError:
                found = []
            if len(found) != tile.width:
                raise self._other(f"the bundle {tile.name} does not hold {tile.width} entries")
            yield from found

    def _other(self, why: str) -> ServerError:
        return ServerError(f"{self._server.address} does not answer as a log does.", f"{why.capitalize()}.", "")


def verify_served(
    log: ServedLog,
    home: Path,
    progress: Progress | None = None,
    against: bytes | None = None,
    growth: Growth | None = None,
) -> Verification:
    """Recompute the log of a server from its entries.

    Args:
        log: of the server.
        home: where `keys/` pins the public key of the log.
        progress: called with entries done and entries there are.
        against: a signed checkpoint from outside that this log shall contain.
        growth: of the log that the checkpoint is of, where that log can be asked.

    Raises:
        ConfigurationError: the key of the log is not pinned.
        ServerError: the server cannot be asked, or does not answer as a log does.
    """
    frontier, problems = Frontier(), list[Problem]()
    comparison: Comparison | None = None
    compared: Compared | None = None
    try:
        note = parse_note(log.checkpoint())
        head = checked_head(note, _pinned(home, parse_head(note.text).origin))
    except NoteError as error:
        return Verification(0, frontier.root().hex(), (Problem("checkpoint", None, str(error)),), (_NOTE,))
    if against is not None:
        try:
            comparison = Comparison(against, _pinned(home, head.origin), growth)
            comparison.meet(frontier)
        except NoteError as error:
            problems.append(Problem("against", None, str(error)))
    for entry in log.entries(head.size):
        try:
            parse_envelope(entry)
        except EnvelopeError as error:
            problems.append(Problem("log", f"seq {frontier.size}", f"the envelope: {error}"))
            if len(problems) >= MAX_PROBLEMS:
                break
        frontier.append(leaf_hash(entry))
        if comparison is not None:
            comparison.meet(frontier)
        if progress is not None and (frontier.size % TILE_WIDTH == 0 or frontier.size == head.size):
            progress(frontier.size, head.size)
    if frontier.root() != head.root_hash:
        problems.append(Problem("log", None, "its entries do not lead to the signed root"))
    if comparison is not None:
        compared, problem = comparison.conclude(frontier)
        if problem is not None:
            problems.append(Problem("against", f"size {compared.size}", problem))
    return Verification(frontier.size, frontier.root().hex(), tuple(problems), (_NOTE,), compared)


def _pinned(home: Path, name: str) -> Verifier:
    found = pinned(home, name)
    if found is None:
        raise ConfigurationError(
            f"No key of the log {name!r} is pinned in {home / 'keys'}.",
            "What a server says of its own key shows nothing.",
            "Have whoever keeps the log give you the file of its keys/ that ends in .pub, and lay it there.",
        )
    return found
