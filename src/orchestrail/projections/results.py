"""What a run measured and checked, over all its events: from our facets, and from the standard ones where those say more. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrail.projections.values import mapping, objects, plain, sha256, text, truth

if TYPE_CHECKING:
    from orchestrail.projections.fold import StoredEvent

Entry = Mapping[str, Any]


def listed(told: Sequence[StoredEvent], facet: str, key: str) -> tuple[Entry, ...]:
    """Collect the entries of a run facet over all events: a facet that is sent again does not undo what was said."""
    facets = (mapping(event.facets.get(facet)) for event in told)
    return tuple(distinct(plain(entry) for stated in facets for entry in objects(stated.get(key))))


def distinct(values: Iterable[Entry]) -> list[Entry]:
    """Leave out what stands there a second time.

    Args:
        values: as `plain` gives them.
    """
    found: dict[str, Entry] = {}
    for value in values:
        found.setdefault(json.dumps(value, sort_keys=True), value)
    return list(found.values())


def metrics(told: Sequence[StoredEvent]) -> tuple[Entry, ...]:
    """Give what was measured: our own metrics, and of `dataQualityMetrics` what none of ours repeats."""
    ours = listed(told, "orchestrail_metrics", "metrics")
    known = {_subject(entry) for entry in ours}
    standard = distinct(
        {"name": name, "value": value, "dataset": dataset} | ({"column": column} if column is not None else {})
        for dataset, facet in _of_datasets(told, "dataQualityMetrics")
        for column, name, value in _figures(facet)
    )
    return (*ours, *(entry for entry in standard if _subject(entry) not in known))


def checks(told: Sequence[StoredEvent]) -> tuple[Entry, ...]:
    """Give what was checked: our own checks, and those standard tests and assertions that no check of ours repeats."""
    ours = listed(told, "orchestrail_checks", "checks")
    assertions = [
        {
            "name": text(each.get("name")) or text(each.get("assertion")),
            "success": truth(each.get("success")),
            "severity": text(each.get("severity")),
            "kind": text(each.get("assertion")),
            "dataset": dataset,
            **({"column": column} if (column := text(each.get("column"))) else {}),
        }
        for dataset, facet in _of_datasets(told, "dataQualityAssertions")
        for each in objects(facet.get("assertions"))
    ]
    tests = [
        {
            "name": text(test.get("name")),
            "success": {"pass": True, "fail": False}.get(text(test.get("status")) or ""),
            "severity": text(test.get("severity")),
            "kind": text(test.get("type")),
        }
        for test in listed(told, "test", "tests")
    ]
    found = list(ours)
    for standard in (assertions, tests):
        known = {check.get("name") for check in found}
        found += [check for check in distinct(standard) if check["name"] not in known]
    return tuple(found)


_NAMES = {
    "rowCount": "row_count",
    "bytes": "byte_count",
    "fileCount": "file_count",
    "nullCount": "null_count",
    "distinctCount": "distinct_count",
}


def _figures(facet: Entry) -> Iterator[tuple[str | None, str, float]]:
    """Go through the figures of a `dataQualityMetrics`, with their column and the name that we give them."""
    of_columns = ((column, mapping(figures)) for column, figures in mapping(facet.get("columnMetrics")).items())
    for column, figures in [(None, facet), *of_columns]:
        for name, value in figures.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield text(column), _NAMES.get(name, text(name) or ""), plain(value)


def _of_datasets(told: Sequence[StoredEvent], key: str) -> Iterator[tuple[Entry, Entry]]:
    """Go through a facet of the data sets of a run, wherever its producer put it; our adapters say the same in facets of ours."""
    for event in told:
        if event.ours:
            continue
        for direction in ("input", "output"):
            for dataset in objects(event.event.get(f"{direction}s")):
                facets = mapping(dataset.get("facets"))
                known = {
                    "namespace": text(dataset.get("namespace")) or "",
                    "name": text(dataset.get("name")) or "",
                    "digest": sha256(mapping(facets.get("orchestrail_dataset")).get("digest")),
                }
                for holder in (facets, mapping(dataset.get(f"{direction}Facets"))):
                    if facet := mapping(holder.get(key)):
                        yield known, facet


def _subject(entry: Entry) -> tuple[Any, ...]:
    """Say what a figure is of."""
    dataset = mapping(entry.get("dataset"))
    return text(entry.get("name")), text(dataset.get("namespace")), text(dataset.get("name")), text(entry.get("column"))
