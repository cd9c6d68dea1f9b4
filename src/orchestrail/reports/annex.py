"""Annex IV filled from evidence: which figures of the record stand under which point; what a person has to say never does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrail.model import DatasetRef
from orchestrail.queries import RunRow
from orchestrail.queries.differences import Difference
from orchestrail.queries.facts import Use
from orchestrail.queries.loading import is_in_memory
from orchestrail.queries.trace import TracedDataset
from orchestrail.reports.diagrams import data_flow
from orchestrail.reports.evidence import Evidence
from orchestrail.reports.values import Diagram, Figure, Source, Table

_LONGEST = 200
_ABREAST = 3


@dataclass(frozen=True, slots=True)
class Filling:
    """What the record has for a point.

    Attributes:
        tables: figures; without those in which nothing stands.
        diagrams: drawn from what ran.
        stated: True where the manifest says all that a person has to state here.
        partial: True where the record has less than the point asks of it, whatever a person states.
    """

    tables: tuple[Table, ...] = ()
    diagrams: tuple[Diagram, ...] = ()
    stated: bool = False
    partial: bool = False


def fill(point: str, evidence: Evidence) -> Filling:
    """Give what the record has for a point; nothing for points that only a person can speak to."""
    fill_in = _FILL.get(point)
    return fill_in(evidence) if fill_in is not None else Filling()


# -- figures


def _of_run(run: RunRow, text: object) -> Figure:
    """A figure of a run: it rests on the run's last event, which holds all that was told of it or follows what does."""
    return _figure(text, Source(run.last_seq, run.run_id))


def _of_use(use: Use, text: object) -> Figure:
    return _figure(text, Source(use.seq, use.run_id))


def _figure(text: object, *sources: Source) -> Figure:
    if text is None or text == "":
        return Figure("not recorded")
    said = str(text)
    return Figure(said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}...", sources)


def _tables(*tables: tuple[str, Sequence[str], Iterable[Sequence[Figure]]]) -> tuple[Table, ...]:
    made = (Table(title, tuple(columns), tuple(tuple(row) for row in rows)) for title, columns, rows in tables)
    return tuple(table for table in made if table.rows)


def _steps(evidence: Evidence) -> list[RunRow]:
    """The runs behind the model that did something, in the order in which they began."""
    rows = [evidence.runs[run.run_id] for run in evidence.model.closure if run.run_id in evidence.runs]
    enclosing = {row.parent_run_id for row in rows if row.role is None}
    return [row for row in rows if row.role is not None or row.run_id not in enclosing | _parents(rows)]


def _parents(rows: Iterable[RunRow]) -> set[str | None]:
    return {row.parent_run_id for row in rows}


def _evaluations(evidence: Evidence) -> list[RunRow]:
    """Every run that evaluated the model or one that went into it, behind it or after it."""
    found = [run for run in (*evidence.model.closure, *evidence.model.readers) if run.role == "evaluate"]
    ids = dict.fromkeys(run.run_id for run in found)
    return [evidence.runs[run_id] for run_id in ids if run_id in evidence.runs]


def _identity(dataset: DatasetRef) -> str:
    if dataset.digest is not None:
        return f"{dataset.digest} (weak: {dataset.weak})" if dataset.weak else dataset.digest
    return f"version {dataset.version}, no digest" if dataset.version else "by name only"


def _seconds(row: RunRow) -> str | None:
    if row.started_at is None or row.ended_at is None:
        return None
    return f"{(datetime.fromisoformat(row.ended_at) - datetime.fromisoformat(row.started_at)).total_seconds():.3f} s"


def _environments(evidence: Evidence) -> list[RunRow]:
    rows = (evidence.runs[run_id] for run_id in evidence.runs)
    return [row for row in rows if row.environment_facts]


# -- points


