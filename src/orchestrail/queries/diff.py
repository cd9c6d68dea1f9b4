"""What changed between two root runs, two models, or a service and the training of its model: every fact held against its like.

Nothing is judged: whether a change is substantial is for people to say. What stands on each side is `sides`' matter, how one fact
is held against another one `differences`', and the data and the environment have modules of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from orchestrail.model import Capability
from orchestrail.projections.rows import RunRow
from orchestrail.queries.diff_data import hold_data
from orchestrail.queries.diff_environment import hold_environment
from orchestrail.queries.diff_marks import Marks, are_marked_calls, states_operation
from orchestrail.queries.differences import Difference, Differences, one_of
from orchestrail.queries.mapped import by_value, told_apart
from orchestrail.queries.sides import Side, sides
from orchestrail.queries.words import counted

CATEGORIES = (
    "preprocessing",
    "code",
    "input",
    "parameters",
    "model",
    "output",
    "metrics",
    "checks",
    "steps",
    "environment",
    "intermediate",
    "paths",
    "orchestrator",
    "circumstances",
)
"""In the order in which they matter to somebody who asks why a model is another one."""

NOT_SHOWN = (
    "whether a change is substantial, or was foreseen when the system was assessed: that is a person's statement",
    "what the outputs of the models are worth beyond the metrics and checks that runs recorded",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a comparison that a reader should not have to find.

    Attributes:
        code: stable name, in lower case with hyphens.
        subject: the operation that it is about.
        text: what it is, in a sentence.
    """

    code: str
    subject: str
    text: str


_Both = tuple[Marks, Marks]
_TOGETHER = "source code"
"""Subject of what is told once of several jobs."""
_NAMED = 5
"""Of so many jobs the names are told."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The answer.

    Attributes:
        a: one side.
        b: the other one.
        kind: `runs`, or `service` where one side is a service and the other one the training of a model.
        differences: what changed, what is the same, what is not known.
        findings: what is called out.
        ambiguous: steps whose runs could not be told apart for certain, and how they were matched.
        not_shown: what this answer does not say.
        used: time and memory of the steps on both sides, where both tell. It differs from run to run of the same, and is no change.
    """

    a: Side
    b: Side
    kind: str
    differences: Differences
    findings: Sequence[Finding] = ()
    ambiguous: Sequence[str] = ()
    not_shown: Sequence[str] = ()
    used: Sequence[Difference] = ()


@dataclass(frozen=True, slots=True)
class _Operation:
    """What one side says of a data-preparation operation; a list where it says several things."""

    version: Any
    declared: bool
    code: Any
    state: Any
    serve_time: bool | None
    train_only: bool | None
    fits_state: bool | None
    codes: Mapping[str | None, set[str]] = field(default_factory=dict)


def diff(connection: Connection, first: str, second: str | None = None) -> Compared:
    """Hold two sides against each other.

    Args:
        connection: a snapshot of the store.
        first: a RUN or a TARGET.
        second: another one; None for the training of the model that the service `first` loads.

    Raises:
        NotRecorded: no recorded run stands behind a side.
        AmbiguousRun: it fits more than one thing.
    """
    a, b = sides(connection, first, second)
    if bool(a.services) != bool(b.services):
        return _service(a, b)
    return _runs(a, b)


def _runs(a: Side, b: Side) -> Compared:
    mine, other = a.final, b.final
    found = Differences()
    marks = Marks(mine, "A"), Marks(other, "B")
    findings = _hold_operations(found, (a, b), (mine, other), marks)
    pairs, ambiguous = _matched(found, mine, other, marks)
    _hold_code(found, mine, other)
    for name, one, another in pairs:
        _hold_step(found, name, one, another)
    hold_data(found, a, b, mine, other)
    hold_environment(found, mine, other)
    _hold_orchestrators(found, a, b, mine, other)
    used = [entry for name, one, another in pairs for entry in _used(name, one, another)]
    return Compared(a, b, "runs", found, findings, ambiguous, _not_shown(a, b), used)


