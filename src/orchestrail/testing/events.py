"""Reading back what a run left, and holding it against the published schemas. Needs `jsonschema`, which the runtime does not."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from orchestrail.events.facets import OURS, schema
from orchestrail.transport.segments import read_segment, segments

_CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"


def spooled_events(spool: Path, *, cut_off: bool = False) -> list[dict[str, Any]]:
    """List the events that lie in a spool, in the order in which they were spooled.

    Args:
        spool: its folder.
        cut_off: whether pieces of lines may lie among them, as a full disk leaves them.

    Raises:
        AssertionError: a segment holds a line that is no record.
    """
    emitters: dict[str, list[tuple[int, int, bytes]]] = {}
    for path in segments(spool):
        segment = read_segment(path)
        if (segment.problems or segment.torn) and not cut_off:
            raise AssertionError(f"{path.name}: {segment.problems} {segment.torn!r}")
        for line in segment.lines:
            emitters.setdefault(segment.emitter or path.name, []).append((line.counter, line.time_ns, line.body))
    merged = heapq.merge(*(_in_order(emitter, lines) for emitter, lines in emitters.items()))
    return [json.loads(body) for _, _, _, body in merged]


def _in_order(emitter: str, lines: list[tuple[int, int, bytes]]) -> Iterator[tuple[int, str, int, bytes]]:
    """Give an emitter's lines by its own counter: the machine's clock may be set back between two of them."""
    latest = 0
    for counter, time_ns, body in sorted(lines):
        latest = max(latest, time_ns)
        yield latest, emitter, counter, body


def schema_problems(event: dict[str, Any], specification: Path | None = None) -> list[str]:
    """Hold an event against our facets' schemas and, where its files are at hand, OpenLineage's.

    Args:
        event: a run event or a job event.
        specification: folder with `OpenLineage.json` and `facets/*.json` of the specification.

    Returns:
        What does not fit, empty where all does.
    """
    kind = "RunEvent" if "run" in event else "JobEvent"
    problems = list(_unfit(event, f"{_CORE}#/$defs/{kind}", specification)) if specification else []
    for key, facet in _facets(event):
        if key in OURS or specification:
            problems += [f"{key}: {problem}" for problem in _unfit(facet, _address(key, facet), specification)]
    return problems


def _address(key: str, facet: dict[str, Any]) -> str:
    return f"urn:orchestrail:facet:{key}:1-0-0" if key in OURS else str(facet["_schemaURL"])


def _facets(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    holders = [event.get("run", {}).get("facets", {}), event["job"].get("facets", {})]
    for dataset in [*event.get("inputs", ()), *event.get("outputs", ())]:
        holders += [dataset.get(name, {}) for name in ("facets", "inputFacets", "outputFacets")]
    for holder in holders:
        yield from holder.items()


def _unfit(value: Any, address: str, specification: Path | None) -> Iterator[str]:
    from jsonschema import Draft202012Validator, FormatChecker

    validator = Draft202012Validator(
        {"$ref": address}, registry=_registry(specification), format_checker=FormatChecker()
    )
    for error in validator.iter_errors(value):
        yield f"{error.json_path}: {error.message}"


@cache
def _registry(specification: Path | None) -> Any:
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    documents = [schema(key) for key in OURS]
    if specification:
        documents += [json.loads(path.read_text()) for path in [specification / "OpenLineage.json"]]
        documents += [json.loads(path.read_text()) for path in sorted((specification / "facets").glob("*.json"))]
    else:
        anything = {"$id": _CORE, "$defs": {"RunFacet": {}, "JobFacet": {}, "DatasetFacet": {}}}
        documents.append(anything)
    resources = [(doc["$id"], Resource.from_contents(doc, default_specification=DRAFT202012)) for doc in documents]
    return Registry().with_resources(resources)
