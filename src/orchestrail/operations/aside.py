"""Spooled events that a server does not take from here: kept beside the spool, in the form in which they are sent, until they are
sent again or somebody takes them away. Nothing is sent here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrail.durable import put
from orchestrail.errors import EventRefused, SpoolError
from orchestrail.operations import arrivals
from orchestrail.settings import Settings
from orchestrail.store.base import Incoming, Refused

_SUFFIX = ".arrivals"


class Aside:
    """What is kept aside of a spool.

    Args:
        settings: name the spool.

    Attributes:
        folder: where it is.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.spool / "forbidden"

    def keep(self, items: Sequence[Incoming], refused: Sequence[Refused]) -> Path:
        """Keep a batch; it is on disk when this returns, under a name that its content gives.

        Raises:
            SpoolError: it cannot be kept.
        """
        data = arrivals.write(items, refused)
        path = self.folder / f"{hashlib.sha256(data).hexdigest()[:32]}{_SUFFIX}"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            put(path, data)
        except OSError as error:
            raise self._unusable(error) from error
        return path

    def batches(self) -> Iterator[tuple[Path, list[Incoming], list[Refused]]]:
        """Read what is kept, batch by batch.

        Raises:
            SpoolError: it cannot be read.
        """
        try:
            paths = sorted(self.folder.glob(f"*{_SUFFIX}"))
            for path in paths:
                kept = list(arrivals.read(path.read_bytes()))
                yield (
                    path,
                    [each for each in kept if isinstance(each, Incoming)],
                    [each for each in kept if isinstance(each, Refused)],
                )
        except (OSError, EventRefused) as error:
            raise self._unusable(error) from error

    def count(self) -> int:
        """Count what is kept, each event once, though it may be in several batches.

        Raises:
            SpoolError: it cannot be read.
        """
        kept: set[tuple[bytes | None, bytes]] = set()
        for _, items, refused in self.batches():
            kept |= {(one.nonce, one.body) for one in items} | {(one.nonce, one.body) for one in refused}
        return len(kept)

    def _unusable(self, error: OSError | EventRefused) -> SpoolError:
        why = error.strerror if isinstance(error, OSError) else error.why
        return SpoolError(f"What is kept aside in {self.folder} cannot be used.", f"{why}", "See who owns the folder.")