def _service(a: Side, b: Side) -> Compared:
    """Hold how a service prepares data, and what it loads, against the training."""
    service, training, swapped = (a, b, False) if a.services else (b, a, True)
    run = service.target.run
    trained, served = _operations(training, training.final), _operations(service, ())
    found = Differences()
    findings: list[Finding] = []
    for operation in sorted(trained.keys() | served.keys()):
        mine, other = trained.get(operation), served.get(operation)
        if mine is not None and other is not None:
            findings += _hold_operation(found, operation, *((mine, other) if swapped else (other, mine)), served=True)
        elif mine is None:
            doubt = Marks(training.final, "the training").lacking
            _one_sided(found, operation, "A" if not swapped else "B", doubt)
            if doubt is None:
                text = f"The service prepares data by {operation}, which the training did not."
                findings.append(Finding("serving-differs", operation, text))
        elif mine.train_only:
            continue
        elif mine.serve_time and served and run is not None and run.state != "RUNNING":
            _one_sided(found, operation, "B" if not swapped else "A")
            text = f"The training prepared data by {operation}, declared for serving too; the service did not call it."
            findings.append(Finding("serving-differs", operation, text))
        else:
            why = (
                "the service has not called it so far"
                if mine.serve_time
                else "nobody declared whether serving applies it"
            )
            found.leave("preprocessing", operation, "operation", *_placed(swapped, None, mine.version), why)
    if not served:
        found.leave("preprocessing", "service", "operations", None, None, "the service stated no preparation")
    _hold_served_model(found, service, training, swapped)
    if run is not None:
        hold_environment(found, *((training.final, [run]) if swapped else ([run], training.final)), alone=True)
    not_shown = [
        *_not_shown(a, b),
        "steps, data, metrics and checks of the training: a service has none to hold against them",
    ]
    if for_training := sorted(
        name for name, operation in trained.items() if operation.train_only and name not in served
    ):
        not_shown.append(f"operations for training data alone: {', '.join(for_training)}")
    return Compared(a, b, "service", found, findings, (), not_shown)


def _placed(swapped: bool, of_service: Any, of_training: Any) -> tuple[Any, Any]:
    return (of_training, of_service) if swapped else (of_service, of_training)


def _hold_served_model(found: Differences, service: Side, training: Side, swapped: bool) -> None:
    written = {use.dataset.digest for row in training.runs for use in row.outputs if use.dataset.digest}
    for stated in service.services:
        model = stated.get("model") or {}
        subject, digest = str(stated.get("deployment")), model.get("digest")
        if training.dataset is not None:
            made = training.dataset.digest
        elif digest in written:
            made = digest
        else:
            made = one_of(
                use.dataset.digest for row in training.runs for use in row.outputs if use.dataset.kind == "model"
            )
        found.hold("model", subject, "contents", *_placed(swapped, digest, made), expected=True)


def _operations(side: Side, rows: Iterable[RunRow]) -> dict[str, _Operation]:
    """Gather how a side prepares data, by operation: what its steps say, and what a service states."""
    stated: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        known = row.preprocessing
        if known is None or not known.operation or not states_operation(row):
            continue
        stated[known.operation].append(
            {
                "version": known.version,
                "derived": known.derived,
                "code": known.code_digest,
                "state": known.state_digest,
                "serve_time": row.serve_time,
                "train_only": row.train_only,
                "fits_state": row.fits_state,
            }
        )
    for service in side.services:
        for entry in service.get("preparation") or ():
            if isinstance(entry, Mapping) and entry.get("operation"):
                stated[str(entry["operation"])].append(
                    {
                        "version": entry.get("version"),
                        "derived": entry.get("derived"),
                        "code": entry.get("codeDigest"),
                        "state": entry.get("stateDigest"),
                        "serve_time": entry.get("serveTime"),
                    }
                )
    return {operation: _operation(entries) for operation, entries in stated.items()}


