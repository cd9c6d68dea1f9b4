"""How many requests come from one sender: a bucket of each that fills up again."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from orchestrail.server.problems import Problem

_BURST = 10.0
_SENDERS = 10_000


@dataclass(slots=True)
class Rate:
    """Lets so many requests a second through.

    Attributes:
        rate: requests a second from one sender; `_BURST` seconds of it may come at once.
    """

    rate: float
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _taking: threading.Lock = field(default_factory=threading.Lock)

    def take(self, sender: str) -> None:
        """Count a request.

        Raises:
            Problem: that is one too many.
        """
        now, most = time.monotonic(), self.rate * _BURST
        with self._taking:
            left, since = self._buckets.pop(sender, (most, now))
            left = min(most, left + (now - since) * self.rate)
            if len(self._buckets) >= _SENDERS:
                del self._buckets[next(iter(self._buckets))]  # who was not heard of for longest has a full one again
            self._buckets[sender] = (max(left - 1, 0.0), now)
        if left < 1:
            raise Problem(429, "rate", "Too many requests.", f"The limit is {self.rate:g} a second.", retry_after=1)
