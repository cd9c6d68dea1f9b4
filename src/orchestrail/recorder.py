"""The one door through which a run gets on the record: start, what it read and wrote, finish.

An adapter calls this inside its host. Everything here is plain calls, one append to the spool each for the start and the end of a
run; nothing opens a network connection, and callers stand inside `orchestrail.guard`. What an event looks like is
`orchestrail.events`' matter; what a step touched is `orchestrail.capture`'s.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from orchestrail import declarations, enforcement, roles, trouble
from orchestrail.capture import files, fitted
from orchestrail.capture.code import code_facts, file_facts
from orchestrail.capture.digest import share
from orchestrail.capture.environment import environment_facts
from orchestrail.capture.git import git_facts
from orchestrail.capture.memory import Handed
from orchestrail.capture.results import Results
from orchestrail.capture.usage import Usage
from orchestrail.context import current
from orchestrail.errors import OrchestrailError
from orchestrail.events import build
from orchestrail.events.build import Where
from orchestrail.events.facets import producer
from orchestrail.events.text import Facet, Facets, extended, fresh, run_event, steady, steady_job
from orchestrail.guard import guard, note
from orchestrail.locks import Lock
from orchestrail.marking import marking_of
from orchestrail.model import (
    IN_MEMORY,
    AdapterInfo,
    CodeFacts,
    DatasetRef,
    Finding,
    Job,
    Marking,
    RunRef,
    RunStart,
    State,
)
from orchestrail.owner import Owner, this_process
from orchestrail.parameters import describe
from orchestrail.pseudonyms import person
from orchestrail.redaction import kept, known_secrets, redact_message, redact_text, remember_environment
from orchestrail.transport.spool import Spool

if TYPE_CHECKING:  # pydantic costs half a second to import; code that is only marked, and not recorded, does without it
    from orchestrail.settings import Settings

T = TypeVar("T")

MAX_MESSAGE = 1000
"""Characters of an error's text that are kept: enough to see what it was, too few for a data dump."""
_REMEMBERED = 10_000
_PLACES = 1_000
"""Source files, each in one tree of runs, whose place in git is remembered: a worker that lives long never sees a root end."""

_SHOWN = 5
_MEND = "Mend it where the orchestrator has it: nothing of it is recorded as declared."

STEP = "STEP"
"""Job type of a call of a marked function."""

