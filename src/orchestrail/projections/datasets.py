"""What a run read and wrote: the union over its events, one row for each version of a data set. Pure; no other run is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrail.model import DatasetRef
from orchestrail.projections.rows import Use
from orchestrail.projections.values import mapping, objects, sha256, text, whole

if TYPE_CHECKING:
    from orchestrail.projections.fold import StoredEvent

_OBSERVED = ("at_read", "at_write", "at_collect", "declared", "looked_up")

_SOURCES = ("declared", "inferred")


def uses(told: Sequence[StoredEvent], direction: str) -> tuple[Use, ...]:
    """Unite the inputs or outputs of a run's events.

    A data set that one event only names and another one identifies is one row: what is named joins what is identified.

    Args:
        told: the run's events by place in the log.
        direction: `input` or `output`.
    """
    found: dict[tuple[str, ...], Use] = {}
    stands: dict[tuple[str, str], str] = {}
    for event in told:
        listed = list(_datasets(event.event, direction))
        several = Counter(
            (space, name)
            for space, name, digest in {(each.namespace, each.name, each.digest) for each in listed}
            if digest
        )
        for dataset in listed:
            key, name = _key(dataset), (dataset.namespace, dataset.name)
            use = Use(event.run_id, direction, dataset, event.seq, event.at)
            known = found.get(key)
            again = False
            if direction == "output" and dataset.digest and dataset.observed != "at_collect":
                # A content that was written once more after another one is what the name stands for again. An event that lists
                # several of one name does not say in which order they were written.
                again = several[name] == 1 and stands.get(name, dataset.digest) != dataset.digest
                if known is None or again:
                    stands[name] = dataset.digest
            found[key] = (
                use if known is None else replace(use if again else known, dataset=_joined(known.dataset, dataset))
            )
    rows = sorted(found.values(), key=_exactness)
    united: list[Use] = []
    for use in rows:
        for place, other in enumerate(united):
            if _covers(other.dataset, use.dataset):
                first = min(other, use, key=_place) if other.dataset.observed == "at_collect" else other
                united[place] = replace(first, dataset=_joined(use.dataset, other.dataset))
                break
        else:
            united.append(use)
    return tuple(sorted(united, key=lambda use: (use.seq, *_key(use.dataset))))


def without_read_back(inputs: Sequence[Use], told: Sequence[StoredEvent]) -> tuple[Use, ...]:
    """Leave out what a run read of its own outputs: another producer names it, and our adapter saw it written, not read before.

    Args:
        inputs: the run's inputs.
        told: the run's events.
    """
    ours = [event.event for event in told if event.ours]
    read = {(dataset.namespace, dataset.name) for event in ours for dataset in _datasets(event, "input")}
    wrote = {
        (dataset.namespace, dataset.name)
        for event in ours
        for dataset in _datasets(event, "output")
        if dataset.digest and dataset.observed == "at_write"
    }
    return tuple(
        use
        for use in inputs
        if use.dataset.digest or use.dataset.version or (use.dataset.namespace, use.dataset.name) not in wrote - read
    )


def _key(dataset: DatasetRef) -> tuple[str, str, str, str]:
    return dataset.namespace, dataset.name, dataset.digest or "", dataset.version or ""


def _place(use: Use) -> int:
    return use.seq


def _exactness(use: Use) -> tuple[bool, bool, int, tuple[str, str, str, str]]:
    return use.dataset.digest is None, use.dataset.version is None, use.seq, _key(use.dataset)


def _covers(exact: DatasetRef, vague: DatasetRef) -> bool:
    """Say whether `vague` names no more than `exact` does."""
    return (
        (exact.namespace, exact.name) == (vague.namespace, vague.name)
        and vague.digest in (None, exact.digest)
        and vague.version in (None, exact.version)
    )


def _joined(first: DatasetRef, second: DatasetRef) -> DatasetRef:
    """Take the second's facts, and the first's where the second has none."""
    observed = second.observed if second.observed != "declared" else first.observed
    said = next((one for one in (second, first) if one.kind_source == "declared"), None)
    return DatasetRef(
        namespace=second.namespace,
        name=second.name,
        version=second.version or first.version,
        digest=second.digest or first.digest,
        kind=said.kind if said is not None else "model" if "model" in (first.kind, second.kind) else "data",
        kind_source=(said or second).kind_source or first.kind_source,
        role=second.role or first.role,
        observed=observed,
        weak=second.weak if second.digest or observed == "at_collect" else first.weak,
        type=second.type or first.type,
        rows=second.rows if second.rows is not None else first.rows,
        bytes=second.bytes if second.bytes is not None else first.bytes,
        fields=second.fields or first.fields,
        format=second.format or first.format,
        framework=second.framework or first.framework,
        seen=second.seen or first.seen,
    )


def _datasets(event: Mapping[str, Any], direction: str) -> Iterator[DatasetRef]:
    for entry in objects(event.get(f"{direction}s")):
        name = text(entry.get("name"))
        if name is None:
            continue
        facets = mapping(entry.get("facets"))
        ours = mapping(facets.get("orchestrail_dataset"))
        statistics = mapping(mapping(entry.get(f"{direction}Facets")).get(f"{direction}Statistics"))
        kind = text(mapping(facets.get("datasetType")).get("datasetType"))
        source = text(ours.get("kindSource"))
        observed = text(ours.get("observed"))
        yield DatasetRef(
            namespace=text(entry.get("namespace")) or "",
            name=name,
            version=text(mapping(facets.get("version")).get("datasetVersion")),
            digest=sha256(ours.get("digest")),
            kind="model" if "model" in (ours.get("kind"), (kind or "").lower()) else "data",
            role=text(ours.get("role")),
            observed=observed if observed in _OBSERVED else "declared",
            weak=text(ours.get("weak")),
            type=kind,
            rows=_count(ours.get("rows"), statistics.get("rowCount")),
            bytes=_count(ours.get("bytes"), statistics.get("size")),
            fields=_fields(facets),
            format=text(ours.get("format")),
            framework=text(ours.get("framework")),
            seen=text(ours.get("seen")),
            kind_source=source if source in _SOURCES else None,
        )


def _count(*values: object) -> int | None:
    return next((count for value in values if (count := whole(value)) is not None and count >= 0), None)


def _fields(facets: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    entries = objects(mapping(facets.get("schema")).get("fields"))
    return tuple((name, text(entry.get("type")) or "") for entry in entries if (name := text(entry.get("name"))))
