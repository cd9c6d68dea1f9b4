"""PREP-01 to PREP-03, PREP-05, PREP-06, CACHE-01: how data is prepared, by which code, and what was checked before training."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import takewhile

from orchestrail.model import WHOLES, Capability, State
from orchestrail.queries.facts import Check, DatasetRef, Process, RunFacts, Use
from orchestrail.queries.loading import Edge, content_key, dataset_key
from orchestrail.queries.models import Model
from orchestrail.queries.versions import CodeOf, Operation
from orchestrail.queries.words import counted
from orchestrail.requirements.alike import same_code, same_content, same_operation
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import CONTRADICTED, NEITHER, SUPPLIED
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown

_FIXED = ("preprocess", "split", "train", "evaluate")


def _ran(run: RunFacts) -> bool:
    return run.state not in (None, State.SKIPPED)


@judges("PREP-01", of=Process, subject="a preparation step", beyond={SUPPLIED})
def preparation_is_declared(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Each preparation step declares operation and version when it begins.

    A task whose role was concluded from the declared operations that it calls is covered by those.
    """
    for run in process.in_role("preprocess"):
        if not _ran(run) or (run.role_source != "declared" and _declared_inside(process, run)):
            continue
        label, step = run.job.name, run.step
        here = Witness(
            run.run_id, step.started_seq or run.first_seq, "preprocessing", f"{step.operation} {step.version}"
        )
        if not run.step.ours:
            why = "its producer cannot say which operation it is, and in which version"
            yield unknown(run.run_id, Why.NOT_CAPTURED, why, here, label=label)
        elif step.operation is None:
            yield failed(run.run_id, "the preparation step names no operation", here, label=label)
        elif step.version is None or step.derived:
            yield failed(run.run_id, "the preparation step declares no version", here, label=label)
        elif not step.stated_at_start:
            yield failed(run.run_id, "operation and version were not stated when it began", here, label=label)
        else:
            yield passed(run.run_id, label)


def _declared_inside(process: Process, run: RunFacts) -> bool:
    return any(one.role == "preprocess" and one.role_source == "declared" for one in process.below(run))


