"""Record newhost: `install()` in a process, and the tasks that it runs from then on are on the record."""

from __future__ import annotations

from orchestrail.adapter import activate
from orchestrail_newhost import plugin

__all__ = ["install"]


def install() -> None:
    """Begin to record in this process; called again, it changes nothing."""
    activate("newhost", plugin)
