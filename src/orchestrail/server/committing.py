"""Events into the store: those that wait at one time share a transaction, and each sender hears of it when it is on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orchestrail.errors import StoreError, Unstorable
from orchestrail.operations.intake import BATCH, BATCH_BYTES, Appended, Incoming, Refused
from orchestrail.queries.snapshot import Store


@dataclass(frozen=True, slots=True)
class _Waiting:
    items: Sequence[Incoming]
    refused: Sequence[Refused]
    done: asyncio.Future[Appended]

    @property
    def size(self) -> int:
        return sum(len(item.body) for item in self.items) + sum(len(one.body) for one in self.refused)


class Committer:
    """Appends for many senders at once.

    Args:
        store: where the events go.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._working: asyncio.Task[None] | None = None
        # Its own, so that no append waits until somebody else's work lets go of one.
        self._thread = ThreadPoolExecutor(1, "append")

    async def append(self, items: Sequence[Incoming], refused: Sequence[Refused] = ()) -> Appended:
        """Append events and put refused bytes aside; returns when the transaction that holds them is on disk.

        Returns:
            What the whole transaction did, in which events of others may be.

        Raises:
            StoreError: nothing of it was stored.
        """
        waiting = _Waiting(items, refused, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        # A sender who goes away takes nobody else's events along.
        return await asyncio.shield(waiting.done)

    async def close(self) -> None:
        """Wait until nothing waits."""
        while self._working is not None:
            await asyncio.wait([self._working])
        self._thread.shutdown()

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._commit(self._next())
        finally:
            self._working = None

    def _next(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        count = size = 0
        while self._waiting and (not taken or (count < BATCH and size < BATCH_BYTES)):
            taken.append(self._waiting.pop(0))
            count += len(taken[-1].items) + len(taken[-1].refused)
            size += taken[-1].size
        return taken

    async def _commit(self, taken: list[_Waiting]) -> None:
        items = [item for each in taken for item in each.items]
        refused = [item for each in taken for item in each.refused]
        try:
            loop = asyncio.get_running_loop()
            appended = await loop.run_in_executor(self._thread, self._store.append, items, refused)
        except Exception as error:  # each sender is told, and the next transaction is tried all the same
            if len(taken) > 1 and (isinstance(error, Unstorable) or not isinstance(error, StoreError)):
                # It is one of them that cannot be stored, which is nothing to the others.
                for each in taken:
                    await self._commit([each])
                return
            for each in taken:
                if not each.done.cancelled():
                    each.done.set_exception(error)
        else:
            for each in taken:
                if not each.done.cancelled():
                    each.done.set_result(appended)