def _identity_of_system(evidence: Evidence) -> Filling:
    model, system, manifest = evidence.model, evidence.system, evidence.manifest
    made, before = model.making, evidence.predecessor
    said: list[Sequence[Figure]] = []
    if system is not None and manifest is not None:
        source = Source(manifest.seq)
        for name in ("purpose", "provider", "version", "predecessor", "risk_class", "risk_reason", "role"):
            if (value := getattr(system, name)) is not None:
                said.append((Figure(name.replace("_", " "), (source,)), Figure(str(value), (source,))))
    rows = [
        (_of_use(made, "model"), _of_use(made, made.dataset.name)),
        (_of_use(made, "digest"), _of_use(made, model.key)),
    ]
    others = (use for use in model.written if use is not made)
    rows += [(_of_use(use, "also written as"), _of_use(use, use.dataset.name)) for use in others]
    if before is not None:
        rows.append((_of_use(before, "digest of the model before it"), _of_use(before, before.dataset.digest)))
    return Filling(
        _tables(
            ("Stated in the recorded manifest", ("what", "statement"), said),
            ("On the record", ("what", "value"), rows),
        ),
        stated=system is not None and not {"purpose", "provider", "version"} & set(system.missing),
    )


def _surroundings(evidence: Evidence) -> Filling:
    model = evidence.model
    reads = {use.dataset.digest or use.dataset.name: use for uses in model.inputs.values() for use in uses}
    sources = [
        (
            _of_use(use, traced.dataset.namespace),
            _of_use(use, traced.dataset.name),
            _of_use(use, _identity(traced.dataset)),
        )
        for traced in model.sources
        if (use := reads.get(traced.dataset.digest or traced.dataset.name)) is not None
    ]
    services = [
        (_of_run(evidence.runs[each.run.run_id], each.served.deployment if each.served else each.run.job.name),)
        for each in model.deployments
        if each.run.run_id in evidence.runs
    ]
    return Filling(
        _tables(
            ("Sources of data that no recorded run wrote", ("namespace", "name", "content"), sources),
            ("Services that read the model", ("deployment",), services),
        )
    )


def _software(evidence: Evidence) -> Filling:
    rows: list[Sequence[Figure]] = []
    for row in _environments(evidence):
        facts = row.environment_facts or {}
        python, container = _part(facts, "python"), _part(facts, "container")
        rows.append(
            [
                _of_run(row, value)
                for value in (
                    row.job.name,
                    f"{row.orchestrator} {row.orchestrator_version or ''}".strip(),
                    " ".join(str(part) for part in (python.get("implementation"), python.get("version")) if part),
                    row.producer.removeprefix("urn:orchestrail:"),
                    facts.get("distributionsDigest"),
                    container.get("imageDigest"),
                )
            ]
        )
    columns = ("run", "orchestrator", "interpreter", "adapter", "digest of the packages", "image")
    packages = [
        [figure for each in group for figure in each]
        for row in _environments(evidence)[:1]
        for group in _in_threes(
            (_of_run(row, name), _of_run(row, version))
            for name, version in sorted(_part(row.environment_facts or {}, "distributions").items())
        )
    ]
    return Filling(
        _tables(
            ("Environments", columns, rows), ("Packages of the first of them", ("name", "version") * _ABREAST, packages)
        )
    )


def _in_threes(pairs: Iterable[tuple[Figure, Figure]]) -> Iterator[list[tuple[Figure, Figure]]]:
    listed = list(pairs)
    for start in range(0, len(listed), _ABREAST):
        group = listed[start : start + _ABREAST]
        yield group + [(Figure(""), Figure(""))] * (_ABREAST - len(group))


