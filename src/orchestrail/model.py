"""The words of the record as frozen values: run, job, dataset, preprocessing version. Nothing of ours is imported here.

No behaviour lives here beyond what a value says about itself; how a run is recorded is `orchestrail.recorder`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

ROLES = ("ingest", "preprocess", "split", "train", "evaluate", "package", "deploy", "serve", "monitor", "other")
"""Roles of a step, after the life-cycle stages that Art. 10 and Annex IV(2) name."""

IN_MEMORY = "inmemory"
"""Namespace of data sets that lie nowhere but in a process. Their names say where they were met, not what they are."""

EMPTY = frozenset(f"sha256:{sha256(content).hexdigest()}" for content in (b"", b"orchestrail-manifest 1\n"))
"""Digests of a file without a byte and of a folder without a file, which lie everywhere."""

WHOLES = ("FLOW", "DAG", "SCRIPT")
"""Job types of what holds steps and is none itself."""

NOTHING = "NOTHING"
"""Job type of what does nothing by its kind, as Airflow's EmptyOperator: where it names no data it is no step that works on any."""

DATASET_ROLES = ("train", "validation", "test", "reference", "source", "serving_input")


class State(StrEnum):
    """States of a run. SKIPPED and CACHED are ours; OpenLineage has no words for them."""

    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"
    SKIPPED = "SKIPPED"
    CACHED = "CACHED"


class Capability(StrEnum):
    """What an adapter can see. A missing fact is a failure only where the adapter could have seen it."""

    CODE_DIGEST = "code_digest"
    DATASET_VERSION = "dataset_version"
    CACHE_ORIGIN = "cache_origin"
    ATTEMPTS = "attempts"
    SKIPS = "skips"
    MANUAL_CHANGES = "manual_changes"
    PARAMETERS = "parameters"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that an adapter does not see or do, declared where the adapter is, with exactly one reason why.

    The conformance kit expects a gap that names one of its scenarios to fail, and fails itself once it does not any more; the
    adapters matrix and `orchestrail doctor` show all of them.

    Attributes:
        name: a scenario of the kit, or a few words of its own: `dask_runner`.
        never: why it cannot be: the host has nothing of the kind, or leaves no trace of it.
        upstream: what the host would have to change.
        todo: what is left for us to do.

    Raises:
        ValueError: not exactly one reason is given.
    """

    name: str
    never: str | None = None
    upstream: str | None = None
    todo: str | None = None

    def __post_init__(self) -> None:
        if sum(reason is not None for reason in (self.never, self.upstream, self.todo)) != 1:
            raise ValueError(f"The gap {self.name} has not exactly one reason: never, upstream or todo.")

    @property
    def kind(self) -> str:
        """Which of the three reasons is given."""
        return "never" if self.never is not None else "upstream" if self.upstream is not None else "todo"

    @property
    def reason(self) -> str:
        """The one reason."""
        return self.never or self.upstream or self.todo or ""


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """What an adapter says of itself.

    Attributes:
        name: the adapter's name, equal to its entry point.
        host: the orchestrator.
        host_version: the version found in this environment.
        version: the adapter's own version.
        requires: host versions it is made for, as a version specifier.
        capabilities: what it can see.
        gaps: what it does not see or do, each with its reason.
    """

    name: str
    host: str
    host_version: str
    version: str
    requires: str
    capabilities: frozenset[Capability]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A requirement that is not met, or of which it is not known whether it is.

    Attributes:
        requirement: its id in the catalogue: `PREP-01`.
        verdict: `fail`, or `unknown` where the fact could not have been seen.
        reason: why, in a few words.
        field: the field of the run that shows it.
    """

    requirement: str
    verdict: str
    reason: str
    field: str


