"""The first page: what there is, what ran last, and what is not green first."""

from __future__ import annotations

from typing import Any

from orchestrail.operations.checking import Question
from orchestrail.queries.beginnings import beginnings
from orchestrail.queries.overview import latest_models, systems
from orchestrail.queries.runs import runs
from orchestrail.queries.snapshot import Snapshot, Store
from orchestrail.queries.times import today
from orchestrail.requirements.verdicts import ORDER, Status
from orchestrail.web.judging import Judge

PROFILE = "build"
_LATEST = 10
_WORST = 12


def overview(record: Snapshot, store: Store, judge: Judge | None) -> dict[str, Any]:
    """Give what the page shows; without a judge, what concerns all systems is left out."""
    standing = judge.standing(Question(None, None, PROFILE, today(), afar=True)) if judge else None
    report = standing.report if standing else None
    bad = report.having(Status.FAIL, Status.UNKNOWN) if report else []
    # What fails comes first, then what nobody knows; a `must` before a `should`.
    bad.sort(key=lambda each: (ORDER.index(each[1].status), each[0].level != "must"))
    return {
        "standing": standing,
        "report": report,
        "counts": [(status.value, len(report.having(status))) for status in ORDER] if report else [],
        "bad": bad[:_WORST],
        "more": len(bad) - min(len(bad), _WORST),
        "systems": systems(record),
        "models": latest_models(record, _LATEST),
        "runs": runs(record, limit=_LATEST),
        "begins": beginnings(record),
        "head": store.checkpoint() if judge else None,
        "refused": store.refused() if judge else 0,
        "gaps": len(store.gaps()) if judge else 0,
    }