def _operation(entries: Sequence[Mapping[str, Any]]) -> _Operation:
    codes: dict[str | None, set[str]] = defaultdict(set)
    for entry in entries:
        if entry["code"] and not entry["derived"]:
            codes[entry["version"]].add(entry["code"])

    def said(name: str) -> Any:
        return one_of(entry.get(name) for entry in entries)

    return _Operation(
        version=said("version"),
        declared=not any(entry["derived"] for entry in entries),
        code=said("code"),
        state=said("state"),
        serve_time=said("serve_time"),
        train_only=said("train_only"),
        fits_state=said("fits_state"),
        codes=codes,
    )


def _hold_operations(
    found: Differences, both: tuple[Side, Side], runs: tuple[Sequence[RunRow], Sequence[RunRow]], marks: _Both
) -> list[Finding]:
    findings = []
    mine, other = (_operations(side, rows) for side, rows in zip(both, runs, strict=True))
    for operation in sorted(mine.keys() | other.keys()):
        if operation in mine and operation in other:
            findings += _hold_operation(found, operation, mine[operation], other[operation])
            continue
        where = "A" if operation in mine else "B"
        applying = [
            row
            for row in runs[where == "B"]
            if row.preprocessing and row.preprocessing.operation == operation and states_operation(row)
        ]
        _one_sided(found, operation, where, _may_lack(marks, where, applying))
    return findings


def _may_lack(marks: _Both, where: str, rows: Iterable[RunRow]) -> str | None:
    """Say why the other side may have done what these runs of one side did."""
    here, there = marks if where == "A" else marks[::-1]
    return there.may_lack(rows, here)


def _one_sided(found: Differences, operation: str, where: str, doubt: str | None = None) -> None:
    if doubt is not None:
        found.leave("preprocessing", operation, "applied", where == "A" or None, where == "B" or None, doubt)
        return
    found.hold(
        "preprocessing", operation, "applied", where == "A", where == "B", note=f"{where} alone prepares data by it"
    )


def _hold_operation(
    found: Differences, operation: str, a: _Operation, b: _Operation, *, served: bool = False
) -> list[Finding]:
    """Hold an operation against itself on the other side, and call out what no version tells."""
    before = len(found.changed)
    if a.declared != b.declared:
        note = "a version was declared on one side, and derived from the code on the other one"
        found.hold("preprocessing", operation, "version", a.version, b.version, note=note, expected=True)
    elif a.declared:
        found.hold("preprocessing", operation, "version", a.version, b.version, expected=True)
    differs = found.hold_code("preprocessing", operation, a.code, b.code)
    found.hold(
        "preprocessing", operation, "fitted state", a.state, b.state, expected=bool(a.fits_state or b.fits_state)
    )
    for flag in ("serve_time", "train_only") if not served else ():
        found.hold("preprocessing", operation, flag.replace("_", " "), getattr(a, flag), getattr(b, flag))
    findings = []
    unchanged = a.declared and b.declared and a.version is not None and a.version == b.version
    if differs and unchanged:
        text = f"{operation}: the declared version is {_text(a.version)} on both sides, but the code differs."
        findings.append(Finding("version-unchanged-code-changed", operation, text))
    for where, one in (("A", a), ("B", b)):
        for version, codes in one.codes.items():
            if len(codes) > 1:
                text = f"{operation}: on side {where} alone, version {version} is {len(codes)} different codes."
                findings.append(Finding("one-version-several-codes", operation, text))
    if served and len(found.changed) > before:
        what = " and ".join(difference.fact for difference in found.changed[before:])
        text = f"{operation}: the service does not prepare data as the training did: another {what}."
        findings.append(Finding("serving-differs", operation, text))
    return findings


