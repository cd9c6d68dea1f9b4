"""The tables that questions are answered from, made anew out of the log: of one that holds, and of no other."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrail.operations.verify import verify
from orchestrail.projections.apply import rebuild as remake
from orchestrail.settings import Settings
from orchestrail.store.base import Problem, Progress, Store


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came of it.

    Attributes:
        entries: log entries that the tables were made of; None where the log does not verify: the tables are as they were.
        problems: what is wrong with the log.
    """

    entries: int | None
    problems: tuple[Problem, ...] = ()


def rebuild(
    settings: Settings, store: Store, verifying: Progress | None = None, applying: Progress | None = None
) -> Rebuilt:
    """Recompute the log, and if it is what its signed checkpoints say, drop the tables and make them anew.

    An altered log would be given out as an answer that was just made right. Recomputing costs less than making the tables.

    Args:
        settings: name the store, and the home that pins its public key.
        store: the same store.
        verifying: called with entries recomputed and entries there are.
        applying: called with entries applied and those to apply.

    Raises:
        StoreError: the store cannot be read or written.
    """
    found = verify(settings, progress=verifying)
    if not found.ok:
        return Rebuilt(None, tuple(found.problems))
    return Rebuilt(remake(store, applying))
