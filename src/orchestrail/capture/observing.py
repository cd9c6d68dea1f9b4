"""Who is watching the files that this context opens: one context variable, and a way to look away.

What is noted of an opened file is `files`' matter; the digests only need to open files without being noted.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrail.capture.files import FileCapture

capturing: ContextVar[FileCapture | None] = ContextVar("orchestrail_capturing", default=None)
"""What notes the files of this context; None where nothing is captured, which is all that the audit hook then looks at."""


class observed_by:
    """Work for a run in a thread that does not carry its context.

    Args:
        capture: what notes the files of that run; None to look away.
    """

    __slots__ = ("_capture", "_token")

    _token: Token[FileCapture | None]

    def __init__(self, capture: FileCapture | None) -> None:
        self._capture = capture

    def __enter__(self) -> None:
        """Begin."""
        self._token = capturing.set(self._capture)

    def __exit__(self, *error: object) -> None:
        """See what was seen before."""
        capturing.reset(self._token)


class unobserved(observed_by):
    """Open files of our own without being noted as the step's."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(None)
