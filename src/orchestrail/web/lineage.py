"""The graph around a run or a data set: back to what produced it, or forward to what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrail.queries.impact import impact
from orchestrail.queries.loading import dataset_key
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.targets import Target, find_target
from orchestrail.queries.trace import trace
from orchestrail.queries.words import data_name
from orchestrail.web import addresses
from orchestrail.web.graph import DRAWN, MEANINGS, MOST, Found, View, graph

LINES = 1000
"""Edges of one table."""
BESIDE_A_RUN = 4
"""Boxes that a run brings along, itself included: so many fewer runs than boxes are followed forward."""


def lineage(record: Snapshot, given: str, direction: str, opened: Sequence[str], boxes: int) -> dict[str, Any]:
    """Give the graph.

    Args:
        record: a snapshot of the store.
        given: what it is the lineage of.
        direction: `back` or `forward`.
        opened: marks of the boxes that are open.
        boxes: no more than so many.

    Raises:
        NotRecorded: no recorded run has to do with the target.
        AmbiguousRun: it fits more than one thing.
    """
    target = find_target(record, given)
    found = _back(record, target) if direction == "back" else _forward(record, target, boxes // BESIDE_A_RUN)
    dataset, run = target.dataset, target.run
    plain = dataset.digest or given if dataset is not None else run.run_id if run is not None else given
    more = {"boxes": None if boxes == DRAWN else boxes}
    drawn = graph(
        record, found, View(opened, boxes, lambda opened: addresses.lineage(plain, direction, open=opened, **more))
    )
    return {
        "given": plain,
        "opened": opened,
        "all_boxes": addresses.lineage(plain, direction, open=opened, boxes=MOST) if boxes < MOST else None,
        "name": data_name(dataset) if dataset is not None else run.job.name if run is not None else given,
        "page": addresses.data(dataset) if dataset is not None else addresses.run(run.run_id if run else given),
        "is_run": run is not None,
        "followed": len(found.runs) if found.more else None,
        "direction": direction,
        "graph": drawn,
        "lines": drawn.lines[:LINES],
        "more": len(drawn.lines) - min(len(drawn.lines), LINES),
        "meanings": MEANINGS,
    }


def _centre(target: Target) -> str:
    if target.run is not None:
        return target.run.run_id
    assert target.dataset is not None  # noqa: S101 - it is a run or a data set
    return dataset_key(target.dataset)


def _back(record: Snapshot, target: Target) -> Found:
    found = trace(record, target)
    datasets = {key: traced.dataset for key, traced in found.datasets.items()}
    outside = {dataset_key(traced.dataset) for traced in found.sources}
    runs = {row.run_id: row for row in found.runs}
    return Found("What produced it", [_centre(target)], runs, datasets, found.edges, outside)


def _forward(record: Snapshot, target: Target, most: int) -> Found:
    found = impact(record, target, most=most)
    datasets = found.meant | found.certain.datasets | found.possible.datasets
    centres = list(found.meant) or [_centre(target)]
    runs = {row.run_id: row for row in (*found.certain.runs, *found.possible.runs)}
    return Found("What came of it", centres, runs, datasets, found.edges, more=found.cut)