@judges("PREP-01", of=Model, subject="a preparation step", beyond={SUPPLIED})
def a_model_has_preparation(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """A model behind which no preparation step is known is unknown: somebody may have prepared its data elsewhere."""
    if not model.in_role("preprocess"):
        shown = Witness(model.written[0].run_id, model.written[0].seq, "role", "preprocess: none behind the model")
        why = "no preparation step is known behind the model"
        yield unknown(model.key, Why.NO_SUBJECTS, why, shown, label=model.dataset.name)


@judges("PREP-02", of=Operation, subject="a preparation step", beyond={CONTRADICTED})
def a_version_keeps_its_code(operation: Operation, circumstances: Circumstances) -> Iterator[Result]:
    """The same version of an operation is the same code, over all runs."""
    shown = tuple(witness for code in operation.codes for witness in _ends(code))
    known = [code for code in operation.codes if code.digest is not None]
    by_algorithm = {(code.digest or "").partition(":")[0] for code in known}
    if not operation.codes:
        left_out = counted(operation.left_out, "run is", "runs are")
        why = f"{left_out} of the environment `dev`, and no deployed model descends from them: set `ORCHESTRAIL_ENVIRONMENT`"
        yield unknown(operation.key, Why.NO_SUBJECTS, why)
    elif any(sum((code.digest or "").startswith(f"{each}:") for code in known) > 1 for each in by_algorithm):
        yield failed(operation.key, f"{len(known)} codes ran under one version", *shown)
    elif len(known) < len(operation.codes):
        runs, total = sum(code.runs for code in known), sum(code.runs for code in operation.codes)
        yield unknown(operation.key, Why.PARTIAL, f"{runs} of {total} runs have a digest of their code", *shown)
    elif len(by_algorithm) > 1:
        why = "its code is known by digests of several algorithms, which cannot be compared"
        yield unknown(operation.key, Why.PARTIAL, why, *shown)
    else:
        yield passed(operation.key)


def _ends(code: CodeOf) -> Iterator[Witness]:
    yield Witness(code.first_run, code.first_seq, "code", f"{code.digest}, first of {code.runs}")
    if code.last_run != code.first_run:
        yield Witness(code.last_run, code.last_seq, "code", f"{code.digest}, last of {code.runs}")


@judges("PREP-03", of=Process, subject="a step of preparation, splitting, training or evaluation", beyond=NEITHER)
def code_and_parameters_are_fixed(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Each step of preparation, splitting, training or evaluation has a digest of its code or a clean commit, and parameters."""
    for run in process.in_role(*_FIXED):
        if not _ran(run):
            continue
        label, step = run.job.name, run.step
        missing: list[tuple[str, str, Capability]] = []
        if step.code_digest is None and not (step.code_commit and step.code_dirty is False):
            missing.append(("code", "the code that ran has no digest and no clean commit", Capability.CODE_DIGEST))
        if not step.has_parameters or step.parameters_digest is None:
            missing.append(("parameters", "its parameters are not known", Capability.PARAMETERS))
        shown = [Witness(run.run_id, run.first_seq, field, "not recorded") for field, _, _ in missing]
        reported = [why for _, why, able in missing if process.can(run, able)]
        if not missing:
            yield passed(run.run_id, label)
        elif reported:
            yield failed(run.run_id, " and ".join(reported), *shown, label=label)
        else:
            why = " and ".join(why for _, why, _ in missing)
            yield unknown(run.run_id, Why.NOT_CAPTURED, f"{why}: its adapter cannot see it", *shown, label=label)


_SPLITS = ("train", "validation", "test")


@judges("PREP-05", of=Model, subject="a model")
def splits_are_treated_alike(model: Model, circumstances: Circumstances) -> Iterator[Result]:
    """Training, validation and test data passed the same operations, and none that learns from data read the test data.

    What is for training alone, resampling say, is left out. Other parameters leave it open: they may do no more than name the part.
    """
    label = model.dataset.name
    parts = {role: found for role in _SPLITS if (found := _in_role(model, role))}
    here = Witness(model.written[0].run_id, model.written[0].seq, "outputs", label)
    if "train" not in parts or "test" not in parts:
        lacking = " and ".join(role for role in ("train", "test") if role not in parts)
        why = f"no data set behind the model is said to be for: {lacking}"
        yield unknown(model.key, Why.NOT_CAPTURED, why, here, label=label)
        return
    model = model.with_tests
    before = _before_each(model)
    operations = {role: _applied(model, _behind(before, found)) for role, found in parts.items()}
    unlike = [role for role in parts if operations[role].keys() != operations["train"].keys()]
    gaps = {role: _untold(model, before, parts, operations, role) for role in unlike}
    certain = [role for role in unlike if not gaps[role]]
    unmade = [use for role in unlike for node, use in parts[role].items() if node not in before]
    leaks, doubtful = _learnt_from_tests(model, before, parts)
    if leaks:
        shown = [_read(use, "test data") for use in leaks]
        name = model.by_id[leaks[0].run_id].job.name
        yield failed(model.key, f"{name} learns from data and read the test data", *shown, label=label)
    elif unmade:
        shown = [_read(use, f"{use.dataset.role} data") for use in unmade]
        why = f"how {unmade[0].dataset.name} was made, the {unmade[0].dataset.role} data, is not known"
        yield unknown(model.key, Why.NOT_CAPTURED, why, *shown, label=label)
    elif certain:
        role = certain[0]
        one, other = operations["train"], operations[role]
        differing = sorted(one.keys() ^ other.keys())
        shown = [_declared({**one, **other}[key][0], key) for key in differing]
        names = ", ".join(differing)
        yield failed(model.key, f"{role} data was not treated as training data was: {names}", *shown, label=label)
    elif unlike:
        shown = [Witness(edge.end, None, edge.kind, f"{edge.start} -> {edge.end}") for edge in gaps[unlike[0]]]
        names = ", ".join(sorted(operations["train"].keys() ^ operations[unlike[0]].keys()))
        why = f"whether {unlike[0]} data was treated as training data was is not known: {names}, and on its way a step is unproven"
        yield unknown(model.key, Why.PARTIAL, why, *shown, label=label)
    elif not operations["train"]:
        yield unknown(
            model.key, Why.NO_SUBJECTS, "no operation that prepares data is known behind the splits", here, label=label
        )
    elif doubtful:
        shown = [_read(use, "of the test data") for use in doubtful]
        name, read = model.by_id[doubtful[0].run_id].job.name, doubtful[0].dataset.name
        why = f"{name} learns from data and read {read}, which test data comes from: what it learnt from is not told"
        yield unknown(model.key, Why.PARTIAL, why, *shown, label=label)
    elif otherwise := _otherwise_set(operations):
        key, role, what, runs = otherwise
        shown = [
            Witness(run.run_id, run.first_seq, "parameters", run.step.parameters_digest or "not recorded")
            for run in runs
        ]
        why = f"whether {key} does the same to {role} data as to training data is not known: its parameters {what}"
        yield unknown(model.key, Why.PARTIAL, why, *shown, label=label)
    else:
        yield passed(model.key, label)


Applied = Mapping[str, Sequence[RunFacts]]
"""By name and version of an operation, the runs of it."""


def _untold(
    model: Model,
    before: Before,
    parts: Mapping[str, Collection[str]],
    operations: Mapping[str, Applied],
    role: str,
) -> list[Edge]:
    """Find where a part, or training data, may have passed the operation that it lacks: what was handed on there is not known."""
    one, other = operations["train"].keys(), operations[role].keys()
    lacking = [part for part, lacks in ((role, one - other), ("train", other - one)) if lacks]
    found = []
    for part in lacking:
        behind = _behind(before, parts[part])
        found.append([edge for edge in model.edges if not edge.captured and edge.end in behind])
    return [edge for edges in found for edge in edges] if all(found) else []


def _otherwise_set(operations: Mapping[str, Applied]) -> tuple[str, str, str, list[RunFacts]] | None:
    """Find an operation that had other parameters on a part than on the training data, or of which they are not known.

    What went through the same runs was treated alike, whatever is known of them.
    """
    for role, applied in operations.items():
        for key, runs in applied.items():
            ours = operations["train"][key]
            known = [{run.step.parameters_digest for run in each} for each in (ours, runs)]
            if ours == runs or (known[0] == known[1] and None not in known[0]):
                continue
            what = "are not recorded" if None in known[0] | known[1] else "differ"
            return key, role, what, list({run.run_id: run for run in (*ours, *runs)}.values())
    return None


def _read(use: Use, what: str) -> Witness:
    return Witness(use.run_id, use.seq, "inputs", f"{use.dataset.name}: {what}")


def _declared(run: RunFacts, operation: str) -> Witness:
    return Witness(run.run_id, run.first_seq, "preprocessing", operation)


def _node(dataset: DatasetRef) -> str:
    return content_key(dataset) or dataset_key(dataset)


def _in_role(model: Model, role: str) -> dict[str, Use]:
    """Give the data sets of a role that something behind the model, or an evaluation of it, read."""
    return {_node(use.dataset): use for uses in model.inputs.values() for use in uses if use.dataset.role == role}


Before = Mapping[str, Collection[str]]
"""By data set or run what it comes from: of a data set who wrote it, of a run what it read."""


def _before_each(model: Model) -> Before:
    found: dict[str, set[str]] = {}
    for run_id in model.by_id:
        for use in model.inputs.get(run_id, ()):
            found.setdefault(run_id, set()).add(_node(use.dataset))
        for use in model.outputs.get(run_id, ()):
            found.setdefault(_node(use.dataset), set()).add(run_id)
    for edge in model.edges:  # what was only named is joined to who wrote it by the trace
        start, end = (
            _node(known.dataset) if (known := model.datasets.get(each)) else each for each in (edge.start, edge.end)
        )
        if edge.kind in ("read", "wrote"):
            found.setdefault(end, set()).add(start)
    return found


def _steps(model: Model, behind: Collection[str]) -> Iterator[RunFacts]:
    """Give the runs among what lies behind something, and the operations that they call."""
    for run_id, run in sorted(model.by_id.items()):
        if run_id in behind or any(one.run_id in behind for one in _around(model, run)):
            yield run


def _around(model: Model, run: RunFacts) -> list[RunFacts]:
    """Give the tasks that a step ran in, from the inside: a task hands on what the operations that it calls have made."""
    outside = list(model.above(run))[1:] if run.role is not None else []
    return list(takewhile(lambda one: one.role is not None and one.job_type not in WHOLES, outside))


def _behind(before: Before, starts: Collection[str], without: Collection[str] = ()) -> set[str]:
    """Give some data sets and all that they come from, but for what they come from through some runs alone."""
    found, waiting = set(starts), list(starts)
    while waiting:
        for one in before.get(waiting.pop(), ()):
            if one not in found and one not in without:
                found.add(one)
                waiting.append(one)
    return found


def _applied(model: Model, behind: Collection[str]) -> Applied:
    """Give the declared operations among what lies behind a part, without those for training alone."""
    found: dict[str, list[RunFacts]] = {}
    for run in _steps(model, behind):
        if run.role == "preprocess" and run.step.operation and not run.step.derived and not run.step.train_only:
            found.setdefault(f"{run.step.operation} {run.step.version}", []).append(run)
    return found


def _learnt_from_tests(
    model: Model, before: Before, parts: Mapping[str, Collection[str]]
) -> tuple[list[Use], list[Use]]:
    """Find what runs that learn from data, and lie behind the training data, read of the test data; and what may be of it.

    Test data is what it comes from without such a run, since that hands on what it learnt; where all of it came through the run,
    what the run read. What training data comes from too may hold rows of both; and of what a task read, nothing tells what the
    operation inside it was given.
    """
    leaks: list[Use] = []
    doubtful: list[Use] = []
    for run in _steps(model, _behind(before, parts["train"])):
        if not run.step.fits_state:
            continue
        certain, possible = _of_tests(model, before, parts, [run.run_id])
        around = [one.run_id for one in _around(model, run)]
        held, shared = _of_tests(model, before, parts, [run.run_id, *around]) if around else ([], [])
        leaks += certain
        doubtful += [*possible, *(use for use in (*held, *shared) if use.run_id != run.run_id)]
    return leaks, doubtful


def _of_tests(
    model: Model, before: Before, parts: Mapping[str, Collection[str]], run_ids: Sequence[str]
) -> tuple[list[Use], list[Use]]:
    """Find what some runs, taken as one, read of the test data alone, and what of the training data too."""
    made = {_node(use.dataset) for run_id in run_ids for use in model.outputs.get(run_id, ())}
    test, train = (_behind(before, parts[role], without=run_ids) for role in ("test", "train"))
    sources = {_node(traced.dataset) for traced in model.sources}  # one that was copied comes from itself, by content
    ends = {one for one in test if one in sources or not set(before.get(one, ())) - set(run_ids)}
    through = bool(ends) and ends <= made
    read = [use for run_id in run_ids for use in model.inputs.get(run_id, ())]
    certain = [use for use in read if through or _node(use.dataset) in test - train]
    return certain, [use for use in read if use not in certain and _node(use.dataset) in test]


def _is_about(check: Check, dataset: DatasetRef) -> bool:
    """Say of a check of the same content whether it was of this data set; a check of something empty is of that alone."""
    return not dataset.is_empty or (check.namespace, check.dataset) == (dataset.namespace, dataset.name)


@judges("PREP-06", of=Process, subject="data that a training step read")
def data_was_checked_before_training(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Every data set that a training step reads was checked by a run that ended before, and no check of severity error failed."""
    for run in process.in_role("train"):
        if not _ran(run):
            continue
        for use in process.inputs.get(run.run_id, ()):
            dataset, label = use.dataset, run.job.name
            if dataset.role in ("test", "validation", "reference"):
                continue
            subject = dataset.digest or f"{dataset.namespace}:{dataset.name}"
            here = Witness(run.run_id, use.seq, "inputs", dataset.name)
            if dataset.digest is None:
                why = f"{dataset.name} has no digest by which checks of it could be found"
                yield unknown(subject, Why.NOT_CAPTURED, why, here, label=label)
                continue
            if dataset.weak is not None:
                why = f"{dataset.name}: its digest may not be of what was read: {dataset.weak}"
                yield unknown(subject, Why.PARTIAL, why, here, label=label)
                continue
            checked = process.checked.get(dataset.digest, ())
            before = [(check, by) for check, by in checked if _before(by, run) and _is_about(check, dataset)]
            broken = [
                (check, by) for check, by in before if check.success is False and check.severity in ("error", None)
            ]
            told = [(check, by) for check, by in before if check.success is not None]
            if broken:
                shown = [
                    Witness(by.run_id, by.last_seq, "checks", f"{check.name} does not hold") for check, by in broken
                ]
                yield failed(
                    subject, f"{dataset.name}: the check {broken[0][0].name} failed", *shown, here, label=label
                )
            elif told:
                yield passed(subject, label)
            elif before:
                shown = [Witness(by.run_id, by.last_seq, "checks", f"{check.name}: no result") for check, by in before]
                yield unknown(
                    subject, Why.NOT_CAPTURED, f"{dataset.name}: its checks tell no result", *shown, here, label=label
                )
            elif run.step.ours:
                yield failed(subject, f"{dataset.name}: nothing checked it before training", here, label=label)
            else:
                why = f"{dataset.name}: no check is known, and its producer may not tell of checks"
                yield unknown(subject, Why.NOT_CAPTURED, why, here, label=label)


def _before(one: RunFacts, other: RunFacts) -> bool:
    return bool(one.ended_at and other.started_at and one.ended_at <= other.started_at)


@judges("CACHE-01", of=Process, subject="a run that took a stored result", beyond={SUPPLIED})
def cached_results_have_an_origin(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """A run that took a stored result names the run that made it: completed, of the same operation, code and data."""
    for run in process.runs:
        if run.state != State.CACHED:
            continue
        label = run.job.name
        here = Witness(run.run_id, run.last_seq, "cached_from", run.cached_from or "not known")
        origin = process.by_id.get(run.cached_from or "")
        if run.cached_from is None:
            if process.can(run, Capability.CACHE_ORIGIN):
                yield failed(run.run_id, "nothing says which run made the result that it took", here, label=label)
            else:
                why = "its adapter cannot see which run made the result that it took"
                yield unknown(run.run_id, Why.NOT_CAPTURED, why, here, label=label)
            continue
        if origin is None:
            yield failed(run.run_id, "the run that made its result is not on the record", here, label=label)
            continue
        made = Witness(origin.run_id, origin.ended_seq or origin.first_seq, "state", origin.state or "not told")
        compared = {"operation or version": same_operation(run, origin), "code": same_code(run, origin)}
        compared["input"] = _same_input(process, run, origin)
        if run.run_id in process.outputs:
            compared["output"] = same_content(process.outputs[run.run_id], process.data_of(origin, "output"))
        differing = [what for what, same in compared.items() if same is False]
        untold = [what for what, same in compared.items() if same is None]
        if origin.state != State.COMPLETE:
            yield failed(run.run_id, "the run that made its result did not complete", made, here, label=label)
        elif differing:
            why = f"the run that made its result had another {' and another '.join(differing)}"
            yield failed(run.run_id, why, made, here, label=label)
        elif untold:
            why = f"whether the run that made its result had the same {' and the same '.join(untold)} is not known"
            yield unknown(run.run_id, Why.PARTIAL, why, made, here, label=label)
        else:
            yield passed(run.run_id, label)


def _same_input(process: Process, run: RunFacts, origin: RunFacts) -> bool | None:
    """Compare what was read. A run whose code did not run reads nothing: what it would have read is known where that is told."""
    ours, theirs = process.data_of(run, "input"), process.data_of(origin, "input")
    return None if theirs and not ours else same_content(ours, theirs)
