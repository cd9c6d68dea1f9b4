"""The one door through which a run gets on the record: start, what it read and wrote, finish.

An adapter calls this inside its host. Everything here is plain calls, one append to the spool each for the start and the end of a
run; nothing opens a network connection, and callers stand inside `orchestrail.guard`. What an event looks like is
`orchestrail.events`' matter; what a step touched is `orchestrail.capture`'s.
"""

from __future__ import annotations

import inspect
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from orchestrail import enforcement
from orchestrail.capture import files
from orchestrail.capture.code import code_facts, file_facts
from orchestrail.capture.environment import environment_facts
from orchestrail.capture.git import GitFacts, git_facts
from orchestrail.context import current
from orchestrail.events import build
from orchestrail.events.facets import producer
from orchestrail.guard import guard, note
from orchestrail.marking import innermost, marking_of
from orchestrail.model import AdapterInfo, CodeFacts, DatasetRef, Finding, Job, Marking, RunRef, RunStart, State
from orchestrail.owner import this_process
from orchestrail.parameters import as_text, describe
from orchestrail.redaction import redact, redact_dataset, redact_message, redact_text, remember_environment
from orchestrail.transport.spool import Spool

if TYPE_CHECKING:  # pydantic costs half a second to import; code that is only marked, and not recorded, does without it
    from orchestrail.settings import Settings

T = TypeVar("T")

MAX_MESSAGE = 1000
"""Characters of an error's text that are kept: enough to see what it was, too few for a data dump."""
_REMEMBERED = 10_000

STEP = "STEP"
"""Job type of a call of a marked function."""

_OWN_FACTS = frozenset(
    {"parent", "processing_engine", "jobDependencies", "orchestrail_capabilities", "orchestrail_environment"}
)
"""Facets made of ids, versions and names that were redacted when their run was placed: they are not searched again."""

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

_EVENT_TYPES = {
    State.COMPLETE: "COMPLETE",
    State.CACHED: "COMPLETE",
    State.FAIL: "FAIL",
    State.ABORT: "ABORT",
    State.SKIPPED: "COMPLETE",
    State.RUNNING: "RUNNING",
}


@dataclass(slots=True, eq=False)
class OpenRun:
    """A run that this process has begun and not yet ended.

    Attributes:
        findings: requirements that were not met, or not known to be, when it began.
    """

    recorder: Recorder
    ref: RunRef
    start: RunStart
    parent_job: Job | None
    function: object
    marking: Marking | None
    code: CodeFacts | None
    files: files.FileCapture
    entered: bool = False
    findings: tuple[Finding, ...] = ()
    inputs: list[DatasetRef] = field(default_factory=list)
    outputs: list[DatasetRef] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    roles_within: set[str] = field(default_factory=set)


class Entered(NamedTuple):
    """What `Recorder.enter` changed in a context, so that `Recorder.leave` can put it back."""

    run: OpenRun
    current: Token[OpenRun | None]
    capturing: Token[files.FileCapture | None]


