"""From the events of one run to its row: a pure function, the same for the same events in the same places of the log.

Events may come in any order, repeated, from several producers, and with facets of any shape. Facets are merged field by field:
our adapters' events outrank foreign ones, an ending event outranks a starting one, a later one an earlier one. Its AI system is the
one that was named first: who may see a run does not change by what is said of it later. Nothing here reads a database or looks at
another run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from orchestrail.model import ROLES, Finding, Job, PreprocessingVersion, State
from orchestrail.projections import results
from orchestrail.projections.datasets import uses, without_read_back
from orchestrail.projections.rows import Change, Code, End, RunRow
from orchestrail.projections.values import (
    amount,
    mapping,
    moment,
    objects,
    parse,
    plain,
    run_id,
    text,
    texts,
    truth,
    whole,
)

OURS = "urn:orchestrail:"
_ENDS = {"COMPLETE": State.COMPLETE, "FAIL": State.FAIL, "ABORT": State.ABORT}
_OPENS = ("START", "RUNNING")
_NAME = 200
"""Characters of the name of an orchestrator: they are looked up by an index, whose entries are short."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One run event of the log.

    Attributes:
        seq: place in the log.
        run_id: the run that it is about.
        event: the event, parsed.
        type: the OpenLineage event type.
        at: the time that it claims, RFC 3339 in UTC.
        producer: URI of the producer, empty where the event has none.
        facets: the run facets.
    """

    seq: int
    run_id: str
    event: Mapping[str, Any]
    type: str | None
    at: str | None
    producer: str
    facets: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """True where one of our adapters sent it."""
        return self.producer.startswith(OURS)

    @property
    def system(self) -> str | None:
        """The AI system that it names."""
        return text(mapping(self.facets.get("orchestrail_run")).get("system"))

    @property
    def inferred(self) -> Mapping[str, Any]:
        """What was concluded and not reported; empty for a reported event."""
        return mapping(self.facets.get("orchestrail_inferred"))

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Order of merging: what ranks higher replaces what ranks lower."""
        standing = 2 if self.ours and not self.inferred else 1 if self.ours else 0
        return standing, self.type in _ENDS, self.seq


def stored_event(seq: int, body: bytes | None) -> StoredEvent | None:
    """Read an event of the log; None where it is erased, or about no run."""
    event = parse(body) if body is not None else {}
    run = mapping(event.get("run"))
    identifier = run_id(run.get("runId"))
    if identifier is None:
        return None
    return StoredEvent(
        seq,
        identifier,
        event,
        type=text(event.get("eventType")),
        at=moment(event.get("eventTime")),
        producer=text(event.get("producer")) or "",
        facets=mapping(run.get("facets")),
    )


def fold(events: Sequence[StoredEvent]) -> RunRow:
    """Make the row of a run from all its events.

    Args:
        events: at least one; all of the same run. Their order does not matter, their places in the log do.

    Returns:
        The row; its root is the run itself, and what computed a cached result is as reported: more takes other runs to know.
    """
    told = sorted(events, key=lambda event: event.seq)
    ranked = sorted(told, key=lambda event: event.rank)
    facets = _merged(event.facets for event in ranked)
    jobs = [mapping(event.event.get("job")) for event in ranked]
    job_facets = _merged(mapping(job.get("facets")) for job in jobs)
    ours = mapping(facets.get("orchestrail_run"))
    step = _step(ranked)
    code = _code(facets, job_facets)
    name, version = _orchestrator(ours, facets, job_facets)
    parent, root = parents(ranked)
    best = next((event for event in told if event.ours and not event.inferred), told[0])
    row = RunRow(
        run_id=told[0].run_id,
        job=Job(
            _last(text(job.get("namespace")) for job in jobs) or "", _last(text(job.get("name")) for job in jobs) or ""
        ),
        first_seq=told[0].seq,
        last_seq=told[-1].seq,
        producer=best.producer,
        root_run_id=told[0].run_id,
        stated_root_run_id=root,
        parent_run_id=parent if parent != told[0].run_id else None,
        adapter=text(ours.get("adapter")),
        orchestrator=name,
        orchestrator_version=version,
        job_type=text(mapping(job_facets.get("jobType")).get("jobType")),
        native_id=text(ours.get("nativeId")),
        attempt=whole(ours.get("attempt")),
        previous_attempt=run_id(ours.get("previousAttempt")),
        role=step["role"],
        role_source=step["roleSource"],
        system=next((event.system for event in told if event.system), None),
        environment=text(ours.get("environment")),
        mode=text(ours.get("mode")),
        trigger=text(ours.get("trigger")),
        actor=text(ours.get("actor")),
        cached_from=run_id(ours.get("cachedFrom")),
        cache_key=text(ours.get("cacheKey")),
        preprocessing=_preprocessing(step, code, facets),
        serve_time=truth(step.get("serveTime")),
        fits_state=truth(step.get("fitsState")),
        train_only=truth(step.get("trainOnly")),
        calls=_calls(told),
        code=code,
        parameters=_parameters(facets),
        environment_facts=_environment(facets),
        capabilities=_capabilities(told),
        findings=_findings(told),
        tags=_tags(told),
        metrics=results.metrics(told),
        checks=results.checks(told),
        serving=tuple(
            {key: value for key, value in facet.items() if not key.startswith("_")}
            for facet in results.distinct(plain(mapping(event.facets.get("orchestrail_serving"))) for event in told)
            if facet
        ),
        seeds=results.listed(told, "orchestrail_execution", "seeds"),
        usage=_usage(facets),
        not_captured=_not_captured(told),
        owner=plain(owner) if isinstance(owner := ours.get("owner"), dict) else None,
        closed_by=text(ours.get("closedBy")),
        upstream=_linked(told, "upstream"),
        downstream=_linked(told, "downstream"),
        changes=_changes(told),
        order_only=tuple(found for name in texts(ours.get("orderOnly")) if (found := run_id(name))),
        inputs=without_read_back(uses(told, "input"), told),
        outputs=uses(told, "output"),
    )
    return _with_lifecycle(row, told)


