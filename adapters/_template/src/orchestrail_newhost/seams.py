"""Where we attach to newhost, and how we let go. What is recorded there is `orchestrail_newhost.listener`'s matter.

Use what the host offers for it (hooks, listeners, callbacks); replace a function of the host's only where it offers nothing, and
name the versions of the host that need it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrail.adapter import wrap
from orchestrail_newhost import stand_in
from orchestrail_newhost.listener import Listener

_original: Callable[..., Any] | None = None


def install(listener: Listener) -> None:
    """Attach; called again, change nothing."""
    global _original
    if _original is None:
        _original = stand_in.run_task
        stand_in.run_task = wrap(_original, listener.began)


def uninstall() -> None:
    """Put back what was there."""
    global _original
    if _original is not None:
        stand_in.run_task = _original
        _original = None
