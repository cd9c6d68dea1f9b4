"""Data sets and models that are to be used no more, with all that was known to be them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from orchestrail.model import DatasetRef
from orchestrail.projections import tables
from orchestrail.projections.rows import WithdrawalRow


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal.

    Attributes:
        row: what was withdrawn, since when and why.
        digests: the contents that are withdrawn by it: equal bytes are withdrawn under any name, what is empty under its own.
    """

    row: WithdrawalRow
    digests: frozenset[str]

    def covers(self, dataset: DatasetRef) -> bool:
        """Say whether a data set is withdrawn by it; one without a digest is by its name, and its version if one was given."""
        row = self.row
        named = (dataset.namespace, dataset.name) == (row.namespace, row.name)
        if dataset.digest is not None and dataset.digest in self.digests and (named or not dataset.is_empty):
            return True
        if not named:
            return False
        if row.digest is not None:
            return dataset.digest is None and (row.version is None or dataset.version in (None, row.version))
        return row.version is None or dataset.version == row.version


def withdrawals(connection: Connection) -> list[Withdrawal]:
    """List all withdrawals, by place in the log."""
    return [
        Withdrawal(row, frozenset(_digests(connection, row)))
        for columns in connection.execute(select(tables.withdrawal).order_by(tables.withdrawal.c.seq)).mappings()
        for row in [tables.withdrawal_row(columns)]
    ]


def _digests(connection: Connection, row: WithdrawalRow) -> Iterator[str]:
    if row.digest is not None:
        yield row.digest
        return
    use = tables.use.c
    query = select(use.digest).where(use.namespace == row.namespace, use.name == row.name, use.digest.is_not(None))
    if row.version is not None:
        query = query.where(use.version == row.version)
    yield from connection.execute(query.distinct()).scalars()
