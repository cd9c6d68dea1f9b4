"""Record Prefect flows: `audited` above `@flow` puts each flow run, its task runs and its subflows on the record.

Only the public name lives here; how it works is told in `seams` (where we attach), `listener` (what we record) and `translate`.
It is imported, and Prefect with it, when somebody asks for it: the core loads `plugin` in processes that run no flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrail_prefect.decorator import audited

__all__ = ["audited"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orchestrail_prefect import decorator

    return getattr(decorator, name)
