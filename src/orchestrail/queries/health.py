"""What is installed, what is switched off, what is stuck and what is missing: the examination behind `orchestrail doctor`.

Nothing is mended here, and nothing is collected: that the caller has done, or not wished.
"""

from __future__ import annotations

import os
import platform
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from importlib.metadata import distributions
from pathlib import Path

from sqlalchemy import Connection

from orchestrail import __version__, plugins, trouble
from orchestrail.errors import OrchestrailError
from orchestrail.events.build import timestamp
from orchestrail.histories import READERS
from orchestrail.model import AdapterInfo, Capability, Problem, Severity
from orchestrail.projections.open_runs import open_runs
from orchestrail.projections.rows import ReconciliationRow, RunRow
from orchestrail.projections.undigested import undigested
from orchestrail.queries.beginnings import Beginning, beginnings
from orchestrail.queries.reconciliations import last_reconciliations
from orchestrail.queries.runs import job_names, runs
from orchestrail.queries.snapshot import snapshot
from orchestrail.queries.words import counted
from orchestrail.queries.writers import Writer, side_by_side, writers
from orchestrail.settings import Settings
from orchestrail.store import store_exists, store_file, store_name
from orchestrail.store.base import Store
from orchestrail.transport.segments import is_owned, read_segment, segments
from orchestrail.versions import is_below, within

