"""LIN-01, LIN-02, LIN-04, LIN-05: what steps read and wrote, and whether data sets are pinned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from orchestrail.model import IN_MEMORY, NOTHING, WHOLES, Capability, State
from orchestrail.queries.facts import DatasetRef, Process, RunFacts, Use
from orchestrail.queries.versions import Version
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import CONTRADICTED, NEITHER
from orchestrail.requirements.verdicts import Result, Why, Witness, failed, passed, unknown

_READERS = ("preprocess", "split", "train", "evaluate")
_IN_USE = ("deploy", "serve")
"""Roles of steps that put a model to use and leave no data set behind."""
_TELLING = ("evaluate", "monitor", "other")
"""Roles of steps that may come to checks and metrics alone."""


def _ran(run: RunFacts) -> bool:
    return run.state not in (None, State.SKIPPED, State.RUNNING)


def _does_nothing(process: Process, run: RunFacts) -> bool:
    """Say whether a run is one of a task that does nothing by its kind, and of which nobody says that it worked on data."""
    told = run.role is not None or run.run_id in process.inputs or run.run_id in process.outputs
    return run.job_type == NOTHING and not (told or run.step.not_captured)


@judges("LIN-01", of=Process, subject="a step that did its work")
def steps_state_their_data(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Every step that did its work states what it read and wrote; an ingest step names an outside source."""
    for run in process.steps:
        if not _ran(run) or run.state in (State.FAIL, State.ABORT, State.CACHED) or _does_nothing(process, run):
            continue
        label = run.job.name
        here = Witness(run.run_id, run.last_seq, "inputs and outputs", "none told")
        reads = _data(process, process.inputs, run)
        lacking = [] if reads else ["outside source" if run.role == "ingest" else "input"]
        if run.role == "ingest" and reads and not _is_outside(process, run, reads):
            lacking = ["outside source"]
        if run.role not in _IN_USE and not _data(process, process.outputs, run) and not _told(process, run):
            lacking.append("output")
        if run.role is None:
            untagged = Witness(run.run_id, run.first_seq, "role", "none told")
            yield unknown(run.run_id, Why.NOT_CAPTURED, "the step has no role", untagged, label=label)
        elif not lacking:
            yield passed(run.run_id, label)
        elif not process.can(run, Capability.DATASET_VERSION):
            why = f"no {' and no '.join(lacking)} is known: its adapter cannot see it"
            yield unknown(run.run_id, Why.NOT_CAPTURED, why, here, label=label)
        elif run.step.not_captured:
            why = f"no {' and no '.join(lacking)} is known, and capture says that it could not look everywhere"
            yield unknown(run.run_id, Why.NOT_CAPTURED, why, here, label=label)
        else:
            yield failed(run.run_id, f"the {run.role} step names no {' and no '.join(lacking)}", here, label=label)


def _data(process: Process, side: Mapping[str, tuple[Use, ...]], run: RunFacts) -> list[Use]:
    """Give what a step read or wrote, with the steps inside it and, where it is inside one itself, the step around it.

    An operation that a task calls hands its result to the task, which writes it. What a flow reads says nothing of its tasks.
    """
    found = [use for one in (run, *process.below(run)) for use in side.get(one.run_id, ())]
    around = process.by_id.get(run.parent_run_id or "")
    if around is not None and around.role is not None and around.job_type not in WHOLES:
        found += side.get(around.run_id, ())
    return found


def _told(process: Process, run: RunFacts) -> bool:
    """Say whether checks or metrics are what a step came to: an evaluation need not write a file."""
    return run.role in _TELLING and any(one.run_id in process.checks for one in (run, *process.below(run)))


def _is_outside(process: Process, run: RunFacts, reads: list[Use]) -> bool:
    """Say whether something that a step read comes from outside: nothing else in the process wrote it, and it lies somewhere."""
    own = {run.run_id, *(one.run_id for one in process.below(run))}
    written = {
        (use.dataset.namespace, use.dataset.name)
        for run_id, uses in process.outputs.items()
        if run_id not in own
        for use in uses
    }
    return any(
        use.dataset.namespace != IN_MEMORY
        and (use.dataset.role == "source" or (use.dataset.namespace, use.dataset.name) not in written)
        for use in reads
    )


