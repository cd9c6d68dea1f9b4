"""Who is watching the files that this context opens: one context variable, and a way to look away.

What is noted of an opened file is `files`' matter; the digests only need to open files without being noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrail.capture.files import FileCapture

capturing: ContextVar[FileCapture | None] = ContextVar("orchestrail_capturing", default=None)
"""What notes the files of this context; None where nothing is captured, which is all that the audit hook then looks at."""


@contextmanager
def unobserved() -> Iterator[None]:
    """Open files of our own without being noted as the step's."""
    token = capturing.set(None)
    try:
        yield
    finally:
        capturing.reset(token)