OLD_SECONDS = 24 * 3600
LATELY = timedelta(days=7)
_SHOWN = 5
_EXAMINED = 1000
_TOLD = 20
_YES = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter that is installed here.

    Attributes:
        name: its entry point.
        info: what it says of itself; None where its host is not installed, or it does not say.
        failure: why it could not be loaded.
    """

    name: str
    info: AdapterInfo | None = None
    failure: str | None = None

    @property
    def cannot_see(self) -> list[str]:
        """Capabilities that it lacks."""
        return sorted(set(Capability) - self.info.capabilities) if self.info else []


@dataclass(frozen=True, slots=True)
class Health:
    """The result of an examination.

    Attributes:
        settings: that it was made with.
        installed: our distributions and their versions.
        adapters: the adapters in this environment.
        problems: what was found, the severest first.
        events: number of events in the store; None where it could not be read.
        begins: since when each orchestrator is on the record.
        writers: the adapters that wrote in the last 7 days, in their versions.
        reconciled: the last result by orchestrator; None for one that is on the record, could be asked, and never was.
    """

    settings: Settings
    installed: Mapping[str, str]
    adapters: Sequence[Adapter]
    problems: Sequence[Problem]
    events: int | None = None
    begins: Sequence[Beginning] = ()
    writers: Sequence[Writer] = ()
    reconciled: Mapping[str, ReconciliationRow | None] = field(default_factory=dict)

    @property
    def store(self) -> str:
        """The URL of the store, without a password."""
        url = self.settings.store
        try:
            return url if store_file(url) is not None else store_name(url)
        except OrchestrailError:
            return url.rpartition("@")[2]


def examine(
    settings: Settings,
    open_store: Callable[[], Store],
    abandoned: Callable[[Store], Sequence[RunRow]],
    found: Sequence[Problem] = (),
) -> Health:
    """Look at the installation, the spool and the store.

    Args:
        settings: name home, spool and store.
        open_store: opens the store.
        abandoned: lists runs whose process died.
        found: problems that the caller met already.
    """
    installed = _installed()
    adapters = _adapters()
    problems = list(found)
    problems += _switches(settings)
    problems += _platform()
    problems += _versions(installed)
    for adapter in adapters:
        problems += _adapter_problems(adapter)
    problems += _told_by_adapters(settings)
    problems += _folders(settings)
    problems += _notes(settings.home)
    problems += _spool(settings)
    health = Health(settings, installed, adapters, ())
    try:
        if store_exists(settings.store):
            store = open_store()
            health = replace(health, events=store.size())
            problems += _store(store, abandoned)
            with store.read() as connection:
                lately = writers(connection, timestamp(datetime.now(UTC) - LATELY))
                begins = beginnings(connection)
                last = last_reconciliations(connection)
                problems += _unmatched(settings, connection)
            askable = sorted(one.orchestrator for one in begins if one.orchestrator in READERS)
            health = replace(health, begins=begins, writers=lately, reconciled=dict.fromkeys(askable) | last)
            problems += _mixed(lately)
            problems += _unexplained(last.values())
        else:
            where = f"There is no store at {store_name(settings.store)} yet."
            problems.append(Problem("no-store", Severity.NOTE, where, "It is made when the first run is collected."))
    except OrchestrailError as error:
        problems.append(problem_of(error))
    order = list(Severity)
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: order.index(problem.severity))
    return replace(health, problems=ordered)


def problem_of(error: OrchestrailError) -> Problem:
    """Turn one of our errors into a problem."""
    return Problem(error.code, Severity.ERROR, " ".join(part for part in (error.what, error.why) if part), error.do)


def _installed() -> dict[str, str]:
    found: dict[str, str] = {}
    for distribution in distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        if name == "orchestrail" or name.startswith("orchestrail-"):
            found.setdefault(name, distribution.version)
    found.setdefault("orchestrail", __version__)
    return dict(sorted(found.items()))


def _adapters() -> list[Adapter]:
    plugins.load_installed()
    found = [Adapter(name, failure=why) for name, why in plugins.failures.items()]
    told: dict[str, AdapterInfo | None] = dict(plugins.results("adapter_info"))
    for name, plugin in plugins.manager().list_name_plugin():
        if plugin is not None and hasattr(plugin, "adapter_info"):
            info = told.get(name)
            failure = None if name in told else "it failed to say what it is"
            found.append(Adapter(name, info if isinstance(info, AdapterInfo) else None, failure))
    return sorted(found, key=lambda adapter: adapter.name)


def _switches(settings: Settings) -> Iterator[Problem]:
    if settings.disabled:
        what = "Recording is switched off (ORCHESTRAIL_DISABLED)."
        yield Problem("disabled", Severity.ERROR, what, "Unset it where runs are to be recorded.")
    if os.environ.get("OPENLINEAGE_DISABLED", "").lower() in _YES:
        what = "OPENLINEAGE_DISABLED is set: other OpenLineage producers send nothing."
        yield Problem("openlineage-disabled", Severity.WARNING, what, "Unset it where their events are wanted.")


def _platform() -> Iterator[Problem]:
    system = platform.system()
    if system != "Linux":
        what = f"{system} is not tested."
        yield Problem(
            "platform", Severity.WARNING, what, "Expect that runs of dead processes are not told from live ones."
        )


def _versions(installed: Mapping[str, str]) -> Iterator[Problem]:
    core = installed["orchestrail"]
    for name, version in installed.items():
        if version != core:
            what = f"{name} {version} stands beside orchestrail {core}."
            yield Problem("versions-differ", Severity.WARNING, what, "Install all of them in one version.")


def _adapter_problems(adapter: Adapter) -> Iterator[Problem]:
    if adapter.failure is not None:
        what = f"The adapter {adapter.name} could not be loaded: {adapter.failure}."
        yield Problem("adapter-failed", Severity.ERROR, what, "Reinstall it in this environment.")
    elif adapter.info is None:
        what = f"The adapter {adapter.name} is installed, its host is not: it records nothing in this environment."
        yield Problem("host-missing", Severity.NOTE, what, "Install the host, or the adapter where the host is.")
    elif within(adapter.info.host_version, adapter.info.requires) is False:
        info = adapter.info
        what = (
            f"{info.host} {info.host_version} is outside what the adapter {adapter.name} is made for ({info.requires})"
        )
        if is_below(info.host_version, info.requires):
            yield Problem("host-version", Severity.ERROR, f"{what}: nothing is recorded.", f"Upgrade {info.host}.")
        else:
            do = "Look for a newer adapter; see that runs are recorded whole."
            yield Problem("host-version", Severity.WARNING, f"{what}.", do)


def _told_by_adapters(settings: Settings) -> Iterator[Problem]:
    """Ask the adapters themselves what stands in their way here."""
    told = dict(plugins.results("adapter_problems", settings=settings))
    for name in (each.plugin_name for each in plugins.manager().hook.adapter_problems.get_hookimpls()):
        if name in told:
            yield from (problem for problem in told[name] or () if isinstance(problem, Problem))
        else:
            what = f"The adapter {name} failed to say what stands in its way in this environment."
            yield Problem("adapter-failed", Severity.WARNING, what, "Reinstall it in this environment.")


def _folders(settings: Settings) -> Iterator[Problem]:
    for name, path in (("home", settings.home), ("spool", settings.spool)):
        if path.exists() and not (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
            yield Problem(
                f"{name}-unwritable", Severity.ERROR, f"The {name} {path} cannot be written.", "See who owns it."
            )
        elif not path.exists() and not os.access(_nearest(path), os.W_OK | os.X_OK):
            yield Problem(
                f"{name}-unwritable", Severity.ERROR, f"The {name} {path} cannot be made.", "See who owns its folder."
            )
        elif path.exists():
            yield from _privacy(name, path)
    with suppress(OrchestrailError):
        file = store_file(settings.store)
        if file is not None and file.exists():
            if not os.access(file, os.W_OK):
                yield Problem(
                    "store-unwritable", Severity.WARNING, f"The store {file} cannot be written.", "See who owns it."
                )
            yield from _privacy("store", file)


def _privacy(name: str, path: Path) -> Iterator[Problem]:
    mode = path.stat().st_mode
    # A spool that several users share is a setgid folder: its group is meant to write there.
    shared = bool(mode & stat.S_ISGID) and name == "spool"
    open_to = mode & (0o007 if shared else 0o077)
    if open_to:
        what = f"The {name} {path} is open to other users (mode {stat.S_IMODE(mode):04o})."
        yield Problem(f"{name}-not-private", Severity.WARNING, what, f"chmod {'o' if shared else 'go'}-rwx {path}")


def _nearest(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.exists())


def _notes(home: Path) -> Iterator[Problem]:
    for note in trouble.read(home):
        host = f" in {note['host']}" if note.get("host") else ""
        if note.get("do"):
            what = f"{_when(note.get('time'))}{host}, {note.get('where')}: {note.get('error')}."
            yield Problem("remark", Severity.NOTE, what, f"{note['do']} Then: `orchestrail doctor --clear`.")
            continue
        what = f"{_when(note.get('time'))}{host}, while trying to {note.get('where')}: {note.get('error')}"
        what += f" ({counted(note.get('count'), 'time')})"
        do = "Runs of that time may be recorded incompletely. When it is dealt with: `orchestrail doctor --clear`."
        yield Problem("trouble", Severity.ERROR, what, do)


def _when(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return "At some time"
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))


def _spool(settings: Settings) -> Iterator[Problem]:
    try:
        paths = segments(settings.spool)
    except OrchestrailError as error:
        yield problem_of(error)
        return
    waiting = []
    for path in paths:
        try:
            if is_owned(path):
                continue
            age = time.time() - path.stat().st_mtime
            damaged = len(read_segment(path).problems)
        except FileNotFoundError:
            continue
        except OrchestrailError as error:
            yield problem_of(error)
            continue
        waiting.append((age, path.name, damaged))
    old = [name for age, name, _ in waiting if age > OLD_SECONDS]
    if old:
        what = f"{counted(len(old), 'segment of ended processes lies', 'segments of ended processes lie')} in the spool"
        what += f" for more than a day: {_some(old)}."
        yield Problem(
            "spool-stuck", Severity.ERROR, what, "Run `orchestrail collect`; see who owns the files if they stay."
        )
    elif waiting:
        what = f"{counted(len(waiting), 'segment of ended processes waits', 'segments of ended processes wait')} in the spool."
        yield Problem("spool-waiting", Severity.NOTE, what, "The next reading command collects them.")
    damaged_names = [name for _, name, damaged in waiting if damaged]
    if damaged_names:
        what = f"Segments with lines that are no records: {_some(damaged_names)}."
        yield Problem("spool-damaged", Severity.WARNING, what, "Such lines go to quarantine when they are collected.")


def _store(store: Store, abandoned: Callable[[Store], Sequence[RunRow]]) -> Iterator[Problem]:
    gaps = store.gaps()
    if gaps:
        missing = sum(last - first + 1 for gap in gaps for first, last in gap.missing)
        where = _some([f"{gap.emitter[:12]} {_ranges(gap.missing)}" for gap in gaps])
        what = f"{counted(missing, 'event was', 'events were')} numbered by their process and never arrived: {where}."
        do = "Collect every spool that there is; what stays missing was lost or removed on the way."
        yield Problem("events-missing", Severity.ERROR, what, do)
    refused = store.refused()
    if refused:
        what = f"{counted(refused, 'event is', 'events are')} in quarantine."
        yield Problem("quarantine", Severity.ERROR, what, "See `orchestrail quarantine list`.")
    dead = abandoned(store)
    if dead:
        names = _some([f"{row.job.name} {row.run_id[-12:]}" for row in dead])
        what = f"{counted(len(dead), 'run is', 'runs are')} open whose process is gone: {names}."
        yield Problem("abandoned-runs", Severity.WARNING, what, "Run `orchestrail sweep`.")
    yield from _forgotten(store)
    yield from _unseen(store)
    with store.read() as connection:
        waiting = undigested(connection)
    if waiting:
        files = counted(len(waiting), "large file waits for its digest", "large files wait for their digest")
        what = f"{files}: {_some([each.dataset.name for each in waiting])}."
        yield Problem(
            "digests-waiting", Severity.NOTE, what, "Run `orchestrail collect` on the machine that holds them."
        )


def _unmatched(settings: Settings, connection: Connection) -> Iterator[Problem]:
    """Find declarations in the settings that no job on the record fits."""
    names = job_names(connection) if settings.steps else []
    for number, step in enumerate(settings.steps, start=1):
        if names and not any(fnmatchcase(name, step.job) for name in names):
            what = f"`steps[{number}]` of the settings is about the jobs {step.job}, and no job on the record is called so."
            do = (
                "See the names with `orchestrail runs --all`; a job that is yet to run for the first time may be meant."
            )
            yield Problem("steps-unmatched", Severity.NOTE, what, do)


def _mixed(lately: Sequence[Writer]) -> Iterator[Problem]:
    for adapter, versions in side_by_side(lately).items():
        what = f"The adapter {adapter} wrote in several versions side by side in the last 7 days: {_some(versions)}."
        do = "The store takes them all; what an older one cannot see is missing in its runs. Upgrade its hosts."
        yield Problem("adapter-versions-differ", Severity.WARNING, what, do)


def _unexplained(last: Iterable[ReconciliationRow]) -> Iterator[Problem]:
    """Find what the last reconciliations left without a rule that explains it; nothing explains what is missing here."""
    for row in last:
        counts = row.result["counts"]
        left = {
            "missing from the record": counts["missing"],
            "on the record alone": counts["surplus"] - counts["surplus_explained"],
            "told differently": counts["different"] - counts["different_explained"],
        }
        told = [f"{number} {what}" for what, number in left.items() if number > 0]
        if told:
            what = f"The last reconciliation with {row.orchestrator} left unexplained: {', '.join(told)}."
            do = f"See `orchestrail reconcile --last {row.orchestrator}`."
            yield Problem("reconciliation", Severity.WARNING, what, do)


def _forgotten(store: Store) -> Iterator[Problem]:
    """Find runs that their orchestrator ends, and that it has not ended for long: that it did may never have been told."""
    with store.read() as connection:
        waiting = open_runs(connection, "host")
    limit = timestamp(datetime.now(UTC) - timedelta(seconds=OLD_SECONDS))
    by_orchestrator: dict[str, list[str]] = {}
    for row in waiting:
        if (row.started_at or row.seen_at or limit) < limit:
            names = by_orchestrator.setdefault(row.orchestrator or "unknown", [])
            names.append(f"{row.job.name} {row.run_id[-12:]}")
    for orchestrator, names in sorted(by_orchestrator.items()):
        what = f"{counted(len(names), f'run that {orchestrator} ends is', f'runs that {orchestrator} ends are')}"
        what += f" open for more than a day: {_some(names)}."
        yield Problem(
            "open-runs", Severity.WARNING, what, f"Run `orchestrail reconcile {orchestrator}`; it asks {orchestrator}."
        )


def _unseen(store: Store) -> Iterator[Problem]:
    """Find runs of late that say what was not captured: a statement that was not understood, an observer that failed."""
    since = timestamp(datetime.now(UTC) - LATELY)
    with snapshot(store) as connection:
        rows = [row for row in runs(connection, since=since, every=True, limit=_EXAMINED) if row.not_captured]
    for row in rows[:_TOLD]:
        missed = [f"{what}: {reason}" if reason else what for what, reason in row.not_captured]
        what = f"{row.job.name} {row.run_id[-12:]} could not see all that it touched: {_some(missed)}."
        yield Problem(
            "not-captured",
            Severity.NOTE,
            what,
            "State data with record_input and record_output; name modules where they are imported.",
        )
    if len(rows) > _TOLD:
        more, they = counted(len(rows) - _TOLD, "more run"), "it" if len(rows) - _TOLD == 1 else "they"
        what = f"{more} of the last {LATELY.days} days could not see all that {they} touched."
        yield Problem("not-captured", Severity.NOTE, what, "`orchestrail show RUN` says what.")


def _ranges(missing: Sequence[tuple[int, int]]) -> str:
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in missing[:_SHOWN])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
