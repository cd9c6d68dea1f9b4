"""Record Prefect flows: `audited` above `@flow` puts each flow run, its task runs and its subflows on the record.

Only the public name lives here; how it works is told in `seams` (where we attach), `listener` (what we record) and `translate`.
"""

from __future__ import annotations

from orchestrail_prefect.decorator import audited

__all__ = ["audited"]
