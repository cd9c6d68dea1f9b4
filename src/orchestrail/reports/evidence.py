"""Everything that a technical documentation of one model is made of, read from the record in one go. No words are chosen here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from orchestrail.errors import NotRecorded
from orchestrail.queries import RunRow
from orchestrail.queries.diff import Compared, diff
from orchestrail.queries.facts import Use
from orchestrail.queries.loading import content_key, load_runs, missed
from orchestrail.queries.log_entries import LogEntry, log_entries
from orchestrail.queries.manifests import ManifestRow, System, manifest_in_force
from orchestrail.queries.models import Model, model, predecessor
from orchestrail.queries.show import began
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.statements import Statement, statements
from orchestrail.queries.targets import find_target


@dataclass(frozen=True)
class Evidence:
    """What the record has about a model.

    Attributes:
        model: the model with all behind and after it.
        runs: the runs behind it and those that read it, by id, whole.
        beside: the other runs that checked the same data.
        unseen: runs of the processes behind it that had begun when it was written, and of which something was not captured.
        statements: what persons state about it, its system, or points of Annex IV.
        manifest: the manifest in force; None where none was recorded.
        system: what that says of the model's system.
        system_name: the system that the runs name.
        predecessor: the writing of the model before it under its name; None for the first one.
        change: what changed since that one.
        entries: entries of the log by place, for all that may be cited.
    """

    model: Model
    runs: Mapping[str, RunRow]
    beside: Sequence[RunRow]
    unseen: Sequence[RunRow]
    statements: Sequence[Statement]
    manifest: ManifestRow | None
    system: System | None
    system_name: str | None
    predecessor: Use | None
    change: Compared | None
    entries: Mapping[int, LogEntry]


def gather(record: Snapshot, given: str, day: date) -> Evidence:
    """Read what there is about a model.

    Args:
        record: a snapshot of the store.
        given: the model: a file, a digest, a name.
        day: the UTC day on which statements have to stand.

    Raises:
        NotRecorded: no recorded run wrote it, or it is no model.
        AmbiguousRun: it fits more than one thing.
    """
    target = find_target(record, given)
    key = content_key(target.dataset) if target.dataset is not None else None
    found = model(record, key, target.dataset) if key is not None else None
    if found is None or not any(use.dataset.kind == "model" for use in found.written):
        raise NotRecorded(
            f"{given} is no model that a recorded run wrote.",
            "A technical documentation is made of the record of a model's making.",
            "Name a model file, or its digest; `orchestrail check` lists what is on the record.",
        )
    runs = load_runs(record, [*found.by_id, *(each.run.run_id for each in found.deployments)])
    beside = load_runs(record, dict.fromkeys(each.run.run_id for each in found.beside))
    manifest = manifest_in_force(record)
    names = [run.system for run in found.closure if run.system is not None]
    name = names[-1] if names else None
    systems = manifest.manifest.systems if manifest is not None else ()
    stated = statements(record, day)
    earlier = predecessor(record, found.making)
    gaps = load_runs(record, (run_id for run_id, _, _ in missed(record, {run.root_run_id for run in found.closure})))
    unseen = sorted((row for row in gaps.values() if row.first_seq < found.making.seq), key=began)
    sequences = {
        seq for row in runs.values() for seq in (row.first_seq, row.last_seq, *(use.seq for use in row.inputs))
    }
    sequences |= {use.seq for row in runs.values() for use in row.outputs} | {use.seq for use in found.written}
    sequences |= {row.last_seq for row in (*beside.values(), *unseen)} | (
        {earlier.seq} if earlier is not None else set()
    )
    sequences |= {one.seq for one in stated} | ({manifest.seq} if manifest is not None else set())
    return Evidence(
        found,
        runs,
        list(beside.values()),
        unseen,
        [one for one in stated if _concerns(one, found, name)],
        manifest,
        next((system for system in systems if system.name == name), None),
        name,
        earlier,
        diff(record, str(earlier.dataset.digest), found.key) if earlier is not None else None,
        log_entries(record, sequences),
    )


def _concerns(one: Statement, found: Model, system: str | None) -> bool:
    """Say whether a statement is about the model, what it was made of, who evaluated it, or its system."""
    subject = one.subject
    known = {found.key, *(each.dataset.digest for each in found.datasets.values())}
    if subject.digest in known or subject.name in found.by_id:
        return True
    return system is not None and subject.name.partition("@")[0] == system