def _matched(
    found: Differences, mine: Sequence[RunRow], other: Sequence[RunRow], marks: _Both
) -> tuple[list[tuple[str, RunRow, RunRow]], list[str]]:
    """Match runs by job name, those of a mapped step by what tells them apart, and what ran in them by the same."""
    groups = _by_job(mine), _by_job(other)
    pairs: list[tuple[str, RunRow, RunRow]] = []
    ambiguous: list[str] = []
    labels: dict[str, str] = {}
    for name in dict.fromkeys([*groups[0], *groups[1]]):
        a, b = groups[0].get(name, []), groups[1].get(name, [])
        if len(a) == len(b) == 1:
            found_here = [("", a[0], b[0])]
        elif not a or not b:
            state, where = one_of(row.state for row in a or b), "A" if a else "B"
            doubt = _may_lack(marks, where, a or b) if are_marked_calls(a or b) else None
            if doubt is not None:
                found.leave("steps", name, "ran", bool(a) or None, bool(b) or None, doubt)
            else:
                found.hold("steps", name, "ran", bool(a), bool(b), note=f"{where} alone: {_text(state)}")
            continue
        else:
            if len(a) != len(b):
                found.hold("steps", name, "runs", len(a), len(b))
            here, there = _within(a, labels), _within(b, labels)
            found_here = []
            for above in dict.fromkeys([*here, *there]):
                found_here += _matched_mapped(found, name, above, here.get(above, []), there.get(above, []), ambiguous)
        for label, one, two in found_here:
            pairs.append((f"{name} {label}".rstrip(), one, two))
            labels[one.run_id] = labels[two.run_id] = label
    return pairs, ambiguous


def _within(rows: Iterable[RunRow], labels: Mapping[str, str]) -> dict[str, list[RunRow]]:
    """Sort the runs of a job by the name of the run that they ran in, where that is one of several."""
    groups: dict[str, list[RunRow]] = defaultdict(list)
    for row in rows:
        groups[labels.get(row.parent_run_id or "", "")].append(row)
    return groups


def _matched_mapped(
    found: Differences,
    name: str,
    above: str,
    a: Sequence[RunRow],
    b: Sequence[RunRow],
    ambiguous: list[str],
) -> list[tuple[str, RunRow, RunRow]]:
    names = (
        told_apart(a, b)
        if len(a) > 1 or len(b) > 1 or not above
        else [{row.run_id: "" for row in one} for one in (a, b)]
    )
    if names is not None:
        mine, other = (
            {f"{above} {own[row.run_id]}".strip(): row for row in rows} for own, rows in zip(names, (a, b), strict=True)
        )
        if mine.keys() & other.keys() or not (a and b):
            for label in sorted(mine.keys() ^ other.keys()):
                note = f"{'A' if label in mine else 'B'} alone"
                found.hold("steps", f"{name} {label}", "ran", label in mine, label in other, note=note)
            return [(label, mine[label], other[label]) for label in mine if label in other]
    where = f"{name} {above}".rstrip()
    if len(a) == len(b):
        ambiguous.append(f"{where}: {len(a)} runs on each side, which nothing recorded tells apart; matched in order")
        return [(f"{above} #{n}".strip(), one, two) for n, (one, two) in enumerate(zip(a, b, strict=True), start=1)]
    ambiguous.append(
        f"{where}: {counted(len(a), 'run')} against {len(b)}, which nothing recorded tells apart; not matched"
    )
    found.leave("steps", where, "each run", len(a), len(b), "nothing recorded tells which run matches which")
    return []


def _by_job(rows: Iterable[RunRow]) -> dict[str, list[RunRow]]:
    groups: dict[str, list[RunRow]] = defaultdict(list)
    for row in rows:
        groups[row.job.name].append(row)
    return groups


