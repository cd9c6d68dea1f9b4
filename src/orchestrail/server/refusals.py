"""Which refusals are lines of their own, so that nobody who is refused fills a disk; the others are counted."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from hashlib import sha256

LINES = 100
SECONDS = 600.0
"""So many refusals of one sender are written down one by one in this time."""
SENDERS = 10_000
"""Whose refusals are counted at one time."""
LONGEST = 2048
"""Characters of a text in the line of a refusal."""


@dataclass(slots=True)
class Counted:
    """Refusals of one sender.

    Attributes:
        sender: who was refused.
        since: when the first of them was.
        seen: how many there were.
    """

    sender: str
    since: float
    seen: int = 0

    @property
    def left_out(self) -> int:
        """How many of them were not written down one by one."""
        return max(self.seen - LINES, 0)


@dataclass(slots=True)
class Refusals:
    """Counts refusals."""

    _counted: dict[str, Counted] = field(default_factory=dict)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def take(self, sender: str, now: float) -> bool:
        """Count a refusal, and say whether it is written down by itself."""
        with self._counting:
            counted = self._counted.setdefault(sender, Counted(sender, now))
            counted.seen += 1
            return not counted.left_out

    def ended(self, now: float) -> list[Counted]:
        """Give the senders whose time is over and of whom something was left out; they begin anew.

        Where there are too many senders, the time of the first is over.
        """
        found = []
        with self._counting:
            while self._counted:
                first = next(iter(self._counted.values()))
                if now < first.since + SECONDS and len(self._counted) <= SENDERS:
                    break
                del self._counted[first.sender]
                if first.left_out:
                    found.append(first)
        return found


def short(text: str) -> str:
    """Give a text that somebody sent who was refused; of one that is too long its beginning, its length and its digest."""
    written = json.dumps(text)[1:-1]
    if len(written) <= LONGEST:
        return text
    digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{written[:LONGEST]}... {len(text)} characters, sha256:{digest}"
