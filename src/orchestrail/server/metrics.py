"""What the server counts, for Prometheus. Nothing in it names a system, a run or whoever asks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._events = Counter(
            "orchestrail_events", "Events received, by what became of them", ["result"], registry=self._registry
        )
        self._requests = Histogram(
            "orchestrail_request_seconds",
            "Time to answer",
            ["method", "path", "status"],
            buckets=_FAST,
            registry=self._registry,
        )
        self._size = Gauge("orchestrail_log_entries", "Entries of the log", registry=self._registry)

    def taken(self, accepted: int, refused: int) -> None:
        """Count events: new ones and those that were there already, and those that were refused."""
        self._events.labels("accepted").inc(accepted)
        self._events.labels("refused").inc(refused)

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count an answer.

        Args:
            method: of HTTP.
            path: the pattern of the address, without what was asked for.
            status: of HTTP.
            seconds: that it took.
        """
        self._requests.labels(method, path, str(status)).observe(seconds)

    def text(self, size: int) -> bytes:
        """Write everything in the format of Prometheus.

        Args:
            size: number of log entries.
        """
        self._size.set(size)
        return generate_latest(self._registry)
