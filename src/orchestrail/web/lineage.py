"""The graph around a run or a data set: back to what produced it, or forward to what came of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrail.model import DatasetRef
from orchestrail.queries import RunRow
from orchestrail.queries.impact import impact
from orchestrail.queries.loading import dataset_key, load_runs
from orchestrail.queries.meetings import Others, left_out, others_of
from orchestrail.queries.seen import Mark, mark
from orchestrail.queries.snapshot import Snapshot, applied, is_whole
from orchestrail.queries.targets import Target, find_target
from orchestrail.queries.trace import trace
from orchestrail.queries.words import data_name
from orchestrail.web import addresses
from orchestrail.web.graph import DRAWN, MEANINGS, MOST, Found, View, graph

LINES = 1000
"""Edges of one table."""
BESIDE_A_RUN = 4
"""Boxes that a run brings along, itself included: so many fewer runs than boxes are followed forward."""
_VERSIONS = 10
"""Other contents, and other writers, that are named beside the picture."""
_KEPT = 8
_RUNS_KEPT = 20_000
"""Runs of all that is kept: what is larger is followed each time, and does not stay in memory."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Which version of its name a picture is of, where there are several.

    Attributes:
        dataset: the one that is shown.
        writer: the run from which the picture goes back; None where no recorded run wrote it, and forward.
        again: other runs that wrote the same content, the newest last.
        more_again: how many more of those there are.
        others: what else the name stood for.
    """

    dataset: DatasetRef
    writer: RunRow | None
    again: Sequence[RunRow]
    more_again: int
    others: Others


class Lineages:
    """Follows lineage, and remembers what was found last: a box that is opened changes the picture and not what is followed.

    Args:
        runs: no more runs are kept.
    """

    def __init__(self, runs: int = _RUNS_KEPT) -> None:
        self._runs = runs
        self._found: OrderedDict[tuple[int | Mark, str, int | None], tuple[Found, Versions | None]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, record: Snapshot, target: Target, most: int | None) -> tuple[Found, Versions | None]:
        """Follow a target back, or forward to no more runs than there is room for.

        For whoever may see some systems alone it is kept as long as nothing of these changed: its age tells nothing of others.

        Args:
            record: a snapshot of the store.
            target: what it is the lineage of.
            most: how many runs are followed forward; None goes back.
        """

        def follow() -> tuple[Found, Versions | None]:
            return _back(record, target) if most is None else _forward(record, target, most)

        stands = applied(record) if is_whole(record) else mark(record)
        key = stands, f"{target.kind} {_centre(target)}", most
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = follow()
        with self._lock:
            self._found[key] = found
            while len(self._found) > _KEPT or sum(len(each.runs) for each, _ in self._found.values()) > self._runs:
                self._found.popitem(last=False)
        return found


def lineage(
    record: Snapshot, lineages: Lineages, given: str, direction: str, opened: Sequence[str], boxes: int
) -> dict[str, Any]:
    """Give the graph.

    Args:
        record: a snapshot of the store.
        lineages: follows it.
        given: what it is the lineage of.
        direction: `back` or `forward`.
        opened: marks of the boxes that are open.
        boxes: no more than so many.

    Raises:
        NotRecorded: no recorded run has to do with the target.
        AmbiguousRun: it fits more than one thing.
    """
    target = find_target(record, given)
    back = direction == "back"
    found, versions = lineages.of(record, target, None if back else boxes // BESIDE_A_RUN)
    dataset, run = target.dataset, target.run
    # What came of a name is what came of all that bore it; what produced it is asked of one content.
    pinned = dataset.digest if dataset is not None and (back or not target.is_name) else None
    plain = run.run_id if run is not None else pinned or given
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
        "versions": versions,
        "followed": len(found.runs) if found.more else None,
        "unseen": found.unseen,
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


def _back(record: Snapshot, target: Target) -> tuple[Found, Versions | None]:
    found = trace(record, target)
    datasets = {key: traced.dataset for key, traced in found.datasets.items()}
    outside = {dataset_key(traced.dataset) for traced in found.sources}
    runs = {row.run_id: row for row in found.runs}
    drawn = Found("What produced it", [_centre(target)], runs, datasets, found.edges, outside)
    if target.dataset is None:
        return drawn, None
    shown = found.datasets[_centre(target)]
    again = load_runs(record, shown.others[-_VERSIONS:])
    others = others_of(record, target, _VERSIONS)
    if not (again or others.contents):
        return drawn, None
    more = len(shown.others) - len(again)
    return drawn, Versions(shown.dataset, runs.get(shown.writer or ""), list(again.values()), more, others)


def _forward(record: Snapshot, target: Target, most: int) -> tuple[Found, Versions | None]:
    found = impact(record, target, most=most)
    datasets = found.meant | found.certain.datasets | found.possible.datasets
    centres = list(found.meant) or [_centre(target)]
    runs = {row.run_id: row for row in (*found.certain.runs, *found.possible.runs)}
    drawn = Found("What came of it", centres, runs, datasets, found.edges, more=found.cut, unseen=bool(found.unseen))
    others = left_out(record, target)
    if target.dataset is None or not others.contents:
        return drawn, None
    return drawn, Versions(target.dataset, None, (), 0, others)