@judges(
    "LIN-02",
    of=Process,
    subject="data that a step of preparation, splitting, training or evaluation read",
    beyond=NEITHER,
)
def inputs_are_pinned(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """Each data set that a step of preparation, splitting, training or evaluation reads has a digest, or a fixed version."""
    for run in process.in_role(*_READERS):
        for use in process.inputs.get(run.run_id, ()):
            dataset = use.dataset
            subject = f"{dataset.namespace}:{dataset.name}"
            here = Witness(run.run_id, use.seq, "inputs", f"{subject} version {dataset.version or 'none'}")
            label = run.job.name
            weak = dataset.weak or ("it was looked up afterwards" if dataset.observed == "looked_up" else None)
            pinned = dataset.digest is not None or (
                dataset.version is not None and not _is_mutable(dataset, circumstances)
            )
            if pinned and weak is None:
                yield passed(subject, label)
            elif pinned:
                what = "digest" if dataset.digest is not None else "version"
                yield unknown(
                    subject, Why.PARTIAL, f"its {what} may not be of what was read: {weak}", here, label=label
                )
            elif process.can(run, Capability.DATASET_VERSION) and dataset.namespace != IN_MEMORY:
                what = f"the version {dataset.version} stands for no fixed content" if dataset.version else "no version"
                yield failed(subject, f"neither a digest nor a fixed version: {what}", here, label=label)
            else:
                why = "neither digest nor fixed version is visible to its adapter"
                yield unknown(subject, Why.NOT_CAPTURED, why, here, label=label)


def _is_mutable(dataset: DatasetRef, circumstances: Circumstances) -> bool:
    return (dataset.version or "").lower() in circumstances.policy.mutable_versions


@judges("LIN-04", of=Process, subject="data that one step wrote and a later one read")
def read_is_what_was_written(process: Process, circumstances: Circumstances) -> Iterator[Result]:
    """A data set that one step wrote and a later one read is the same on both sides, as it was read.

    What lies in memory is known by its content alone: its name is not compared.
    """
    written: dict[tuple[str, str], list[Use]] = defaultdict(list)
    for uses in process.outputs.values():
        for use in uses:
            written[use.dataset.namespace, use.dataset.name].append(use)
    for run in process.runs:
        for use in process.inputs.get(run.run_id, ()):
            key = use.dataset.namespace, use.dataset.name
            earlier = [one for one in written.get(key, ()) if one.seq < use.seq and one.run_id != run.run_id]
            if earlier and use.dataset.namespace != IN_MEMORY:
                yield _compared(run, use, sorted(earlier, key=lambda one: one.seq, reverse=True), circumstances)


def _compared(run: RunFacts, use: Use, earlier: list[Use], circumstances: Circumstances) -> Result:
    """Compare what was read with what was written, the latest first."""
    read, label = use.dataset, run.job.name
    subject = f"{read.namespace}:{read.name}"
    shown = [
        Witness(one.run_id, one.seq, f"{one.direction}s", one.dataset.digest or one.dataset.version or "by name only")
        for one in (use, *earlier)
    ]
    same = [_is_same(read, one.dataset, circumstances) for one in earlier]
    if same[0] is None:
        return unknown(subject, Why.PARTIAL, "not known by content on both sides", *shown, label=label)
    if read.observed not in ("at_read", "at_collect") or read.weak is not None:
        why = f"its content was not taken as it was read: {read.weak or read.observed}"
        return unknown(subject, Why.PARTIAL, why, *shown, label=label)
    if same[0]:
        return passed(subject, label)
    if any(same):
        why = "it is what one step wrote, and by the log another had written it anew before"
        return unknown(subject, Why.PARTIAL, why, *shown, label=label)
    return failed(subject, "what was read is not what was written", *shown, label=label)


def _is_same(read: DatasetRef, written: DatasetRef, circumstances: Circumstances) -> bool | None:
    """Compare digests, else versions; None where there is neither on both sides, or where what was written is known weakly."""
    if written.weak is not None:
        return None
    if read.digest is not None and written.digest is not None:
        return read.digest == written.digest
    if read.version is None or written.version is None or _is_mutable(read, circumstances):
        return None
    if read.version == written.version:
        return True
    # Where one side alone has a digest, its version may be that digest: another kind of version than the other's.
    return False if read.digest == written.digest else None


@judges("LIN-05", of=Version, subject="a data set with a version name", beyond={CONTRADICTED})
def a_version_keeps_its_content(version: Version, circumstances: Circumstances) -> Iterator[Result]:
    """A version name maps to one content in the whole record."""
    shown = tuple(Witness(use.run_id, use.seq, f"{use.direction}s", use.digest or "no digest") for use in version.seen)
    digests = {use.digest for use in version.seen if use.digest is not None}
    if len(digests) > 1:
        yield failed(version.key, f"the version stands for {len(digests)} contents", *shown)
    elif version.without_digest:
        total = version.uses
        why = f"{total - version.without_digest} of {total} uses have a digest"
        yield unknown(version.key, Why.PARTIAL, why, *shown)
    else:
        yield passed(version.key)
