"""The typed rows: what is known of a run, and of a data set in a run's hands. Frozen, no SQL, no JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrail.manifest import Manifest
from orchestrail.model import DatasetRef, Finding, Job, PreprocessingVersion
from orchestrail.statements.content import Content, Signed
from orchestrail.statements.persons import Person


@dataclass(frozen=True, slots=True)
class Use:
    """A data set that a run read or wrote.

    Attributes:
        run_id: the run.
        direction: `input` or `output`.
        dataset: what was read or written.
        seq: place in the log of the first event of the run that reported it.
        at: time which that event claims, RFC 3339 in UTC.
    """

    run_id: str
    direction: str
    dataset: DatasetRef
    seq: int
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run.

    Attributes:
        digest: with algorithm id.
        repository: address of the repository.
        commit: commit that was checked out.
        dirty: True where files differed from the commit.
        path: source file within repository or project.
        name: `module.qualname` of the function.
        modules: digest by name of the project's own modules that were loaded.
    """

    digest: str | None = None
    repository: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    path: str | None = None
    name: str | None = None
    modules: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """An end of a run as one producer told it. All are kept; `RunRow.state` follows the one that counts.

    Attributes:
        producer: URI of the producer.
        state: COMPLETE, FAIL, ABORT, SKIPPED or CACHED.
        at: claimed time, RFC 3339 in UTC.
        seq: place in the log.
        inferred: True where the end was concluded, not reported.
        reason: why it was concluded, or skipped; of one that a person gave, the note that they wrote.
        error: what went wrong.
        by_hand: True where a person gave the run this state.
        changed_by: a pseudonym of that person; None where nobody knows.
        changed_at: when they did, RFC 3339 in UTC.
    """

    producer: str
    state: str
    at: str | None
    seq: int
    inferred: bool = False
    reason: str | None = None
    error: str | None = None
    by_hand: bool = False
    changed_by: str | None = None
    changed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a person did to a run or to a task of it, as its orchestrator's log has it.

    Attributes:
        what: `marked`, `cleared`, `noted` ...
        task: the task that it was done to, or several; None for the run itself.
        state: the state that was given.
        at: when, RFC 3339 in UTC.
        by: a pseudonym of the person; None where nobody knows.
        reason: what the person wrote.
        seq: place in the log where it was first told.
    """

    what: str
    task: str | None
    state: str | None
    at: str | None
    by: str | None
    reason: str | None
    seq: int


@dataclass(frozen=True, slots=True)
class ReconciliationRow:
    """A result of comparing an orchestrator's own records with the store.

    Attributes:
        orchestrator: whose records were read.
        seq: place of the result in the log.
        result: the result as the command gave it, with the findings that the log lists.
    """

    orchestrator: str
    seq: int
    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StatementRow:
    """What a person stated, waived or took back, as one entry of the log has it.

    Attributes:
        seq: place in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        content: what is stated; its id names the statement.
        signatures: over the content; not checked yet.
    """

    seq: int
    received_at: str
    content: Content
    signatures: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonsRow:
    """The persons whose signatures count, as one entry of the log has them.

    Attributes:
        seq: place in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        persons: all of them.
    """

    seq: int
    received_at: str
    persons: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """Events that were taken out of the log.

    Attributes:
        seq: place of the record in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        places: where they stood.
        erased_at: when it was said, RFC 3339 in UTC.
        reason: why.
        by: who decided it, a person or a pseudonym.
    """

    seq: int
    received_at: str
    places: tuple[int, ...]
    erased_at: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class RecoveryRow:
    """A log that lacks what it had signed, and goes on.

    Attributes:
        seq: place of the record in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        known_size: entries of the checkpoint that it had signed.
        known_root: root hash of that checkpoint, hexadecimal.
        size: entries that it had.
        lost: entries that are missing; None where others stand in their places.
        recovered_at: when it was said, RFC 3339 in UTC.
        reason: why.
        by: who says so, a person or a pseudonym.
    """

    seq: int
    received_at: str
    known_size: int
    known_root: str
    size: int
    lost: int | None
    recovered_at: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class WithdrawalRow:
    """A data set or model that is to be used no more.

    Attributes:
        seq: place of the record in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        namespace: where its name is valid.
        name: what it is called.
        version: the version that is withdrawn; None for all.
        digest: of the bytes that are withdrawn, wherever they lie; None for all that bore the name.
        withdrawn_at: since when, RFC 3339 in UTC.
        reason: why.
        by: who withdrew it, a person or a pseudonym; None where that was not said.
    """

    seq: int
    received_at: str
    namespace: str
    name: str
    version: str | None
    digest: str | None
    withdrawn_at: str
    reason: str
    by: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A technical documentation that was made of the record.

    Attributes:
        seq: place of the record in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        model: digest of the model that it is about.
        digest: of its JSON file.
        day: the UTC day for which it was made.
        size: number of log entries that it rests on.
        missing: number of points of Annex IV in which something is missing.
        partial: number of points of which the record shows a part, and a person has not said the rest.
    """

    seq: int
    received_at: str
    model: str
    digest: str
    day: str
    size: int
    missing: int
    partial: int


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """What people state about their systems, as one entry of the log has it.

    Attributes:
        seq: place in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        digest: of all that it says.
        by: a pseudonym of who put it on the record; None where that is not known.
        manifest: what it says.
    """

    seq: int
    received_at: str
    digest: str
    by: str | None
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class FoundRow:
    """Something that a scan found.

    Attributes:
        id: names it.
        digest: of the value, under a key of the home that scanned.
        family: `secret` or `personal`.
        kind: what it looks like.
        count: in how many places of the window it stands.
        places: the first of them, as place in the log and JSON pointer.
    """

    id: str
    digest: str
    family: str
    kind: str
    count: int
    places: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ScanRow:
    """What a second look for secrets and personal data found in a part of the log.

    Attributes:
        seq: place of the record in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        first: first entry that was looked at.
        last: last entry that was looked at.
        read_at: when the look began.
        events: entries that were looked at.
        unread: entries that have no event any more, or none that can be read.
        texts: texts that were looked at.
        detectors: what looked, with versions.
        found: what was found.
        fields: the fields that had texts, with `*` for what differs between events.
    """

    seq: int
    received_at: str
    first: int
    last: int
    read_at: str
    events: int
    unread: int
    texts: int
    detectors: Mapping[str, str]
    found: tuple[FoundRow, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResolutionRow:
    """What became of a finding of scans.

    Attributes:
        seq: place of the record in the log.
        received_at: when the log took it, RFC 3339 in UTC.
        digest: of the value that was found.
        reason: what was done, or why nothing need be.
        by: who says so, a person or a pseudonym.
    """

    seq: int
    received_at: str
    digest: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """Everything that the events of one run say about it.

    Attributes:
        run_id: UUID of the run.
        job: what ran.
        root_run_id: outermost recorded run, by following parents; the run itself on a root.
        stated_root_run_id: root that the producer named; may differ, may not be recorded.
        parent_run_id: the spawning run, recorded or not.
        producer: URI of the producer that the row follows first.
        job_type: FLOW, TASK, STEP, SCRIPT, DAG, NOTHING ...
        state: one of `orchestrail.model.State`; None where no event told one.
        started_at: RFC 3339 in UTC.
        ended_at: RFC 3339 in UTC.
        inferred: fields that were concluded, not reported.
        preprocessing: set for a data-preparation step.
        calls: (role, call) of the well-known calls that it was seen to make; a role that nobody declared is concluded from them.
        parameters: redacted values by name; None where not known.
        cached_from: run that computed the result which this one took; concluded from `cache_key` where its adapter could not tell.
        cache_key: identity of the stored result that the run computed or took.
        environment: `dev`, `production` ...
        environment_facts: python, platform, distributions; stated on a root.
        capabilities: what the adapter can see; stated on a root.
        findings: requirements that its adapter found missed, or not decidable, when the run began.
        seeds: what was seeded with what.
        usage: what its execution used of time and memory; None where not known.
        not_captured: (what, reason) that the recorder knows it missed.
        order_only: those runs of `upstream` that it waited for, and that no argument shows to have handed a value on.
        owner: process that the run lived in.
        closed_by: `process` or `host`: who reports the end.
        ends: every end that was told.
        changes: what people did to it and to what runs in it.
        first_seq: place in the log of the run's first event.
        last_seq: of its last event.
        ended_seq: place in the log where the end that counts was first told.
        seen_at: earliest time that an event of the run claims.
    """

    run_id: str
    job: Job
    first_seq: int
    last_seq: int
    producer: str
    root_run_id: str
    stated_root_run_id: str | None = None
    parent_run_id: str | None = None
    adapter: str | None = None
    orchestrator: str | None = None
    orchestrator_version: str | None = None
    job_type: str | None = None
    native_id: str | None = None
    attempt: int | None = None
    previous_attempt: str | None = None
    role: str | None = None
    role_source: str | None = None
    state: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    ended_seq: int | None = None
    seen_at: str | None = None
    system: str | None = None
    environment: str | None = None
    mode: str | None = None
    trigger: str | None = None
    actor: str | None = None
    cached_from: str | None = None
    cache_key: str | None = None
    error: str | None = None
    preprocessing: PreprocessingVersion | None = None
    serve_time: bool | None = None
    fits_state: bool | None = None
    train_only: bool | None = None
    calls: tuple[tuple[str, str], ...] = ()
    code: Code = Code()
    parameters: Mapping[str, Any] | None = None
    environment_facts: Mapping[str, Any] | None = None
    capabilities: tuple[str, ...] | None = None
    findings: tuple[Finding, ...] = ()
    tags: tuple[str, ...] = ()
    metrics: tuple[Mapping[str, Any], ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()
    serving: tuple[Mapping[str, Any], ...] = ()
    seeds: tuple[Mapping[str, Any], ...] = ()
    usage: Mapping[str, Any] | None = None
    not_captured: tuple[tuple[str, str | None], ...] = ()
    owner: Mapping[str, Any] | None = None
    closed_by: str | None = None
    inferred: tuple[str, ...] = ()
    ends: tuple[End, ...] = ()
    changes: tuple[Change, ...] = ()
    upstream: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    order_only: tuple[str, ...] = ()
    inputs: tuple[Use, ...] = ()
    outputs: tuple[Use, ...] = ()

    @property
    def services(self) -> Sequence[Mapping[str, Any]]:
        """What a service stated: of each deployment its last word, which holds what it stated before. Empty for other runs."""
        return list({str(stated.get("deployment")): stated for stated in self.serving}.values())

    @property
    def given_end(self) -> End | None:
        """The state that a person gave it last, which is the one that it has; None where nobody gave one."""
        return next((end for end in reversed(self.ends) if end.by_hand), None)

    @property
    def own_end(self) -> End | None:
        """The end of its own that a run had to which a person gave a state; None where it had none."""
        given = self.given_end
        own = [end for end in self.ends if given and not end.by_hand and end.producer == given.producer]
        return max(own, key=lambda end: (not end.inferred, end.seq), default=None)

    @property
    def ends_before_start(self) -> bool:
        """True where its clock was set back, or the clocks of two machines differ: the times are as they were told."""
        return bool(self.started_at and self.ended_at and self.ended_at < self.started_at)
