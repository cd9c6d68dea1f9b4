"""The one place where our own exceptions are swallowed on a host's path. They are counted, noted for `doctor`, never shown.

The host's exceptions do not pass through here: only our code stands inside a guard.
"""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from orchestrail import trouble
from orchestrail.errors import RequirementNotMet
from orchestrail.redaction import redact_message

P = ParamSpec("P")
R = TypeVar("R")

swallowed: deque[tuple[str, BaseException]] = deque(maxlen=100)
"""What was swallowed in this process, for tests: a fixture raises it again."""

_counts: Counter[str] = Counter()
_home: Path | None = None
_host: str | None = None


def report_to(home: Path, host: str) -> None:
    """Say where notes of trouble go in this process."""
    global _home, _host
    if home != _home:
        _counts.clear()  # what was noted elsewhere has to be noted here
    _home, _host = home, host
    trouble.prepare(home)


class guard:
    """Run a block of our own code on a host's path: no exception of it gets out.

    `RequirementNotMet` passes: refusing is what enforce mode is for.

    Args:
        where: what is being done, in a few words; it is shown by `orchestrail doctor`.
    """

    __slots__ = ("where",)

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Swallow an `Exception`; what is not one (KeyboardInterrupt, a cancellation) is the host's."""
        if error is None or not isinstance(error, Exception) or isinstance(error, RequirementNotMet):
            return False
        note(self.where, error)
        return True


def guarded(where: str, default: R) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Guard a whole function; it returns `default` where it failed."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with guard(where):
                return function(*args, **kwargs)
            return default

        return call

    return decorate


def note(where: str, error: Exception) -> None:
    """Note for `doctor` what kept us from recording: what is swallowed, or what led to a refusal."""
    try:
        swallowed.append((where, error))
        _counts[where] += 1
        if _home is not None and _counts[where] in (1, 10, 100, 1000, 10000):
            text = redact_message(f"{type(error).__name__}: {error}", type(error).__name__)
            trouble.note(_home, where, text, count=_counts[where], host=_host)
    except Exception:  # noqa: S110 - there is nobody left to tell
        pass