def _merged(facets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge facets field by field; a later field that says something replaces an earlier one."""
    result: dict[str, Any] = {}
    for group in facets:
        for key, new in group.items():
            old = result.get(key)
            if isinstance(old, dict) and isinstance(new, dict):
                result[key] = old | {name: value for name, value in new.items() if value is not None}
            elif new is not None and not isinstance(old, dict):
                result[key] = new
    return result


def _with_lifecycle(row: RunRow, told: Sequence[StoredEvent]) -> RunRow:
    """Judge by producer, ours first: a reported end, then an inferred one, then whether the run was seen open.

    A state that a person gave goes before what the run told by itself. When it ended, and what went wrong, stays its own.
    """
    ends = tuple(end for event in told if (end := _end(event)))
    starts = [event for event in told if event.type == "START"]
    entries = [event for event in told if event.type == "RUNNING"]
    opened = _first([event for event in starts if event.ours] or starts) or _first(
        [event for event in entries if event.ours] or entries
    )
    notes = {event.seq for event in told if event.type == "OTHER"}
    end = _deciding(ends, opened, notes)
    if end and end.seq in notes and opened and not opened.ours:
        opened = None  # it never began: a start that another producer tells of is none of its own
    inferred: set[str] = {"role"} if row.role_source == "inferred" else set()
    if opened and not starts:
        inferred.add("started_at")
    state: str | None = end.state if end else "RUNNING" if opened else None
    row = replace(row, ends=ends)
    own = row.own_end or end
    if end and end.inferred:
        event = next(event for event in told if event.seq == end.seq)
        inferred |= set(texts(event.inferred.get("fields"))) or {"state"}
    error = (own and own.error) or (end and end.error) or None
    if error is None and own and own.state in (State.FAIL, State.ABORT):
        error = _last(text(mapping(event.facets.get("errorMessage")).get("message")) for event in told)
    skipped = state == State.SKIPPED
    if skipped and error is None:
        error = _last(text(mapping(event.facets.get("orchestrail_run")).get("reason")) for event in told)
    last = own if opened and own and not own.inferred else end
    return replace(
        row,
        state=state,
        started_at=opened.at if opened else None,
        ended_at=last.at if last and (opened or not skipped) else None,
        ended_seq=min(other.seq for other in ends if other.state == end.state) if end else None,
        seen_at=min((event.at for event in told if event.at), default=None),
        error=error,
        inferred=tuple(sorted(inferred)),
        not_captured=(*row.not_captured, *_late(told, end)),
    )


def _late(told: Sequence[StoredEvent], end: End | None) -> Iterator[tuple[str, str]]:
    """Find that a process which took part in the run went on after it had ended: the run may not have been all that it did."""
    if end is None or end.inferred or end.at is None:
        return
    if any(event.type == "RUNNING" and event.producer == end.producer and (event.at or "") > end.at for event in told):
        yield "a child process", "it went on after the run had ended; what it told of then stands here too"


def _end(event: StoredEvent) -> End | None:
    run = mapping(event.facets.get("orchestrail_run"))
    said = text(run.get("state"))
    if event.type in _ENDS:
        state = _ENDS[event.type]
        if state is State.COMPLETE and said in (State.CACHED, State.SKIPPED):
            state = State(said)
    elif event.type == "OTHER" and said == State.SKIPPED:
        state = State.SKIPPED
    else:
        return None
    by_hand = event.ours and truth(run.get("manual")) is True
    return End(
        event.producer,
        state.value,
        event.at,
        event.seq,
        inferred=bool(event.inferred),
        reason=text(event.inferred.get("reason"))
        or (text(run.get("reason")) if by_hand or state is State.SKIPPED else None),
        error=text(mapping(event.facets.get("errorMessage")).get("message")),
        by_hand=by_hand,
        changed_by=text(run.get("changedBy")) if by_hand else None,
        changed_at=moment(run.get("changedAt")) if by_hand else None,
    )


def _changes(told: Sequence[StoredEvent]) -> tuple[Change, ...]:
    """Find what people did: each act once, though every end of a run may list all of them."""
    found: dict[str, Change] = {}
    for event in told:
        for said in objects(mapping(event.facets.get("orchestrail_run")).get("changes")) if event.ours else ():
            what, task, state, by, reason = (
                text(said.get(name)) for name in ("what", "task", "state", "changedBy", "reason")
            )
            change = Change(what or "", task, state, moment(said.get("at")), by, reason, event.seq)
            found.setdefault(repr((what, task, by, said.get("at"), state)), change)
    return tuple(found.values())


def _deciding(ends: Sequence[End], opened: StoredEvent | None, notes: Set[int]) -> End | None:
    def outranked(ours: bool) -> bool:
        others = [end for end in ends if end.state != State.SKIPPED]
        return bool(opened and opened.ours >= ours) or any(end.producer.startswith(OURS) >= ours for end in others)

    def last(reported: bool, ours: bool) -> End | None:
        fitting = [
            end
            for end in ends
            if end.inferred != reported
            and end.producer.startswith(OURS) == ours
            # A run that was started, or ended, was not skipped by its orchestrator; its own code may still have skipped the rest.
            and (end.by_hand or not (end.seq in notes and outranked(ours)))
        ]
        # The process of a run that is marked while it runs is killed, and may tell of that later than others of the mark.
        fitting = [end for end in fitting if end.by_hand] or fitting
        # Producers are judged one by one: with several foreign ones, the one that spoke first counts.
        return next((end for end in reversed(fitting) if ours or end.producer == fitting[0].producer), None)

    return last(True, True) or last(True, False) or last(False, True) or last(False, False)


def _first(events: Sequence[StoredEvent]) -> StoredEvent | None:
    """The earliest by claimed time; by place in the log where times are equal or missing."""
    return min(events, key=lambda event: (event.at or "~", event.seq), default=None)


def _last(values: Iterable[str | None]) -> str | None:
    return next((value for value in reversed(list(values)) if value), None)


def parents(ranked: Sequence[StoredEvent]) -> tuple[str | None, str | None]:
    """Find parent and stated root; some producers write the facet's earlier name `parentRun`."""
    parent = root = None
    for event in ranked:
        for key in ("parentRun", "parent"):
            facet = mapping(event.facets.get(key))
            parent = run_id(mapping(facet.get("run")).get("runId")) or parent
            root = run_id(mapping(mapping(facet.get("root")).get("run")).get("runId")) or root
    return parent, root


def _orchestrator(
    ours: Mapping[str, Any], facets: Mapping[str, Any], job_facets: Mapping[str, Any]
) -> tuple[str | None, str | None]:
    if name := text(ours.get("orchestrator")):
        return name[:_NAME], text(ours.get("orchestratorVersion"))
    engine = mapping(facets.get("processing_engine"))
    if name := text(engine.get("name")):
        return name.lower()[:_NAME], text(engine.get("version"))
    name = text(mapping(job_facets.get("jobType")).get("integration"))
    return (name.lower()[:_NAME] if name else None), None


def _step(ranked: Sequence[StoredEvent]) -> dict[str, Any]:
    """Merge the step facets; a role that a person declared is never replaced by one that was concluded."""
    step: dict[str, Any] = {"role": None, "roleSource": None}
    for event in ranked:
        facet = {
            key: value for key, value in mapping(event.facets.get("orchestrail_step")).items() if value is not None
        }
        role, source = facet.pop("role", None), facet.pop("roleSource", None)
        if role in ROLES and not (step["roleSource"] == "declared" and source != "declared"):
            step["role"], step["roleSource"] = role, text(source)
        if truth(facet.get("derived")) and step.get("version") and not step.get("derived"):
            facet.pop("version", None)
            facet.pop("derived", None)
        step |= facet
    return step


def _code(facets: Mapping[str, Any], job_facets: Mapping[str, Any]) -> Code:
    ours = mapping(facets.get("orchestrail_code"))
    location = mapping(job_facets.get("sourceCodeLocation"))
    return Code(
        digest=text(ours.get("digest")),
        repository=text(ours.get("repository")) or text(location.get("repoUrl")) or text(location.get("url")),
        commit=text(ours.get("commit")) or text(location.get("version")),
        dirty=truth(ours.get("dirty")),
        path=text(ours.get("path")) or text(location.get("path")),
        name=text(ours.get("name")),
        modules={
            name: text(module.get("digest"))
            for module in objects(ours.get("modules"))
            if (name := text(module.get("name")))
        },
    )


def _preprocessing(step: Mapping[str, Any], code: Code, facets: Mapping[str, Any]) -> PreprocessingVersion | None:
    operation = text(step.get("operation"))
    if operation is None and step["role"] != "preprocess":
        return None
    declared = text(step.get("version")) if not truth(step.get("derived")) else None
    return PreprocessingVersion(
        operation=operation or code.name or "",
        version=declared or code.digest or text(step.get("version")),
        derived=declared is None and (code.digest or text(step.get("version"))) is not None,
        code_digest=code.digest,
        parameters_digest=text(mapping(facets.get("orchestrail_parameters")).get("digest")),
        state_digest=text(step.get("stateDigest")),
    )


def _parameters(facets: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the redacted value of each parameter, or its type and digest where the value was not kept."""
    stated = mapping(facets.get("orchestrail_parameters")).get("parameters")
    if isinstance(stated, dict):
        return {
            text(name) or "": plain(entry["value"])
            if isinstance(entry, dict) and "value" in entry
            else {key: value for key, value in plain(mapping(entry)).items() if key in ("type", "digest")}
            for name, entry in stated.items()
        }
    pairs = mapping(facets.get("executionParameters")).get("parameters")
    if not isinstance(pairs, list):
        return None
    return {name: plain(pair.get("value")) for pair in objects(pairs) if (name := text(pair.get("key")))}


def _environment(facets: Mapping[str, Any]) -> dict[str, Any] | None:
    facet = mapping(facets.get("orchestrail_environment"))
    return {key: value for key, value in plain(facet).items() if not key.startswith("_")} or None


def _capabilities(told: Sequence[StoredEvent]) -> tuple[str, ...] | None:
    """A foreign producer has no capabilities, whatever its events say."""
    for event in reversed(told):
        names = mapping(event.facets.get("orchestrail_capabilities")).get("capabilities")
        if event.ours and isinstance(names, list):
            return tuple(sorted(set(texts(names))))
    return None


def _findings(told: Sequence[StoredEvent]) -> tuple[Finding, ...]:
    """Give what our adapters found when the run began; a foreign producer judges nothing."""
    ours = [event for event in told if event.ours]
    entries = results.listed(ours, "orchestrail_requirements", "findings")
    fields = ([text(entry.get(name)) for name in ("requirement", "verdict", "reason", "field")] for entry in entries)
    return tuple(
        Finding(requirement, verdict, reason or "", field or "")
        for requirement, verdict, reason, field in fields
        if requirement and verdict in ("fail", "unknown")
    )


def _tags(told: Sequence[StoredEvent]) -> tuple[str, ...]:
    tags = (tag for event in told for tag in objects(mapping(event.facets.get("tags")).get("tags")))
    pairs = ((text(tag.get("key")), text(tag.get("value"))) for tag in tags)
    return tuple(sorted({key if value in (None, key, "true") else f"{key}={value}" for key, value in pairs if key}))


def _not_captured(told: Sequence[StoredEvent]) -> tuple[tuple[str, str | None], ...]:
    entries = results.listed(told, "orchestrail_capture", "notCaptured")
    return tuple((what, text(entry.get("reason"))) for entry in entries if (what := text(entry.get("what"))))


def _calls(told: Sequence[StoredEvent]) -> tuple[tuple[str, str], ...]:
    pairs = (
        (text(entry.get("role")), text(entry.get("call")))
        for entry in results.listed(told, "orchestrail_step", "calls")
    )
    return tuple((role, call) for role, call in pairs if role and call)


def _usage(facets: Mapping[str, Any]) -> dict[str, Any] | None:
    used = mapping(mapping(facets.get("orchestrail_execution")).get("usage"))
    if not used:
        return None
    return {
        "wall_seconds": amount(used.get("wallSeconds")),
        "processor_seconds": amount(used.get("processorSeconds")),
        "thread_seconds": amount(used.get("threadSeconds")),
        "child_seconds": amount(used.get("childSeconds")),
        "peak_memory_bytes": whole(used.get("peakMemoryBytes")),
    }


def _linked(told: Sequence[StoredEvent], direction: str) -> tuple[str, ...]:
    """Name the runs that this one waited for, or that waited for it; its own id is no link."""
    found = {
        identifier: None
        for event in told
        for entry in objects(mapping(event.facets.get("jobDependencies")).get(direction))
        if (identifier := run_id(mapping(entry.get("run")).get("runId"))) and identifier != event.run_id
    }
    return tuple(found)