def _hold_code(found: Differences, mine: Sequence[RunRow], other: Sequence[RunRow]) -> None:
    """Hold the code of each job once, however many runs it had, and say which modules of the project differ.

    Where the code lies is told once of all jobs for which it changed in the same way: a file that was renamed holds many.
    """
    groups = _by_job(mine), _by_job(other)
    moved: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name in groups[0]:
        a, b = groups[0][name], groups[1].get(name)
        if b is None:
            continue
        mine_digest, other_digest = (one_of(row.code.digest for row in rows) for rows in (a, b))
        modules: list[dict[str, str | None]] = [
            {module: digest for row in rows for module, digest in row.code.modules.items()} for rows in (a, b)
        ]
        changed = [
            module
            for module in sorted(modules[0].keys() | modules[1].keys())
            if modules[0].get(module) != modules[1].get(module)
        ]
        known = any(row.code.digest or row.code.path or row.code.commit for row in (*a, *b))
        note = f"differs in module {', '.join(changed)}" if changed else None
        if known:
            found.hold_code("code", name, mine_digest, other_digest, note)
        for fact in ("repository", "commit", "dirty", "path"):
            values = [one_of(getattr(row.code, fact) for row in rows) for rows in (a, b)]
            if fact != "dirty" and all(isinstance(value, str) for value in values) and values[0] != values[1]:
                moved[fact, values[0], values[1]].append(name)
                continue
            dirty = any(row.code.dirty is not False for row in (*a, *b))
            doubt = "files differed from the commit, or that is not known; the code digests tell" if dirty else None
            found.hold("code", name, fact, *values, doubt=doubt if fact in ("commit", "dirty") and values[0] else None)
    for (fact, before, after), names in moved.items():
        if len(names) == 1:
            found.hold("code", names[0], fact, before, after)
            continue
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        note = f"of {counted(len(names), 'job')}: {', '.join(names[:_NAMED])}{rest}"
        found.hold("code", _TOGETHER, fact, before, after, note=note)


def _hold_step(found: Differences, name: str, a: RunRow, b: RunRow) -> None:
    """Hold what two runs of a step say of themselves."""
    found.hold("steps", name, "state", a.state, b.state, note=b.error or a.error, expected=True)
    found.hold("steps", name, "attempts", a.attempt, b.attempt)
    found.hold("steps", name, "role", a.role, b.role)
    found.hold(
        "steps", name, "well-known calls", *(sorted({f"{call[1]}" for call in row.calls}) or None for row in (a, b))
    )
    category = "preprocessing" if a.preprocessing or b.preprocessing else "parameters"
    if a.parameters is None or b.parameters is None:
        if a.parameters or b.parameters:
            found.hold("parameters", name, "parameters", a.parameters, b.parameters)
    else:
        for parameter in dict.fromkeys([*a.parameters, *b.parameters]):
            mine, other = a.parameters.get(parameter), b.parameters.get(parameter)
            own = category if by_value(mine) and by_value(other) else "parameters"
            _hold_parameter(found, own, name, parameter, a.parameters, b.parameters)
    for seed in dict.fromkeys(seed.get("name") for row in (a, b) for seed in row.seeds):
        values = ([each.get("value") for each in row.seeds if each.get("name") == seed] for row in (a, b))
        found.hold("parameters", name, f"seed {seed}", *map(one_of, values), expected=True)
    _hold_results(found, "metrics", name, a.metrics, b.metrics, ("value",))
    _hold_results(found, "checks", name, a.checks, b.checks, ("success", "actual", "expected", "severity"))


def _used(name: str, a: RunRow, b: RunRow) -> list[Difference]:
    if not a.usage or not b.usage:
        return []
    known = [fact for fact in a.usage if a.usage[fact] is not None and b.usage.get(fact) is not None]
    return [Difference("used", name, fact, a.usage[fact], b.usage[fact]) for fact in known]


def _hold_parameter(
    found: Differences, category: str, name: str, parameter: str, a: Mapping[str, Any], b: Mapping[str, Any]
) -> None:
    fact = f"parameter {parameter}"
    if parameter not in a or parameter not in b:
        there = "A" if parameter in a else "B"
        found.hold(category, name, fact, *(_given(each, parameter) for each in (a, b)), note=f"given in {there} alone")
        return
    values = a[parameter], b[parameter]
    untold = not all(by_value(value) or value.get("digest") for value in values)
    shown = (_given(each, parameter) for each in (a, b))
    # Where things lie changes with every folder that a process is given; what lies there is compared as data.
    if all(map(_is_path, values)):
        category = "paths"
    found.hold(category, name, fact, *shown, doubt="its type alone was recorded" if untold else None)