class Severity(StrEnum):
    """How much a problem matters: ERROR where events are lost, kept back or not recorded."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about an installation that a person should know; `orchestrail doctor` shows it.

    Attributes:
        code: stable name, in lower case with hyphens.
        severity: how much it matters.
        what: what it is.
        do: what to do about it.
    """

    code: str
    severity: Severity
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Job:
    """A recurring definition: a task, a flow, a DAG (OpenLineage `Job`)."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class RunRef:
    """Names one run and its place in the tree.

    Attributes:
        run_id: UUID of the run.
        job: what ran.
        root_run_id: the outermost run; equal to `run_id` on a root.
        root_job: the job of the root run.
        parent_run_id: the spawning run, None on a root.
    """

    run_id: str
    job: Job
    root_run_id: str
    root_job: Job
    parent_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Marking:
    """What is said of a step: by `@orchestrail.step` and `@orchestrail.preprocessing`, the orchestrator's texts, the settings.

    Attributes:
        role: one of `ROLES`; None where only a version is said.
        operation: name of the data-preparation operation.
        version: declared version of the step.
        serve_time: whether serving applies it too.
        fits_state: whether it learns something from the data.
        train_only: whether it is for training data alone.
        state: names of the arguments in which it is given fitted state, separated by commas.
    """

    role: str | None
    operation: str | None = None
    version: str | None = None
    serve_time: bool | None = None
    fits_state: bool | None = None
    train_only: bool | None = None
    state: str | None = None

    @property
    def state_names(self) -> tuple[str, ...]:
        """The arguments in which it is given fitted state."""
        return tuple(name for one in (self.state or "").split(",") if (name := one.strip()))


@dataclass(frozen=True, slots=True)
class PreprocessingVersion:
    """Identity of a data-preparation operation (Art. 10(2)(c)).

    Attributes:
        operation: name of the operation.
        version: declared version, or the code digest where none was declared.
        derived: True where the version is the code digest.
        code_digest: digest with algorithm id of the code that ran.
        parameters_digest: `sha256:...` of the redacted parameters.
        state_digest: `sha256:...` of the fitted state that it makes or applies; None where none is known.
    """

    operation: str
    version: str | None
    derived: bool
    code_digest: str | None = None
    parameters_digest: str | None = None
    state_digest: str | None = None


def file_name(path: str) -> str:
    """Write a path of this machine as the record has it: what is no UTF-8 in it, which a system's names may hold, as `\\xff`."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # no system could have given it
        return path.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A named data set at one version, as a step read or wrote it.

    Attributes:
        namespace: data source by OpenLineage naming, `file` for local files.
        name: name within the namespace; for files the absolute path.
        version: version as the source names it; None where it has none.
        digest: `sha256:...` of the content, None where it was not taken.
        kind: `data` or `model`.
        kind_source: `declared` where somebody said so, `inferred` where it is concluded from a name or a class; None elsewhere.
        role: one of `DATASET_ROLES`, or None.
        observed: `at_read`, `at_write`, `at_collect`, `declared` or `looked_up`.
        weak: why the digest may not be what the step really saw; None where it is.
        type: OpenLineage `datasetType`: FILE, DIRECTORY, MODEL, DATAFRAME, TABLE ...
        rows: number of rows, None where not known.
        bytes: size in bytes, None where not known.
        fields: (name, type) pairs, empty where not known.
        format: how it is written: `parquet`, `safetensors` ...; None where not known.
        framework: what a model is made with, with its version; None where not known.
        seen: of a file whose digest is left to the collector, its inode and the time of its last change in nanoseconds, as they
            were when the step used it: `inode:mtime`.
    """

    namespace: str
    name: str
    version: str | None = None
    digest: str | None = None
    kind: str = "data"
    role: str | None = None
    observed: str = "declared"
    weak: str | None = None
    type: str | None = None
    rows: int | None = None
    bytes: int | None = None
    fields: tuple[tuple[str, str], ...] = ()
    format: str | None = None
    framework: str | None = None
    seen: str | None = None
    kind_source: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known to be in it: no byte of a file or folder, no row in memory.

        Its digest says what it is and not where it came from: what is empty is equal to all else that is.
        """
        if self.namespace == IN_MEMORY:
            return self.rows == 0
        return self.digest in EMPTY or (self.type == "DIRECTORY" and self.bytes == 0)


@dataclass(frozen=True, slots=True)
class Carrier:
    """The spawning run as OpenLineage's variables or a trigger's conf name it. The root is None where they do not."""

    run_id: str
    job: Job
    root_run_id: str | None = None
    root_job: Job | None = None


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """The code of a step.

    Attributes:
        digest: with algorithm id, `py-tokens-2:sha256:...`; None where no source and no code object was found.
        name: `module.qualname`.
        path: source file, relative to the project where it lies in one.
        modules: (module name, digest) of the project's own modules that the digest covers.
        unfollowed: modules among these, its own included, that import by names which are computed as they run: what these bring
            in is not covered.
    """

    digest: str | None
    name: str
    path: str | None
    modules: tuple[tuple[str, str], ...] = field(
        default=(), hash=False
    )  # may be hundreds, and the digest tells them apart
    unfollowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunStart:
    """All that an adapter knows when a run begins.

    Attributes:
        run_id: UUID, by the rules of `orchestrail.run_id`.
        job_name: name of the job within the namespace of the settings.
        job_type: OpenLineage job type: FLOW, TASK, DAG, STEP, SCRIPT, SERVICE; `NOTHING` of what does nothing by its kind.
        native_id: the orchestrator's own id.
        attempt: 1 for the first try.
        previous_attempt: run id of the try before.
        parent: the spawning run where it is known in this process; wins over `carrier`.
        carrier: the spawning run as another process handed it on.
        function: what will run: code digest, marking and path are taken from it.
        file: the source file that will run, where that is no function but a whole file: a DAG.
        marking: replaces the function's own marking.
        texts: tags and descriptions that the host has of the step, in which something may be declared of it
            (`orchestrail.declarations`); a marking in the code goes before them, the settings come after.
        parameters: arguments by name; recorded redacted.
        upstream: runs that this one was waiting for (`after` edges).
        order_only: those of `upstream` that this one waited for, and that no argument shows to have handed a value on.
        closed_by: `process` when this process reports the end, `host` when another one does.
        declared_version: version that the host knows for the step (a Prefect task's `version`).
        namespace: job namespace where it is not that of the settings.
        actor: who started it, by the orchestrator's own name or id; a pseudonym of it is recorded.
        at: when it began, with a zone; None for now.
        facts: what only this adapter knows; becomes further fields of the run's `orchestrail_run` facet.
    """

    run_id: str
    job_name: str
    job_type: str
    native_id: str | None = None
    attempt: int = 1
    previous_attempt: str | None = None
    parent: RunRef | None = None
    carrier: Carrier | None = None
    function: Callable[..., Any] | None = None
    file: Path | None = None
    marking: Marking | None = None
    texts: Sequence[str] = ()
    parameters: Mapping[str, object] | None = None
    upstream: Sequence[RunRef] = ()
    order_only: Sequence[RunRef] = ()
    closed_by: str = "process"
    system: str | None = None
    environment: str | None = None
    mode: str | None = None
    trigger: str | None = None
    actor: str | None = None
    tags: Sequence[str] = ()
    declared_version: str | None = None
    namespace: str | None = None
    at: datetime | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
