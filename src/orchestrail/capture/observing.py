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


class unobserved:
    """Open files of our own without being noted as the step's."""

    __slots__ = ("_token",)

    _token: Token[FileCapture | None]

    def __enter__(self) -> None:
        """Look away."""
        self._token = capturing.set(None)

    def __exit__(self, *error: object) -> None:
        """Look again."""
        capturing.reset(self._token)