class Recorder:
    """Records the runs of one adapter.

    Args:
        info: the adapter.
        settings: the settings of this process.
    """

    def __init__(self, info: AdapterInfo, settings: Settings) -> None:
        self.info = info
        self.settings = settings
        self.producer = producer(info.name, info.version)
        self._spool = Spool(settings.spool)
        self._lock = threading.Lock()
        self._open: dict[str, OpenRun] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._git: dict[tuple[str, str], GitFacts | None] = {}

    def start(self, start: RunStart, *, may_refuse: bool = True) -> RunRef:
        """Put the beginning of a run on the record, before user code runs.

        A run that is open already, or that has ended in this process, is left as it is. In mode `enforce` a run that misses a
        requirement goes on the record as failed and is refused; so is one whose beginning cannot be put on the record.

        Args:
            start: what is known of the run.
            may_refuse: False where no user code begins after this: a DAG run, whose tasks are refused each by itself, or a run
                that is told of afterwards.

        Returns:
            The run's place in the tree.

        Raises:
            RequirementNotMet: mode `enforce`; user code must not begin.
            SpoolError: the spool cannot be written.
        """
        if not may_refuse or (start.mode or self.settings.mode) != "enforce":
            return self._begin("START", start)
        try:
            ref = self._begin("START", start)
        except Exception as error:
            self._refuse(start, [enforcement.no_start(str(error))], error)
            raise
        run = self._open.get(start.run_id)
        if run is not None and run.findings:
            self._refuse(start, run.findings)
        return ref

    def _refuse(self, start: RunStart, findings: Sequence[Finding], cause: Exception | None = None) -> None:
        refusal = enforcement.refusal(start.job_name, findings, self.settings.enforce)
        if refusal is None:
            return
        if cause is not None:
            note("begin a run", cause)
        with guard("end a refused run"):
            self.finish(start.run_id, State.FAIL, error=refusal)
        raise refusal from cause

    def resume(self, start: RunStart) -> RunRef:
        """Take up a run that another process has begun, or that is known to have begun: RUNNING instead of a second START.

        Returns:
            The run's place in the tree.

        Raises:
            SpoolError: the spool cannot be written.
        """
        return self._begin("RUNNING", start)

    def release(self, run_id: str) -> None:
        """Let go of a run that goes on without this process; what it read, wrote and stated here is put on the record.

        Raises:
            SpoolError: the spool cannot be written.
        """
        with self._lock:
            run = self._open.pop(run_id, None)
        if run is None:
            return
        inputs, outputs, not_captured = run.files.close()
        inputs, outputs = _merge(inputs, run.inputs), _merge(outputs, run.outputs)
        if inputs or outputs or not_captured or run.metrics or run.checks:
            facets = self._stated(run, not_captured) | {"orchestrail_run": self._run_facet(run, None, None, None)}
            self._emit("RUNNING", run, facets, inputs=inputs, outputs=outputs)

    def _begin(self, event_type: str, start: RunStart) -> RunRef:
        opened = self._open.get(start.run_id)
        if opened is not None:
            return opened.ref
        run = self._place(start)
        if start.run_id in self._ended:
            return run.ref
        files.install()
        if not self._open:
            remember_environment()
        self._open[start.run_id] = run
        within = self._open.get(run.ref.parent_run_id or "")
        if within is not None and start.job_type == STEP and run.marking is not None:
            within.roles_within.add(run.marking.role)
        facets = self._start_facets(run)
        if (
            event_type == "START" and run.marking is not None
        ):  # what is not marked has no role, and only roles are judged
            run.findings = enforcement.examine(facets, self.info.capabilities)
            facets["orchestrail_requirements"] = enforcement.facet_of(run.findings)
        self._emit(event_type, run, facets, at=start.at)
        return run.ref

    def finish(
        self,
        run_id: str,
        state: State,
        *,
        error: BaseException | str | None = None,
        cached_from: str | None = None,
        facts: Mapping[str, object] | None = None,
        inputs: Sequence[DatasetRef] = (),
        at: datetime | None = None,
        start: RunStart | None = None,
        changed: bool = False,
        inferred: str | None = None,
    ) -> None:
        """Put the end of a run on the record; a second end of the same run is ignored.

        Args:
            run_id: the run.
            state: COMPLETE, FAIL, ABORT, CACHED, or SKIPPED where the run began and then skipped itself.
            error: what went wrong; its type and its text without secrets are kept, cut to 1,000 characters.
            cached_from: for CACHED, the run whose result was taken.
            facts: further fields of `orchestrail_run`.
            inputs: data sets that are known now to have been read.
            at: when it ended; None for now.
            start: what is known of the run, where another process began it.
            changed: True where somebody gave a run that had ended another end; then it is not ignored.
            inferred: why the end is concluded and not reported, where it is; a reported one goes before it.

        Raises:
            SpoolError: the spool cannot be written.
        """
        with self._lock:
            run = self._open.pop(run_id, None)
            if run is None and (start is None or (run_id in self._ended and not changed)):
                return
            self._ended[run_id] = None
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)
        if run is None and start is not None:
            run = self._place(start)
        if run is None:
            return
        read, outputs, not_captured = run.files.close()
        facets = self._stated(run, not_captured) | {
            "orchestrail_run": self._run_facet(run, state, cached_from, facts),
            "errorMessage": _error(error),
            "orchestrail_inferred": {"fields": ["state", "ended_at"], "reason": inferred, "by": self.info.name}
            if inferred
            else None,
            "orchestrail_step": _role_from_within(run),
        }
        self._emit(
            _EVENT_TYPES[state],
            run,
            facets,
            inputs=_merge(read, [*run.inputs, *inputs]),
            outputs=_merge(outputs, run.outputs),
            at=at,
        )
        if run.ref.parent_run_id is None:
            self._git.clear()

    def skip(self, start: RunStart, reason: str) -> None:
        """Put a run on the record that the orchestrator decided not to begin: one OTHER event, no start."""
        run = self._place(start)
        with self._lock:
            self._ended[start.run_id] = None
        facets = self._start_facets(run) | {
            "orchestrail_run": self._run_facet(run, State.SKIPPED, None, {"reason": reason}),
        }
        self._emit("OTHER", run, facets, at=start.at)

    def running(self, run_id: str, facets: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Add facts to an open run with a RUNNING event."""
        run = self._open.get(run_id)
        if run is not None:
            both = {"orchestrail_run": self._run_facet(run, None, None, None), **facets}
            self._emit("RUNNING", run, {"parent": build.parent_facet(run.ref, run.parent_job), **both})

    def enter(self, run_id: str) -> Entered | None:
        """Make a run the current one of this context; None when it is not open here."""
        run = self._open.get(run_id)
        if run is None:
            return None
        return Entered(run, current.set(run), files.capturing.set(run.files))

    def leave(self, entered: Entered | None) -> None:
        """Make the run before the current one again."""
        if entered is not None:
            _put_back(current, entered.current, entered.run)
            _put_back(files.capturing, entered.capturing, entered.run.files)

    def is_open(self, run_id: str) -> bool:
        """Say whether this process has begun the run and not ended it."""
        return run_id in self._open

    def ref(self, run_id: str) -> RunRef | None:
        """Give the place of an open run in the tree."""
        run = self._open.get(run_id)
        return run.ref if run is not None else None

    def open_run(self, run_id: str) -> OpenRun | None:
        """Give an open run itself, for what is recorded from within it."""
        return self._open.get(run_id)

    def close(self) -> None:
        """Close the spool's segment; a later event opens a new one."""
        self._spool.close()

    def _place(self, start: RunStart) -> OpenRun:
        job = Job(redact_text(start.namespace or self.settings.namespace), redact_text(start.job_name))
        parent, carrier = start.parent, start.carrier
        parent_job: Job | None = None
        if parent is not None:
            ref = RunRef(start.run_id, job, parent.root_run_id, parent.root_job, parent.run_id)
            parent_job = parent.job
        elif carrier is not None and carrier.run_id != start.run_id:
            parent_job = _redacted_job(carrier.job)
            root_job = _redacted_job(carrier.root_job) if carrier.root_job else parent_job
            ref = RunRef(start.run_id, job, carrier.root_run_id or carrier.run_id, root_job, carrier.run_id)
        else:
            ref = RunRef(start.run_id, job, start.run_id, job)
        function = innermost(start.function)
        marking = start.marking or marking_of(start.function)
        code: CodeFacts | None = None
        if start.function is not None:
            code = code_facts(start.function, cache=self.settings.home / "cache")
        elif start.file is not None:
            code = file_facts(start.file)
        return OpenRun(self, ref, start, parent_job, function, marking, code, files.FileCapture())

    def _stated(self, run: OpenRun, not_captured: list[tuple[str, str]]) -> dict[str, Mapping[str, Any] | None]:
        return {
            "parent": build.parent_facet(run.ref, run.parent_job),
            "processing_engine": self._engine(),
            "test": _tests(run.checks),
            "orchestrail_metrics": {"metrics": run.metrics} if run.metrics else None,
            "orchestrail_checks": {"checks": run.checks} if run.checks else None,
            "orchestrail_capture": {"notCaptured": [{"what": what, "reason": why} for what, why in not_captured]}
            if not_captured
            else None,
        }

    def _start_facets(self, run: OpenRun) -> dict[str, Mapping[str, Any] | None]:
        start = run.start
        described, digest = describe(start.parameters or {})
        texts = {name: as_text(description) for name, description in described.items()}
        outermost = run.ref.parent_run_id is None or start.parent is None
        return {
            "parent": build.parent_facet(run.ref, run.parent_job),
            "processing_engine": self._engine(),
            "jobDependencies": build.dependencies_facet(start.upstream),
            "executionParameters": {"parameters": [{"key": k, "value": v} for k, v in texts.items() if v is not None]}
            if described
            else None,
            "tags": {"tags": [{"key": t, "value": t, "source": self.info.name.upper()} for t in start.tags]}
            if start.tags
            else None,
            "orchestrail_run": self._run_facet(run, None, None, None),
            "orchestrail_capabilities": {
                "adapter": self.info.name,
                "capabilities": sorted(self.info.capabilities),
            }
            if outermost
            else None,
            "orchestrail_step": _step(run),
            "orchestrail_code": self._code(run),
            "orchestrail_parameters": {"digest": digest, "parameters": described}
            if start.parameters is not None
            else None,
            "orchestrail_environment": environment_facts(self.settings.home / "cache") if outermost else None,
        }

    def _engine(self) -> dict[str, str]:
        return {
            "version": self.info.host_version,
            "name": self.info.host,
            "openlineageAdapterVersion": self.info.version,
        }

    def _run_facet(
        self, run: OpenRun, state: State | None, cached_from: str | None, facts: Mapping[str, object] | None
    ) -> dict[str, Any]:
        start = run.start
        return {
            **start.facts,
            **(facts or {}),
            "adapter": self.info.name,
            "orchestrator": self.info.host,
            "orchestratorVersion": self.info.host_version,
            "nativeId": start.native_id,
            "attempt": start.attempt,
            "previousAttempt": start.previous_attempt,
            "system": start.system or self.settings.system,
            "environment": start.environment or self.settings.environment,
            "mode": start.mode or self.settings.mode,
            "trigger": start.trigger,
            "actor": start.actor,
            "state": state.value if state in (State.CACHED, State.SKIPPED) else None,
            "cachedFrom": cached_from,
            "owner": this_process().as_dict(),
            "closedBy": start.closed_by,
        }

    def _code(self, run: OpenRun) -> dict[str, Any] | None:
        code = run.code
        if code is None:
            return None
        git = self._git_of(run.ref.root_run_id, code.path, self._is_of_this_process(run))
        path = code.path
        if path is not None and git is not None and Path(path).is_relative_to(git.root):
            path = str(Path(path).relative_to(git.root))
        return {
            "digest": code.digest,
            "name": code.name,
            "path": path,
            "repository": git.repository if git else None,
            "commit": git.commit if git else None,
            "dirty": git.dirty if git else None,
            "modules": [{"name": name, "digest": digest} for name, digest in code.modules],
        }

    def _is_of_this_process(self, run: OpenRun) -> bool:
        """Say whether the known runs above were begun here: git is slow, and asked once a tree of runs."""
        above: OpenRun | None = run
        while above is not None and above.start.parent is not None:
            above = self._open.get(above.start.parent.run_id)
        return above is not None

    def _git_of(self, root_run_id: str, path: str | None, ask: bool) -> GitFacts | None:
        if path is None or not Path(path).is_absolute():
            return None
        key = (root_run_id, path)
        if key not in self._git:
            self._git[key] = git_facts(Path(path).parent, Path(path), ask=ask)
        return self._git[key]

    def _emit(
        self,
        event_type: str,
        run: OpenRun,
        facets: Mapping[str, Mapping[str, Any] | None],
        *,
        inputs: list[DatasetRef] | None = None,
        outputs: list[DatasetRef] | None = None,
        at: datetime | None = None,
    ) -> None:
        start = run.start
        code = facets.get("orchestrail_code")
        job_facets = {
            "jobType": {
                "processingType": "SERVICE" if start.job_type == "SERVICE" else "BATCH",
                "integration": self.info.host.upper(),
                "jobType": start.job_type,
            },
            "sourceCodeLocation": build.source_location_facet(code["repository"], code["commit"], code["path"])
            if code
            else None,
        }
        event = build.run_event(
            event_type,
            run.ref,
            self.producer,
            run_facets={key: body if key in _OWN_FACTS else redact(body) for key, body in facets.items()},
            job_facets=redact(job_facets),
            inputs=[redact_dataset(dataset) for dataset in inputs or ()],
            outputs=[redact_dataset(dataset) for dataset in outputs or ()],
            at=at,
        )
        self._spool.append(_ENCODER.encode(event).encode())


def _redacted_job(job: Job) -> Job:
    return Job(redact_text(job.namespace), redact_text(job.name))


def _put_back(variable: ContextVar[T | None], token: Token[T | None], value: T) -> None:
    try:
        variable.reset(token)
    except ValueError:
        # The host leaves in another context than it entered. A copy made meanwhile holds our value; any other one is not ours.
        if variable.get() is value:
            variable.set(None if token.old_value is Token.MISSING else token.old_value)


def _step(run: OpenRun) -> dict[str, Any] | None:
    marking, declared = run.marking, run.start.declared_version
    if marking is None:
        if declared is None:
            return None
        return {"role": None, "roleSource": None, "operation": None, "version": declared, "derived": False}
    version = marking.version or declared
    operation = marking.operation
    derived = operation is not None and version is None
    return {
        "role": marking.role,
        "roleSource": "declared",
        "operation": operation,
        "version": run.code.digest if derived and run.code else version,
        "derived": derived,
        "serveTime": marking.serve_time,
        "fitsState": marking.fits_state,
        "trainOnly": marking.train_only,
    }


def _role_from_within(run: OpenRun) -> dict[str, Any] | None:
    """Give an unmarked step the role of the marked functions that it called, where they agree; it is marked as inferred."""
    if run.marking is not None or len(run.roles_within) != 1:
        return None
    (role,) = run.roles_within
    version = run.start.declared_version
    return {"role": role, "roleSource": "inferred", "operation": None, "version": version, "derived": False}


def _error(error: BaseException | str | None) -> dict[str, str] | None:
    if error is None:
        return None
    name = "" if isinstance(error, str) else type(error).__name__
    try:
        text = f"{name}: {error}" if name else str(error)
    except Exception:  # the text of a user's exception is user code
        text = name
    # Redacted before it is cut: a secret cut in half would not be known as one.
    return {"message": redact_message(text, name)[:MAX_MESSAGE], "programmingLanguage": "PYTHON"}


def _tests(checks: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not checks:
        return None
    return {
        "tests": [
            {
                "name": check["name"],
                "status": "pass" if check["success"] else "fail",
                "severity": check["severity"],
                "type": check["kind"],
                **{key: str(check[key]) for key in ("expected", "actual") if check[key] is not None},
            }
            for check in checks
        ]
    }


def _merge(captured: list[DatasetRef], declared: list[DatasetRef]) -> list[DatasetRef]:
    """Unite what was seen with what was said: what was seen decides the digest, what was said role, kind and version."""
    found = {(dataset.namespace, dataset.name): dataset for dataset in captured}
    for dataset in declared:
        key = (dataset.namespace, dataset.name)
        seen = found.get(key)
        if seen is None:
            found[key] = dataset
            continue
        found[key] = replace(
            seen if seen.digest else dataset,
            role=dataset.role or seen.role,
            kind="model" if "model" in (dataset.kind, seen.kind) else "data",
            version=dataset.version or seen.version,
            rows=dataset.rows if dataset.rows is not None else seen.rows,
            fields=dataset.fields or seen.fields,
        )
    return list(found.values())


def arguments_of(function: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Bind call arguments to names; None where they do not fit (the call will then raise by itself)."""
    if not callable(function):
        return None
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
    except Exception:  # a signature may be of the user's own making
        return None
    return dict(bound.arguments)