_TOLD = (State.CACHED, State.SKIPPED)
"""States that OpenLineage does not have: the facet `orchestrail_run` tells of them."""

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
        usage: what its code uses, from when it was first entered; None where no code of it runs here, or not all of it.
        in_parts: True where other processes run a part of its code: what one of them used says little.
        findings: requirements that were not met, or not known to be, when it began.
        owner: the process that began it.
        joined: True where that is another process, which also ends it.
        lasting: the facets that all its events have, with the secrets that were known when they were written.
        handed: what other processes are given of it (`orchestrail.joining`), with the secrets that were known then.
    """

    recorder: Recorder
    ref: RunRef
    start: RunStart
    parent_job: Job | None
    marking: Marking | None
    code: CodeFacts | None
    files: files.FileCapture
    memory: Handed
    usage: Usage | None = None
    in_parts: bool = False
    entered: bool = False
    findings: tuple[Finding, ...] = ()
    inputs: list[DatasetRef] = field(default_factory=list)
    outputs: list[DatasetRef] = field(default_factory=list)
    not_captured: list[tuple[str, str]] = field(default_factory=list)
    roles_within: set[str] = field(default_factory=set)
    owner: Owner = field(default_factory=this_process)
    joined: bool = False
    lasting: tuple[frozenset[str], Facets] | None = None
    handed: tuple[frozenset[str], bytes] | None = None

    @property
    def role(self) -> str | None:
        """The role that somebody declared; None where nobody did."""
        return self.marking.role if self.marking is not None else None

    @property
    def results(self) -> Results:
        """What was measured, checked and seeded in it."""
        return self.files.told.results


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

    Attributes:
        at_work: False once the adapter was let go: what is still open then ends, and nothing more begins within it.
    """

    def __init__(self, info: AdapterInfo, settings: Settings) -> None:
        self.info = info
        self.settings = settings
        self.at_work = True
        self.producer = producer(info.name, info.version)
        self._engine = fresh(
            "processing_engine", build.engine(info.host, info.host_version, info.version), self.producer
        )
        self._capabilities = fresh(
            "orchestrail_capabilities", build.capabilities(info.name, info.capabilities), self.producer
        )
        self._cache = settings.home / "cache"
        share(self._cache)
        self._spool = Spool(settings.spool)
        self._lock = Lock()
        self._open: dict[str, OpenRun] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._complained: set[tuple[str, str]] = set()
        self._where: dict[tuple[str, str | None], Where] = {}

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
            why = error.why if isinstance(error, OrchestrailError) and error.why else str(error)
            self._refuse(start, [enforcement.no_start(why)], error)
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

    def pseudonym(self, who: str | None) -> str | None:
        """Give what stands for a person on the record; None where nobody is known, or no key can be had.

        Args:
            who: the host's own name or id.
        """
        if who:
            with guard("give a person a pseudonym"):
                return person(self.settings.home, self.info.host, who)
        return None

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
        run = self._open.get(run_id)
        if run is not None:
            run.usage = None
            self.hand_in(run)
            self._open.pop(run_id, None)

    def join(self, ref: RunRef, start: RunStart, parent_job: Job | None, owner: Owner) -> OpenRun:
        """Take part in a run that another process has begun and ends; nothing is put on the record yet.

        Args:
            ref: the run.
            start: what was known when it began, as far as it can be handed over.
            parent_job: the job of the spawning run.
            owner: the process that began it.
        """
        memory = Handed(ref.job.name, ref.root_run_id)
        run = OpenRun(
            self, ref, start, parent_job, None, None, self._capture(), memory, entered=True, owner=owner, joined=True
        )
        run.in_parts = True
        self._open[ref.run_id] = run
        return run

    def hand_in(self, run: OpenRun) -> None:
        """Put on the record what a run read, wrote and stated here up to now, in a RUNNING event; what comes then is seen anew.

        Raises:
            SpoolError: the spool cannot be written.
        """
        _close(run)
        if run.inputs or run.outputs or run.not_captured or run.results.any:
            self._emit("RUNNING", run, self._stated(run), inputs=run.inputs, outputs=run.outputs)
        run.files, run.inputs, run.outputs, run.not_captured = self._capture(), [], [], []
        run.memory.inputs, run.memory.outputs = [], []

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
        run.in_parts = event_type == "RUNNING"
        self._open[start.run_id] = run
        within = self._open.get(run.ref.parent_run_id or "")
        if within is not None and start.job_type == STEP and run.role is not None:
            within.roles_within.add(run.role)
        where = self._where_is(run)
        facets = self._start_facets(run, where)
        if event_type == "START" and run.role is not None:  # only roles are judged
            bodies = {key: facet.body for key, facet in facets.items() if facet.text}
            run.findings = enforcement.examine(bodies, self.info.capabilities)
            findings = enforcement.facet_of(run.findings)
            facets["orchestrail_requirements"] = fresh("orchestrail_requirements", findings, self.producer)
        self._emit(event_type, run, facets, where=where, at=start.at)
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
        result: object = None,
        at: datetime | None = None,
        start: RunStart | None = None,
        changed: bool = False,
        inferred: str | None = None,
    ) -> None:
        """Put the end of a run on the record; a second end of the same run is ignored, unless the first could not be written.

        Args:
            run_id: the run.
            state: COMPLETE, FAIL, ABORT, CACHED, or SKIPPED where the run began and then skipped itself.
            error: what went wrong; its type and its text without secrets are kept, cut to 1,000 characters.
            cached_from: for CACHED, the run whose result was taken.
            facts: further fields of `orchestrail_run`.
            inputs: data sets that are known now to have been read.
            result: what the step gave back, for COMPLETE: frames, arrays and fitted state in it are outputs.
            at: when it ended; None for now.
            start: what is known of the run, where another process began it.
            changed: True where somebody gave a run that had ended another end; then it is not ignored.
            inferred: why the end is concluded and not reported, where it is; a reported one goes before it.

        Raises:
            SpoolError: the spool cannot be written.
        """
        opened = self._open.get(run_id)
        if opened is not None and opened.joined:  # a forked child ran on to where its parent ends the run
            self.release(run_id)
            return
        with self._lock:
            run = self._open.pop(run_id, None)
            told = run_id in self._ended
            if run is None and (start is None or (told and not changed)):
                return
            self._ended[run_id] = None
            while len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)
        try:
            if run is None and start is not None:
                run = self._place(start)
            if run is not None:
                run.inputs += inputs
                self._end(run, state, error, cached_from, facts, result, at, inferred)
        except BaseException:
            self._reopen(run_id, run, told=told)
            raise

    def _end(
        self,
        run: OpenRun,
        state: State,
        error: BaseException | str | None,
        cached_from: str | None,
        facts: Mapping[str, object] | None,
        result: object,
        at: datetime | None,
        inferred: str | None,
    ) -> None:
        if state is State.COMPLETE:
            with guard("look at what a step gives"):
                run.memory.gives(result, fits=run.marking is not None and run.marking.fits_state is True)
        elif state is State.CACHED:
            run.memory.inputs.clear()  # its code did not run
            run.memory.applied.clear()
        _close(run)
        done = self._done(run)  # what it misses is among what was stated
        facets = self._stated(run)
        if facts or cached_from is not None or state in _TOLD:
            facets["orchestrail_run"] = self._run_facet(run, state, cached_from, facts)
        if error is not None:
            facets["errorMessage"] = fresh("errorMessage", _error(error), self.producer)
        if inferred:
            facets["orchestrail_inferred"] = fresh("orchestrail_inferred", self._inferred(inferred), self.producer)
        facets["orchestrail_step"] = done
        self._emit(_EVENT_TYPES[state], run, facets, inputs=run.inputs, outputs=run.outputs, at=at)

    def _reopen(self, run_id: str, run: OpenRun | None, *, told: bool) -> None:
        """Have a run whose end could not be written open again, so that its end can be told again; not without bound."""
        with self._lock:
            if not told:
                self._ended.pop(run_id, None)
            if run is not None and len(self._open) < _REMEMBERED:
                self._open.setdefault(run_id, run)

    def skip(self, start: RunStart, reason: str | None) -> None:
        """Put a run on the record that the orchestrator decided not to begin: one OTHER event, no start.

        Args:
            start: what is known of it.
            reason: why; None where a person decided it, and wrote nothing.
        """
        run = self._place(start)
        with self._lock:
            self._ended[start.run_id] = None
        where = self._where_is(run)
        facets = self._start_facets(run, where) | {
            "orchestrail_run": self._run_facet(run, State.SKIPPED, facts={"reason": reason} if reason else None),
        }
        self._emit("OTHER", run, facets, where=where, at=start.at)

    def running(
        self, run_id: str, facets: Mapping[str, Mapping[str, Any] | None], inputs: Sequence[DatasetRef] = ()
    ) -> None:
        """Add facts to an open run with a RUNNING event, and what it is known by now to have read."""
        run = self._open.get(run_id)
        if run is not None:
            added = {key: fresh(key, body, self.producer) for key, body in facets.items()}
            self._emit("RUNNING", run, self._lasting(run) | added, inputs=inputs)

    def enter(self, run_id: str, arguments: Mapping[str, object] | None = None) -> Entered | None:
        """Make a run the current one of this context, whose code is about to execute.

        Args:
            run_id: the run.
            arguments: what its code gets, where that is not what `start` was told.

        Returns:
            What `leave` needs; None when the run is not open here.
        """
        run = self._open.get(run_id)
        if run is None:
            return None
        if run.usage is None and not run.in_parts:
            run.usage = Usage()
        with guard("look at what a step is given"):
            state = run.marking.state_names if run.marking is not None and run.marking.state else ()
            run.memory.takes(arguments or run.start.parameters or {}, state)
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
        """Close the spool's segment, when the adapter is let go."""
        self._spool.close()

    def _place(self, start: RunStart) -> OpenRun:
        job = _job(start.namespace or self.settings.namespace, start.job_name)
        parent, carrier = start.parent, start.carrier
        parent_job: Job | None = None
        if parent is not None:
            ref = RunRef(start.run_id, job, parent.root_run_id, parent.root_job, parent.run_id)
            parent_job = parent.job
        elif carrier is not None and carrier.run_id != start.run_id:
            parent_job = _job(carrier.job.namespace, carrier.job.name)
            root_job = _job(carrier.root_job.namespace, carrier.root_job.name) if carrier.root_job else parent_job
            ref = RunRef(start.run_id, job, carrier.root_run_id or carrier.run_id, root_job, carrier.run_id)
        else:
            ref = RunRef(start.run_id, job, start.run_id, job)
        marking = self._declared(start)
        code: CodeFacts | None = None
        if start.function is not None:
            code = code_facts(start.function, cache=self._cache)
        elif start.file is not None:
            code = file_facts(start.file)
        memory = Handed(job.name, ref.root_run_id)
        return OpenRun(self, ref, start, parent_job, marking, code, self._capture(), memory)

    def _capture(self) -> files.FileCapture:
        return files.FileCapture(max_file_bytes=self.settings.digest_max_bytes)

    def _declared(self, start: RunStart) -> Marking | None:
        """Unite what is said of a step: in its code first, then by the orchestrator, then in the settings."""
        said = declarations.read(tuple(start.texts))
        if said.problems:
            self._complain(start.job_name, said.problems)
        of_host = Marking(None, version=start.declared_version) if start.declared_version else None
        in_code = start.marking or marking_of(start.function)
        return declarations.merged(in_code, said.marking, of_host, self.settings.declared_of(start.job_name))

    def _complain(self, job_name: str, problems: tuple[str, ...]) -> None:
        """Have `doctor` tell, once in a process, of a declaration that cannot be understood."""
        with guard("remark on a declaration"):
            for problem in problems:
                if (job_name, problem) not in self._complained and len(self._complained) < _REMEMBERED:
                    self._complained.add((job_name, problem))
                    what = redact_text(f"{job_name}: {problem}")
                    trouble.note(self.settings.home, "declaration", what, host=self.info.name, do=_MEND)

    def _stated(self, run: OpenRun) -> Facets:
        by, results = self.producer, run.results
        execution = build.execution(run.usage.until_now() if run.usage else None, results.seeds)
        facets = self._lasting(run) | {"orchestrail_execution": fresh("orchestrail_execution", execution, by)}
        if results.any:
            metrics, checks = results.metrics, results.checks
            facets["test"] = fresh("test", build.tests(checks), by)
            facets["orchestrail_metrics"] = fresh("orchestrail_metrics", {"metrics": metrics} if metrics else None, by)
            facets["orchestrail_checks"] = fresh("orchestrail_checks", {"checks": checks} if checks else None, by)
        if missing := [*run.not_captured, *_not_followed(run.code)]:
            facets["orchestrail_capture"] = fresh("orchestrail_capture", build.capture(missing), by)
        if other_runs := tuple(run.files.told.other_runs):  # else the tags that the run began with stand
            tags = build.tags(tuple(run.start.tags), self.info.name.upper(), other_runs)
            facets["tags"] = fresh("tags", tags, by)
        return facets

    def _start_facets(self, run: OpenRun, where: Where | None) -> Facets:
        start, code, by = run.start, run.code, self.producer
        # First: a secret among the parameters is taken out wherever else it stands.
        described, digest = describe(start.parameters or {})
        facets = self._lasting(run) | {
            "jobDependencies": fresh("jobDependencies", build.dependencies(start.upstream), by),
            "tags": steady("tags", by, build.tags, tuple(start.tags), self.info.name.upper()),
        }
        if code is not None and where is not None:
            facets["orchestrail_code"] = steady("orchestrail_code", by, build.code, code, where)
        facets["orchestrail_step"] = fresh("orchestrail_step", self._said(run), by)
        if start.parameters is not None:
            stated = {"digest": digest, "parameters": described}
            facets["orchestrail_parameters"] = fresh("orchestrail_parameters", stated, by)
            facets["executionParameters"] = fresh("executionParameters", build.execution_parameters(described), by)
        if run.ref.parent_run_id is None or start.parent is None:
            facets["orchestrail_capabilities"] = self._capabilities
            settings = self.settings
            described = environment_facts(self._cache, variables=settings.variables, image=settings.image)
            facets["orchestrail_environment"] = fresh("orchestrail_environment", described, by)
        return facets

    def _lasting(self, run: OpenRun) -> Facets:
        """Give the facets that all events of a run have; they are written once, unless a secret has become known since."""
        secrets = known_secrets()
        if run.lasting is None or run.lasting[0] is not secrets:
            facets = {
                "parent": self._parent(run),
                "processing_engine": self._engine,
                "orchestrail_run": self._run_facet(run),
            }
            run.lasting = secrets, facets
        return run.lasting[1]

    def _parent(self, run: OpenRun) -> Facet:
        ref = run.ref
        return steady(
            "parent", self.producer, build.parent, ref.parent_run_id, run.parent_job, ref.root_run_id, ref.root_job
        )

    def _run_facet(
        self,
        run: OpenRun,
        state: State | None = None,
        cached_from: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> Facet:
        start, info = run.start, self.info
        common = steady(
            "orchestrail_run",
            self.producer,
            build.run_of,
            info.name,
            info.host,
            info.host_version,
            start.system or self.settings.system,
            start.environment or self.settings.environment,
            start.mode or self.settings.mode,
            start.trigger,
            self.pseudonym(start.actor),
            run.owner,
            start.closed_by,
        )
        own = {
            **start.facts,
            **(facts or {}),
            "nativeId": start.native_id,
            "attempt": start.attempt,
            "previousAttempt": start.previous_attempt,
            "orderOnly": [ref.run_id for ref in start.order_only] or None,
            "state": state.value if state in _TOLD else None,
            "cachedFrom": cached_from,
        }
        return extended(common, own)

    def _inferred(self, reason: str) -> dict[str, Any]:
        return {"fields": ["state", "ended_at"], "reason": reason, "by": self.info.name}

    def _said(self, run: OpenRun) -> dict[str, Any] | None:
        return build.step(run.marking, run.code.digest if run.code is not None else None)

    def _done(self, run: OpenRun) -> Facet:
        """Say what a step was seen to do, the role that this tells where nobody declared one, and the state in its hands."""
        told = run.files.told
        if any(output.kind == "model" and output.observed == "at_write" for output in run.outputs):
            told.does("package", "a model file written")
        calls = tuple(told.calls)
        role = roles.concluded({of for of, _ in calls}, run.roles_within) if run.role is None else None
        state = None
        if "preprocess" in (role, run.role):
            made, applied = [*run.memory.made, *told.made], [*run.memory.applied, *told.applied]
            state, unknown = fitted.digest_of_several(made or applied)
            if unknown is not None:
                run.not_captured.append(("fitted state", unknown))
        body = build.done(self._said(run), role, calls, state)
        return fresh("orchestrail_step", body, self.producer)

    def _where_is(self, run: OpenRun) -> Where | None:
        """Say where a run's code lies: git is asked once for all runs of one tree that have the same file."""
        if run.code is None:
            return None
        key = (run.ref.root_run_id, run.code.path)
        if key not in self._where:
            while len(self._where) >= _PLACES:
                self._where.pop(next(iter(self._where)), None)
            self._where[key] = _where(run.code.path, ask=self._is_of_this_process(run))
        return self._where[key]

    def _is_of_this_process(self, run: OpenRun) -> bool:
        """Say whether the known runs above were begun here: git is slow, and asked once a tree of runs."""
        above: OpenRun | None = run
        while above is not None and above.start.parent is not None:
            above = self._open.get(above.start.parent.run_id)
        return above is not None

    def _emit(
        self,
        event_type: str,
        run: OpenRun,
        facets: Facets,
        *,
        where: Where | None = None,
        inputs: Sequence[DatasetRef] = (),
        outputs: Sequence[DatasetRef] = (),
        at: datetime | None = None,
    ) -> None:
        ref, by = run.ref, self.producer
        job = steady_job(ref.job, run.start.job_type, self.info.host, where, by)
        quality = build.quality(run.results.metrics, run.results.checks) if inputs or outputs else {}
        event = run_event(
            event_type, ref.run_id, by, facets, job, inputs=inputs, outputs=outputs, quality=quality, at=at
        )
        self._spool.append(event.encode())


def _where(file: str | None, *, ask: bool) -> Where:
    if file is None or not (path := Path(file)).is_absolute():
        return Where(file)
    git = git_facts(path.parent, path, ask=ask)
    if git is None:
        return Where(file)
    inner = str(path.relative_to(git.root)) if path.is_relative_to(git.root) else file
    return Where(inner, git.repository, git.commit, git.dirty)


@kept
def _job(namespace: str, name: str) -> Job:
    return Job(redact_text(namespace), redact_text(name))


def _put_back(variable: ContextVar[T | None], token: Token[T | None], value: T) -> None:
    try:
        variable.reset(token)
    except ValueError:
        # The host leaves in another context than it entered. A copy made meanwhile holds our value; any other one is not ours.
        if variable.get() is value:
            variable.set(None if token.old_value is Token.MISSING else token.old_value)


def _error(error: BaseException | str) -> dict[str, str]:
    name = "" if isinstance(error, str) else type(error).__name__
    try:
        text = f"{name}: {error}" if name else str(error)
    except (Exception, SystemExit, GeneratorExit):  # the text of a user's exception is user code
        text = name
    # Redacted before it is cut: a secret cut in half would not be known as one.
    return {"message": redact_message(text, name)[:MAX_MESSAGE], "programmingLanguage": "PYTHON"}


def _close(run: OpenRun) -> None:
    """End the capture of a run, and join what was seen with what was said; a second time there is nothing more to see."""
    read, written, not_captured = run.files.close()
    run.outputs = _merge([*written, *run.memory.outputs], run.outputs)
    run.inputs = _with_subjects(_merge([*read, *run.memory.inputs], run.inputs), run.outputs, run.results)
    run.not_captured += not_captured


def _not_followed(code: CodeFacts | None) -> list[tuple[str, str]]:
    """Say which code may have run that the digest does not cover."""
    if code is None or not code.unfollowed:
        return []
    shown = ", ".join(code.unfollowed[:_SHOWN]) + (", ..." if len(code.unfollowed) > _SHOWN else "")
    return [("code", f"imports by computed names are not followed: {shown}")]


def _merge(captured: list[DatasetRef], declared: list[DatasetRef]) -> list[DatasetRef]:
    """Unite what was seen with what was said: what was seen decides the digest, what was said role, kind and version."""
    found = {build.place_of(dataset.namespace, dataset.name, dataset.digest): dataset for dataset in captured}
    for dataset in declared:
        key = build.place_of(dataset.namespace, dataset.name, dataset.digest)
        seen = found.get(key)
        if seen is None:
            found[key] = dataset
            continue
        kinds = dataset if dataset.kind_source == "declared" else seen
        found[key] = replace(
            seen if seen.digest else dataset,
            role=dataset.role or seen.role,
            kind=kinds.kind,
            kind_source=kinds.kind_source,
            version=dataset.version or seen.version,
            rows=dataset.rows if dataset.rows is not None else seen.rows,
            fields=dataset.fields or seen.fields,
        )
    return list(found.values())


def _with_subjects(inputs: list[DatasetRef], outputs: list[DatasetRef], results: Results) -> list[DatasetRef]:
    """Add what was measured or checked and is told of nowhere else: whoever checks a data set has read it."""
    known = {(dataset.namespace, dataset.name) for dataset in (*inputs, *outputs)}
    # A frame that nobody names as an input is the step's own.
    return inputs + [
        dataset for key, dataset in results.subjects.items() if key not in known and dataset.namespace != IN_MEMORY
    ]


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
