"""The graph around a run or a data set: back to what produced it, or forward to what came of it."""

from __future__ import annotations

from typing import Any

from orchestrail.queries.impact import impact
from orchestrail.queries.loading import dataset_key
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.targets import Target, find_target
from orchestrail.queries.trace import trace
from orchestrail.queries.words import data_name
from orchestrail.web import addresses
from orchestrail.web.graph import MEANINGS, Graph, graph

LINES = 1000
"""Edges of one table."""


def lineage(record: Snapshot, given: str, direction: str) -> dict[str, Any]:
    """Give the graph.

    Raises:
        NotRecorded: no recorded run has to do with the target.
        AmbiguousRun: it fits more than one thing.
    """
    target = find_target(record, given)
    drawn = _back(record, target) if direction == "back" else _forward(record, target)
    dataset, run = target.dataset, target.run
    return {
        "given": dataset.digest or given if dataset is not None else run.run_id if run is not None else given,
        "name": data_name(dataset) if dataset is not None else run.job.name if run is not None else given,
        "page": addresses.data(dataset) if dataset is not None else addresses.run(run.run_id if run else given),
        "is_run": run is not None,
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


def _back(record: Snapshot, target: Target) -> Graph:
    found = trace(record, target)
    datasets = {key: traced.dataset for key, traced in found.datasets.items()}
    outside = [dataset_key(traced.dataset) for traced in found.sources]
    return graph("What produced it", [_centre(target)], found.runs, datasets, found.edges, outside)


def _forward(record: Snapshot, target: Target) -> Graph:
    found = impact(record, target)
    datasets = found.meant | found.certain.datasets | found.possible.datasets
    centres = list(found.meant) or [_centre(target)]
    return graph("What came of it", centres, [*found.certain.runs, *found.possible.runs], datasets, found.edges)