def _part(facts: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = facts.get(name)
    return part if isinstance(part, dict) else {}


def _forms(evidence: Evidence) -> Filling:
    rows = [
        (
            _of_run(row, each.served.deployment if each.served else each.run.job.name),
            _of_run(row, row.environment),
            _of_run(row, row.started_at),
            _of_run(row, row.ended_at or "not ended"),
            _of_run(row, each.digest),
        )
        for each in evidence.model.deployments
        if (row := evidence.runs.get(each.run.run_id)) is not None
    ]
    return Filling(_tables(("Deployments", ("deployment", "environment", "since", "until", "model"), rows)))


def _hardware(evidence: Evidence) -> Filling:
    rows: list[Sequence[Figure]] = []
    for row in _environments(evidence):
        facts = row.environment_facts or {}
        cpu, gpus = _part(facts, "cpu"), facts.get("gpus")
        names = (
            ", ".join(str(gpu.get("name", gpu)) for gpu in gpus if isinstance(gpu, dict))
            if isinstance(gpus, list)
            else ""
        )
        cores = f"{cpu['count']} x {cpu.get('model') or 'unknown'}" if cpu.get("count") else None
        rows.append(
            [_of_run(row, value) for value in (row.job.name, cores, facts.get("memoryBytes"), names or "none seen")]
        )
    return Filling(_tables(("Hardware that was used", ("run", "processors", "memory, bytes", "accelerators"), rows)))


def _methods(evidence: Evidence) -> Filling:
    rows = [
        [
            _of_run(row, value)
            for value in (
                row.started_at,
                row.job.name,
                f"{row.role or 'no role'}{' (inferred)' if row.role_source == 'inferred' else ''}",
                row.code.digest,
                row.code.path,
                f"{row.code.commit}{' with changes' if row.code.dirty else ''}" if row.code.commit else None,
                row.state,
            )
        ]
        for row in _steps(evidence)
    ]
    reads = {use.dataset.digest: use for uses in evidence.model.inputs.values() for use in uses}
    third = [
        (_of_use(use, traced.dataset.name), _of_use(use, _identity(traced.dataset)))
        for traced in evidence.model.sources
        if traced.dataset.kind == "model" and (use := reads.get(traced.dataset.digest)) is not None
    ]
    columns = ("begun", "step", "role", "code", "file", "commit", "state")
    return Filling(
        _tables(
            ("Steps, in the order in which they began", columns, rows),
            ("Models taken from outside", ("name", "content"), third),
        )
    )


def _design(evidence: Evidence) -> Filling:
    parameters = [
        (_of_run(row, row.job.name), _of_run(row, name), _of_run(row, _plain(value)))
        for row in _steps(evidence)
        for name, value in (row.parameters or {}).items()
    ]
    seeds = [
        (_of_run(row, row.job.name), _of_run(row, seed.get("name")), _of_run(row, seed.get("value")))
        for row in _steps(evidence)
        for seed in row.seeds
    ]
    return Filling(
        _tables(
            ("Parameters, secrets taken out", ("step", "parameter", "value"), parameters),
            ("Seeds", ("step", "what was seeded", "with"), seeds),
        )
    )


def _plain(value: object) -> str:
    if isinstance(value, dict) and "digest" in value:
        return " ".join(str(part) for part in (value.get("type") or "a value", value["digest"]) if part)
    return str(value)


def _architecture(evidence: Evidence) -> Filling:
    rows: list[Sequence[Figure]] = []
    for row in {row.run_id: row for row in (*_steps(evidence), *_evaluations(evidence))}.values():
        usage = row.usage or {}
        rows.append(
            [
                _of_run(row, value)
                for value in (
                    row.job.name,
                    row.orchestrator,
                    _seconds(row),
                    usage.get("processor_seconds"),
                    usage.get("peak_memory_bytes"),
                )
            ]
        )
    columns = ("step", "orchestrator", "duration", "processor time, s", "peak memory of its process, bytes")
    gaps = _tables(
        ("Not captured in the processes behind it", ("step", "what", "why"), _unseen(evidence)),
        ("Ways that nothing proves", ("from", "to", "why"), _unproven(evidence)),
    )
    served = any(each.served is not None for each in evidence.model.deployments)
    return Filling(
        (*_hardware(evidence).tables, *_tables(("Compute used", columns, rows)), *gaps),
        (data_flow(evidence.model, evidence.runs),),
        partial=bool(gaps) or served,
    )


def _unseen(evidence: Evidence) -> list[Sequence[Figure]]:
    return [
        [_of_run(row, value) for value in (row.job.name, what, why)]
        for row in evidence.unseen
        for what, why in row.not_captured
    ]


def _unproven(evidence: Evidence) -> list[Sequence[Figure]]:
    """The edges behind the model that rest on a name alone, or by which something was handed on that nobody saw."""
    rows: list[Sequence[Figure]] = []
    for edge in evidence.model.edges:
        ends = [evidence.runs.get(end) for end in (edge.start, edge.end)]
        known = [row for row in ends if row is not None]
        if known and (not edge.captured or edge.proof == "name"):
            names = [row.job.name if row else end for row, end in zip(ends, (edge.start, edge.end), strict=True)]
            why = edge.note or ("not captured" if not edge.captured else "by its name alone")
            rows.append([_of_run(known[-1], value) for value in (*names, why)])
    return rows


def _data(evidence: Evidence) -> Filling:
    model = evidence.model
    uses = [use for side in (model.outputs, model.inputs) for of_run in side.values() for use in of_run]
    first = {use.dataset.digest or use.dataset.name: use for use in reversed(uses)}
    data = [
        [
            _of_use(use, value)
            for value in (
                traced.dataset.name,
                traced.dataset.role,
                _identity(traced.dataset),
                traced.dataset.rows,
                traced.dataset.bytes,
                _writer(evidence, traced),
            )
        ]
        for traced in model.datasets.values()
        if traced.dataset.kind != "model"
        and (use := first.get(traced.dataset.digest or traced.dataset.name)) is not None
    ]
    operations = [
        [
            _of_run(row, value)
            for value in (
                row.preprocessing.operation,
                f"{row.preprocessing.version}{' (derived from the code)' if row.preprocessing.derived else ''}",
                row.preprocessing.code_digest,
                row.preprocessing.parameters_digest,
                row.preprocessing.state_digest,
                "yes" if row.serve_time else "no" if row.serve_time is False else None,
            )
        ]
        for row in _steps(evidence)
        if row.preprocessing is not None
    ]
    return Filling(
        _tables(
            ("Data sets behind the model", ("name", "role", "content", "rows", "bytes", "written by"), data),
            (
                "Operations that prepare data",
                ("operation", "version", "code", "parameters", "fitted state", "serving applies it"),
                operations,
            ),
            ("Checks", _CHECKED, _checks(_steps(evidence))),
            ("Checks of the same contents by other runs", _CHECKED, _checks_beside(evidence)),
        )
    )


def _writer(evidence: Evidence, traced: TracedDataset) -> str:
    """Say who wrote it; what lay only in a process came from somewhere, and is nothing from outside."""
    row = evidence.runs.get(traced.writer or "")
    if row is not None:
        return row.job.name
    if is_in_memory(traced.dataset) and traced.note:
        return traced.note
    return "; ".join(filter(None, ("outside the record", traced.note)))


_CHECKED = ("step", "check", "kind", "data set", "result", "expected", "actual")


def _checks(rows: Iterable[RunRow]) -> list[Sequence[Figure]]:
    return [_check(row, check) for row in rows for check in row.checks]


def _checks_beside(evidence: Evidence) -> list[Sequence[Figure]]:
    """The checks of data behind the model that runs made which are not: of their others, nothing is said here."""
    contents = evidence.model.contents
    return [
        _check(row, check)
        for row in evidence.beside
        for check in row.checks
        if isinstance(dataset := check.get("dataset"), dict) and dataset.get("digest") in contents
    ]


def _check(row: RunRow, check: Mapping[str, object]) -> Sequence[Figure]:
    success = check.get("success")
    result = "holds" if success is True else "does not hold" if success is False else "not told"
    values = (
        check.get("name"),
        check.get("kind"),
        _dataset_of(check),
        result,
        check.get("expected"),
        check.get("actual"),
    )
    return [_of_run(row, value) for value in (row.job.name, *values)]


_MEASURED = ("step", "metric", "value", "data set")


def _metrics(rows: Iterable[RunRow]) -> list[Sequence[Figure]]:
    return [
        [_of_run(row, value) for value in (row.job.name, metric.get("name"), metric.get("value"), _dataset_of(metric))]
        for row in rows
        for metric in row.metrics
    ]


def _measured(evidence: Evidence) -> tuple[tuple[str, Sequence[str], list[Sequence[Figure]]], ...]:
    """The metrics of evaluations, and apart from them what a training step measured, maybe before the model was what it is now."""
    trained = [row for row in _steps(evidence) if row.role == "train"]
    own = "Metrics that training steps recorded themselves, which are no evaluation"
    return ("Metrics", _MEASURED, _metrics(_evaluations(evidence))), (own, _MEASURED, _metrics(trained))


def _dataset_of(metric: Mapping[str, object]) -> object:
    dataset = metric.get("dataset")
    return dataset.get("name") if isinstance(dataset, dict) else None


def _testing(evidence: Evidence) -> Filling:
    rows = _evaluations(evidence)
    tested = [
        (
            _of_use(use, row.job.name),
            _of_use(use, use.dataset.role),
            _of_use(use, use.dataset.name),
            _of_use(use, _identity(use.dataset)),
        )
        for row in rows
        for use in row.inputs
    ]
    return Filling(
        _tables(
            ("What evaluations read", ("run", "role", "name", "content"), tested),
            *_measured(evidence),
            ("Checks", _CHECKED, _checks(rows)),
        ),
        partial=not rows,
    )


def _security(evidence: Evidence) -> Filling:
    made = evidence.model.making
    last = max(evidence.entries.values(), key=lambda entry: entry.seq)
    source = Source(last.seq, last.run_id)
    rows = [
        (
            Figure("entries of the log that were read for this document", (source,)),
            Figure(str(len(evidence.entries)), (source,)),
        ),
        (_of_use(made, "digest of the model file"), _of_use(made, evidence.model.key)),
    ]
    return Filling(_tables(("Of the record, not of the system", ("what", "value"), rows)))


def _functioning(evidence: Evidence) -> Filling:
    fields = [
        (_of_use(use, use.dataset.name), _of_use(use, name), _of_use(use, kind or None))
        for row in _steps(evidence)
        if row.role == "train"
        for use in row.inputs
        for name, kind in use.dataset.fields
    ]
    of_data = "Fields of what was trained on", ("data set", "field", "type"), fields
    return Filling(_tables(*_measured(evidence), of_data))


def _metric_names(evidence: Evidence) -> Filling:
    return Filling(_tables(*_measured(evidence)))


def _changes(evidence: Evidence) -> Filling:
    if evidence.change is None:
        return Filling()
    rows = [
        [
            _of_change(evidence, value)
            for value in (each.category, each.subject, each.fact, _side(each.a), _side(each.b))
        ]
        for each in evidence.change.differences.changed
    ]
    return Filling(_tables(("Against the model before it", ("what", "of", "fact", "before", "now"), rows)))


def _side(value: Difference | object) -> str:
    return "not there" if value is None else str(value)


def _of_change(evidence: Evidence, text: object) -> Figure:
    return _of_use(evidence.model.making, text)


def _monitoring(evidence: Evidence) -> Filling:
    watching = [evidence.runs[run.run_id] for run in evidence.model.readers if run.role == "monitor"]
    rows = [[_of_run(row, value) for value in (row.job.name, row.started_at, row.state)] for row in watching]
    return Filling((*_tables(("Monitoring runs", ("run", "begun", "state"), rows)), *_forms(evidence).tables))


_FILL: Mapping[str, Callable[[Evidence], Filling]] = {
    "1(a)": _identity_of_system,
    "1(b)": _surroundings,
    "1(c)": _software,
    "1(d)": _forms,
    "1(e)": _hardware,
    "2(a)": _methods,
    "2(b)": _design,
    "2(c)": _architecture,
    "2(d)": _data,
    "2(g)": _testing,
    "2(h)": _security,
    "3": _functioning,
    "4": _metric_names,
    "6": _changes,
    "9": _monitoring,
}