def _given(parameters: Mapping[str, Any], name: str) -> Any:
    """Give a value; None is one that a parameter can have, and no fact that is missing."""
    return "absent" if name not in parameters else "None" if parameters[name] is None else parameters[name]


def _is_path(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_path, value))
    return isinstance(value, str) and value.startswith("/")


def _hold_results(
    found: Differences,
    category: str,
    name: str,
    a: Sequence[Mapping[str, Any]],
    b: Sequence[Mapping[str, Any]],
    facts: Sequence[str],
) -> None:
    """Hold metrics or checks against those of the same name, column and role of data; of several figures, all of them."""
    mine, other = _results(a), _results(b)
    for key in dict.fromkeys([*mine, *other]):
        if key not in mine or key not in other:
            there = [[entry.get(facts[0]) for entry in side.get(key, ())] or None for side in (mine, other)]
            found.hold(category, name, key, *there)
            continue
        for fact in facts:
            values = []
            for entries in (mine[key], other[key]):
                told = [entry[fact] for entry in entries if entry.get(fact) is not None]
                values.append(told[0] if len(told) == 1 else told or None)
            found.hold(category, name, key if fact == facts[0] else f"{key} {fact}", *values)


def _results(entries: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        dataset = entry.get("dataset")
        of = str(dataset.get("name", "")).rpartition("/")[2] if isinstance(dataset, Mapping) else ""
        column = f".{entry['column']}" if entry.get("column") else ""
        found[f"{entry.get('name')}{f' of {of}{column}' if of else column}"].append(entry)
    return found


def _hold_orchestrators(found: Differences, a: Side, b: Side, mine: Sequence[RunRow], other: Sequence[RunRow]) -> None:
    versions = [
        {
            name: one_of(row.orchestrator_version for row in rows if row.orchestrator == name)
            for name in dict.fromkeys(row.orchestrator for row in rows if row.orchestrator)
        }
        for rows in (mine, other)
    ]
    for name in sorted(versions[0].keys() | versions[1].keys()):
        if name in versions[0] and name in versions[1]:
            found.hold("orchestrator", name, "version", versions[0][name], versions[1][name], expected=True)
        else:
            found.hold("orchestrator", name, "used", name in versions[0], name in versions[1])
    found.hold(
        "orchestrator", "adapters", "producer", *(one_of(row.producer for row in rows) for rows in (mine, other))
    )
    for fact in ("system", "environment", "mode", "trigger", "actor"):
        values = (one_of(getattr(row, fact) for row in side.roots) for side in (a, b))
        found.hold("circumstances", "root run", fact, *values)


def _not_shown(a: Side, b: Side) -> list[str]:
    """Say what the answer leaves open: by its nature, and for what the adapters could not see here."""
    said = dict.fromkeys(NOT_SHOWN)
    for where, side in (("A", a), ("B", b)):
        if gaps := sum(len(row.not_captured) for row in side.runs):
            said[
                f"what could not be captured on side {where}: {counted(gaps, 'time')}, listed by `orchestrail show`"
            ] = None
        if side.missing:
            said[f"runs that others name and that are not recorded: {len(side.missing)} on side {where}"] = None
        for row in side.roots:
            if row.capabilities is None:
                said[f"what the producer of {row.job.name} cannot see: it does not say"] = None
            elif unseen := sorted(set(map(str, Capability)) - set(row.capabilities)):
                words = ", ".join(unseen).replace("_", " ")
                said[f"what adapter {row.adapter or row.orchestrator} does not see: {words}"] = None
        if not side.whole:
            said[f"runs that had no part in {side.target.given}: both sides share a root run"] = None
    return list(said)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
