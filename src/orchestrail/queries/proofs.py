"""Proofs out of the tables of a log. What a proof is, and how it is checked, is `orchestrail.store.proofs`."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from orchestrail.queries.tiles import hashes
from orchestrail.store import proofs
from orchestrail.store.proofs import Consistency, Inclusion

__all__ = ["Consistency", "Inclusion", "consistency", "inclusion"]


def inclusion(connection: Connection, seq: int, size: int) -> Inclusion:
    """Prove that an entry is in the log.

    Args:
        connection: a snapshot of the whole store.
        seq: place of the entry.
        size: number of entries of the log, of a checkpoint say; larger than `seq`, and no larger than the log.

    Raises:
        ValueError: the log has no such entry at this size, or some of it is missing.
    """
    return proofs.inclusion(partial(hashes, connection), seq, size)


def consistency(connection: Connection, first: int, second: int) -> Consistency:
    """Prove that the log begins, at some size, with what it was at a smaller one.

    Args:
        connection: a snapshot of the whole store.
        first: number of entries of the earlier log.
        second: number of entries of the later one; no larger than the log.

    Raises:
        ValueError: the later log is the smaller one, or some of it is missing.
    """
    return proofs.consistency(partial(hashes, connection), first, second)
