"""What holds after every run, whatever the scenario. Each function gives what does not hold, in words; none stops at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrail import trouble
from orchestrail.model import AdapterInfo
from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.operations.verify import verify
from orchestrail.settings import Settings
from orchestrail.testing.events import schema_problems
from orchestrail.testing.harness import MARKER, Ended, Harness
from orchestrail.testing.recorded import ENDS, Recorded, RecordedRun
from orchestrail.transport.segments import read_segment, segments

_FRAMES = re.compile(r"^ +(?:File \".*|\[Previous line repeated.*)\n(?:^    .*\n)*", re.MULTILINE)
"""The frames of a traceback; the lines before and after them name the exception."""

_PSEUDONYM = re.compile(r"hmac-sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Planted:
    """What a scenario breaks on purpose, and may therefore be found broken.

    Attributes:
        killed: runs may have no end.
        lost: events may be missing.
        trouble: there are notes of trouble.
        changed: a run may have an end after its end.
        refused: the run was not let run.
    """

    killed: bool = False
    lost: bool = False
    trouble: bool = False
    changed: bool = False
    refused: bool = False


def of_events(recorded: Recorded, info: AdapterInfo, planted: Planted, specification: Path | None) -> Iterator[str]:
    """Judge the events: schemas, one start and one end a run, attempts, parents and roots."""
    for event in recorded.events:
        name = f"{event['job']['name']} {event['eventType']}"
        yield from (f"{name}: {problem}" for problem in schema_problems(event, specification))
        yield from (f"{name}: a person is named as {who}" for who in _persons(event) if not _PSEUDONYM.fullmatch(who))
        if not event["producer"].startswith(f"urn:orchestrail:{info.name}:"):
            yield f"{name}: the producer is {event['producer']}"
    if planted.lost:
        return
    known = {run.id: run for run in recorded.runs}
    for run in recorded.runs:
        yield from (f"{run.job} {run.id}: {problem}" for problem in _of_lifecycle(run, planted))
        yield from (f"{run.job} {run.id}: {problem}" for problem in _of_place(run, known, info))
    yield from _of_attempts(recorded)


def _persons(event: Mapping[str, Any]) -> Iterator[str]:
    said = event["run"]["facets"].get("orchestrail_run", {})
    named = [said.get("actor"), said.get("changedBy"), *(one.get("changedBy") for one in said.get("changes", ()))]
    yield from filter(None, named)


def _of_lifecycle(run: RecordedRun, planted: Planted) -> Iterator[str]:
    types = run.types
    ends = [kind for kind in types if kind in ENDS]
    if types == ["OTHER"]:
        if run.end != "SKIPPED":
            yield "one OTHER event that does not say SKIPPED"
        return
    if types.count("START") != 1 or types[0] != "START":
        yield f"not one START, at the beginning: {types}"
    if len(ends) > 1 and not planted.changed:
        yield f"more than one end: {types}"
    if not ends and not planted.killed:
        yield f"no end: {types}"
    if ends and types[-1] not in ENDS:
        yield f"events after the end: {types}"
    times = [event["eventTime"] for event in run.events]
    if times != sorted(times):
        yield f"its events are not in the order of their times: {times}"
    if len({event["job"]["name"] for event in run.events}) > 1:
        yield "its events name different jobs"


def _of_place(run: RecordedRun, known: dict[str, RecordedRun], info: AdapterInfo) -> Iterator[str]:
    places = {
        (parent["run"]["runId"], parent["root"]["run"]["runId"]) if parent else None
        for event in run.events
        for parent in (event["run"]["facets"].get("parent"),)
    }
    if len(places) > 1:
        yield f"its events name different parents or roots: {places}"
    above, seen = run, {run.id}
    while above.parent is not None:
        if above.parent not in known:
            yield f"its parent or grandparent {above.parent} is not on the record"
            return
        above = known[above.parent]
        if above.id in seen:
            yield "it is its own parent"
            return
        seen.add(above.id)
    if run.root != above.id:
        yield f"its root is stated as {run.root}, and is {above.id}"
    if above is run and "START" in run.types:
        stated = run.facet("orchestrail_capabilities").get("capabilities")
        if stated != sorted(info.capabilities):
            yield f"as a root it states the capabilities {stated}"
        if not run.facet("orchestrail_environment"):
            yield "as a root it does not state its environment"


def _of_attempts(recorded: Recorded) -> Iterator[str]:
    by_native: dict[str, list[RecordedRun]] = {}
    for run in recorded.runs:
        native = run.said.get("nativeId")
        if native is not None:
            by_native.setdefault(str(native), []).append(run)
    for native, runs in by_native.items():
        numbers = [run.said.get("attempt") for run in runs]
        if numbers != list(range(1, len(runs) + 1)):
            yield f"{runs[0].job}: the attempts of {native} are numbered {numbers}"
        if len({run.job for run in runs}) > 1:
            yield f"{native} names runs of different jobs"
        before = [None, *(run.id for run in runs[:-1])]
        if [run.said.get("previousAttempt") for run in runs] != before:
            yield f"{runs[0].job}: its attempts do not name the one before"


def of_store(ended: Ended, planted: Planted) -> Iterator[str]:
    """Collect the spool into a fresh store: nothing is refused, nothing missing, all of it verifies, no secret is in any byte."""
    yield from _of_secrets(ended)
    if not planted.lost:
        yield from _of_numbers(ended)
    settings = Settings(home=ended.home, spool=ended.spool)
    store = open_record(settings, create=True)
    first = collect(settings, store)
    if first.quarantined or first.duplicates or first.kept:
        yield f"collecting did not take every event once: {first}"
    second = collect(settings, store)
    if second.appended or second.quarantined:
        yield f"collecting again changed something: {second}"
    if store.gaps() and not planted.lost:
        yield f"events are missing in the spool's numbering: {store.gaps()}"
    yield from (
        f"a secret is in the store: {found.decode()}"
        for record in store.records()
        for found in MARKER.findall(record.body or b"")
    )
    found = verify(settings)
    yield from (f"the store does not verify: {problem}" for problem in found.problems)
    yield from _of_secrets(ended)


def _of_numbers(ended: Ended) -> Iterator[str]:
    for path in segments(ended.spool):
        numbers = [line.counter for line in read_segment(path).lines]
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            yield f"the events of {path.name} are numbered {numbers}"


def _of_secrets(ended: Ended) -> Iterator[str]:
    for folder in {ended.home, ended.spool}:
        for path in folder.rglob("*"):
            inside = path.read_bytes() if path.is_file() else b""
            for found in MARKER.findall(str(path.relative_to(folder)).encode() + b"\n" + inside):
                yield f"a secret is in {path.name}: {found.decode()}"


def of_trouble(ended: Ended, planted: Planted) -> Iterator[str]:
    """Judge the notes of what went wrong in our own code: none, unless trouble was planted."""
    notes = trouble.read(ended.home)
    if not planted.trouble:
        yield from (f"trouble while trying to {note['where']}: {note['error']}" for note in notes)


def of_host(harness: Harness, control: Ended, recorded: Ended, planted: Planted) -> Iterator[str]:
    """Hold the host's run against the one without the adapter: exit status and output are equal, so no line is ours."""
    if planted.refused:
        if recorded.status == control.status:
            yield f"the refusal does not reach the host: its exit status is {recorded.status} as ever"
        return
    if recorded.status != control.status:
        yield f"exit status {recorded.status}, without the adapter {control.status}: {recorded.stderr[-2000:]}"
    for name in ("stdout", "stderr"):
        with_us, without = (
            _FRAMES.sub("", harness.masked(getattr(ended, name), ended)).splitlines() for ended in (recorded, control)
        )
        if sorted(with_us) != sorted(without):
            more = [line for line in with_us if line not in without]
            less = [line for line in without if line not in with_us]
            yield f"{name} is not what it was without the adapter: more {more[:10]}, less {less[:10]}"
