"""How runs and data sets are put in words and marks. No layout, no printing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from orchestrail.cli.output import Output, clean
from orchestrail.model import IN_MEMORY, DatasetRef
from orchestrail.queries import RunRow
from orchestrail.queries.words import (
    FITTED,
    STATE_SYMBOLS,
    byte_count,
    counted,
    data_name,
    duration,
    error_apart,
    short_job,
    size,
)
from orchestrail.queries.words import orchestrator as name_of_orchestrator

SHORT = 12
"""Digits of a digest, and of a run id's end, that are shown: enough to find it again."""

_CALLS = 5

_STYLES = {"COMPLETE": "green", "CACHED": "cyan", "RUNNING": "blue", "FAIL": "red", "ABORT": "red", "SKIPPED": "yellow"}
_SHOWN = 20
"""Checks, and metrics, of one run that are shown without `--full`."""
GAP = "yellow"
"""Style of what is missing, weak or concluded."""


def state_mark(state: str | None) -> Text:
    """Give a state as a symbol and a word."""
    known = state or ""
    return Text(f"{STATE_SYMBOLS.get(known, '?')} {known or 'UNKNOWN'}", style=_STYLES.get(known, GAP))


def short_id(run_id: str, output: Output) -> str:
    """Give the end of a run id: the beginning of a UUIDv7 is a time."""
    return clean(run_id if output.full else run_id[-SHORT:])


def short_digest(digest: str | None, output: Output) -> str:
    """Give the first digits of a digest, with or without an algorithm before it."""
    if digest is None:
        return "unknown"
    if output.full:
        return clean(digest)
    return clean(digest.rpartition(":")[2][:SHORT])


def job_name(row: RunRow, output: Output, parent: RunRow | None = None, apart: str | None = None) -> str:
    """Give a job's name, without that of the job it runs in, and what tells the run apart from others of the job."""
    name = short_job(row.job.name, parent.job.name if parent is not None else None)
    return clean(f"{name} {_cut(apart, output)}" if apart else name)


def place(dataset: DatasetRef) -> str:
    """Give a data set's name; a file in the working folder or below it by its relative path."""
    return here(dataset.name) if dataset.namespace == "file" else clean(data_name(dataset))


def here(path: str) -> str:
    """Give the path of a file in the working folder or below it by its relative path; any other text as it is."""
    folder = os.path.normpath(Path.cwd())
    return clean(os.path.relpath(path, folder) if path.startswith(folder.rstrip("/") + "/") else path)


def dataset_text(dataset: DatasetRef, output: Output) -> Text:
    """Give name, identity, kind and marks of a data set."""
    text = Text(place(dataset), style="bold" if dataset.kind == "model" else "")
    if dataset.digest:
        text.append(f"  sha256:{short_digest(dataset.digest, output).removeprefix('sha256:')}")
    if dataset.version and dataset.version != dataset.digest:
        text.append(f"  version {clean(dataset.version)}")
    elif not dataset.digest:
        text.append("  by name only", style=GAP)
    kind = dataset.kind if dataset.kind == "model" else None
    if dataset.type == FITTED and dataset.namespace != IN_MEMORY:
        kind = "fitted state"
    for part in (kind, dataset.framework, dataset.format, dataset.role, size(dataset)):
        if part:
            text.append(f"  {clean(part)}", style="dim")
    if dataset.observed == "at_collect" and dataset.digest:
        text.append("  digest by the collector", style="dim")
    if dataset.weak:
        text.append(f"  weak: {clean(dataset.weak)}", style=GAP)
    return text


def heading(row: RunRow, output: Output, parent: RunRow | None = None, apart: str | None = None) -> Text:
    """Give the first line of a run: name, state, role, attempt, duration and the end of its id."""
    text = Text(job_name(row, output, parent, apart), style="bold").append("  ").append(state_mark(row.state))
    if row.given_end:
        text.append(" (by hand)", style=GAP)
    elif row.state == "ABORT" and "state" in row.inferred:
        text.append(" (concluded)", style=GAP)
    if row.role:
        text.append(f"  {row.role}")
        if row.role_source == "inferred":
            text.append(" (inferred)", style=GAP)
    if row.attempt is not None and row.attempt > 1:
        text.append(f"  attempt {row.attempt}", style=GAP)
    if took := duration(row):
        text.append(f"  {took}")
    return text.append(f"  {short_id(row.run_id, output)}", style="dim")


def orchestrator(row: RunRow) -> str:
    """Give the orchestrator and its version."""
    return clean(name_of_orchestrator(row))


def facts(row: RunRow, output: Output) -> Iterator[tuple[str, Text]]:
    """Give what is known of how a run worked: preparation, code, parameters, checks, metrics, and what is missing."""
    known = row.preprocessing
    # A step that is one only for the marked steps that it calls says nothing of its own: they stand below it.
    if known and not (row.role_source == "inferred" and known.derived and not row.calls):
        name = Text(clean(known.operation or "unnamed"))
        if known.derived:
            name.append(f"  version derived from the code: {short_digest(known.version, output)}")
        elif known.version:
            name.append(f"  version {clean(known.version)}")
        else:
            name.append("  version unknown", style=GAP)
        for flag, word in (
            (row.serve_time, "serve-time"),
            (row.fits_state, "fits state"),
            (row.train_only, "train only"),
        ):
            if flag:
                name.append(f"  {word}", style="dim")
        if known.state_digest:
            name.append(f"  state {short_digest(known.state_digest, output).removeprefix('sha256:')}", style="dim")
        yield "prep", name
    if row.calls and (output.full or row.role_source == "inferred"):
        yield "calls", Text(clean(", ".join(_calls(row, output))), style="dim")
    if code := _code(row, output):
        yield "code", code
    if row.parameters and (output.full or row.parent_run_id is None):
        yield (
            "params",
            Text(", ".join(f"{clean(name)}={_value(value, output)}" for name, value in row.parameters.items())),
        )
    if row.cached_from:
        concluded = " (concluded from the cache key)" if "cached_from" in row.inferred else ""
        yield "cached", Text(f"result of run {short_id(row.cached_from, output)}, which computed it{concluded}")
    elif row.state == "CACHED":
        yield "cached", Text("the run that computed the result is not known", style=GAP)
    if row.previous_attempt:
        yield "retry", Text(f"after attempt {short_id(row.previous_attempt, output)}")
    for finding in row.findings:
        style = "red" if finding.verdict == "fail" else GAP
        yield finding.verdict, Text(clean(f"{finding.requirement}  {finding.reason}"), style=style)
    yield from _acts(row, output)
    yield from _endings(row)
    yield from _results(row, output)
    if row.seeds:
        yield "seeds", Text(clean(", ".join(f"{seed.get('name')} {_seed(seed)}" for seed in row.seeds)))
    if output.full and row.usage:
        yield "used", Text(usage(row.usage))
    yield from _services(row, output)


def _calls(row: RunRow, output: Output) -> list[str]:
    """Give what a run was seen to call: first what its role was concluded from."""
    calls = sorted(row.calls, key=lambda one: one[0] != row.role)
    shown = len(calls) if output.full else _CALLS
    more = [f"and {len(calls) - shown} more"] if len(calls) > shown else []
    return [call for _, call in calls[:shown]] + more


def _results(row: RunRow, output: Output) -> Iterator[tuple[str, Text]]:
    """Give checks and metrics, those that failed first; of very many a few."""
    checks = sorted(row.checks, key=lambda check: check.get("success") is True)
    for word, entries, put in (("check", checks, _check), ("metric", row.metrics, _metric)):
        shown = entries if output.full else entries[:_SHOWN]
        for entry in shown:
            yield word, put(entry)
        if len(shown) < len(entries):
            rest = counted(len(entries) - len(shown), f"more {word}")
            yield word, Text(f"... and {rest}: --full lists them", style="dim")


def _services(row: RunRow, output: Output) -> Iterator[tuple[str, Text]]:
    """Give each deployment once, with how it prepares data."""
    for stated in row.services:
        yield "serves", Text(clean(str(stated.get("deployment"))))
        for known in stated.get("preparation") or ():
            if isinstance(known, Mapping):
                version = short_digest(known.get("version"), output) if known.get("derived") else known.get("version")
                code = short_digest(known.get("codeDigest"), output)
                prepared = f"{known.get('operation')}  version {version or 'unknown'}  code {code}"
                if known.get("stateDigest"):
                    prepared += f"  state {short_digest(known['stateDigest'], output)}"
                yield "prep", Text(clean(prepared))


def _acts(row: RunRow, output: Output) -> Iterator[tuple[str, Text]]:
    """Give what people did, with who, when and why: the states that they gave the run, then what its orchestrator's log has."""
    given, own = [end for end in row.ends if end.by_hand], row.own_end
    for end in given:
        text = state_mark(end.state).append(" ").append_text(_by(end.changed_by, end.changed_at, end.reason, output))
        if end is given[0] and own is not None:
            why = _first_line(own.error or own.reason or "")
            text.append("; before that ").append_text(state_mark(own.state)).append(f" {why}" if why else "")
        yield "marked", text
    told = {end.changed_at for end in given if end.changed_at}
    for change in row.changes:
        if change.task is None and change.what == "marked" and change.at in told:
            continue  # as its end has it
        text = Text(clean("".join(f"{word} " for word in (change.task, change.state) if word)))
        yield clean(change.what), text.append_text(_by(change.by, change.at, change.reason, output))


def _by(who: str | None, at: str | None, why: str | None, output: Output) -> Text:
    text = Text("by ").append(short_digest(who, output) if who else "somebody", style="" if who else GAP)
    if at:
        text.append(f", {output.time(at)}")
    return text.append(f": {_first_line(why)}") if why else text.append(", no reason given", style=GAP)


def _first_line(text: str) -> str:
    return next(iter(clean(text).splitlines()), "")


def _endings(row: RunRow) -> Iterator[tuple[str, Text]]:
    if error := error_apart(row):
        yield (
            "skipped" if row.state == "SKIPPED" else "error",
            Text(_first_line(error), style="red" if row.state == "FAIL" else GAP),
        )
    fields = ", ".join(field for field in row.inferred if field != "role")  # which is marked where it stands
    if fields and row.state != "CACHED":
        why = next((end.reason for end in row.ends if end.inferred and end.reason), None)
        yield "concluded", Text(clean(f"{fields}{f': {why}' if why else ''}"), style=GAP)
    if row.ends_before_start:
        yield "clock", Text("it ends before it starts: a clock was set back, or two clocks differ", style=GAP)
    reported = {end.state for end in row.ends if not (end.inferred or end.by_hand)}
    if row.state in ("SKIPPED", "CACHED"):
        reported.discard("COMPLETE")  # what other producers call it: OpenLineage has no word for either
    if len(reported) > 1:
        told = "; ".join(f"{end.state} by {end.producer}" for end in row.ends if not (end.inferred or end.by_hand))
        yield "differs", Text(clean(f"producers report different ends: {told}"), style=GAP)
    for what, reason in row.not_captured:
        yield "gap", Text(clean(f"not captured: {what}{f' ({reason})' if reason else ''}"), style=GAP)


def _code(row: RunRow, output: Output) -> Text | None:
    code = row.code
    if not (code.digest or code.commit or code.path):
        return None
    text = Text(short_digest(code.digest, output) if code.digest else "no digest", style="" if code.digest else GAP)
    for part in (code.path, code.name if output.full else None):
        if part:
            text.append(f"  {clean(part)}")
    if code.commit and (output.full or row.parent_run_id is None):
        text.append(f"  commit {clean(code.commit[:SHORT] if not output.full else code.commit)}")
        if code.dirty:
            text.append(" with changed files", style=GAP)
    if output.full and code.modules:
        text.append(
            "  with " + ", ".join(clean(f"{name} {short_digest(of, output)}") for name, of in code.modules.items())
        )
    return text


def _value(value: Any, output: Output) -> str:
    if isinstance(value, dict) and set(value) <= {"type", "digest"}:
        return clean(f"<{value.get('type')} {short_digest(value.get('digest'), output)}>")
    return _cut(clean(repr(value)), output)


def _cut(text: str, output: Output) -> str:
    return text if output.full or len(text) <= 60 else f"{text[:57]}..."


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _check(check: Mapping[str, Any]) -> Text:
    success = check.get("success")
    word, style = (
        ("passed", "green") if success is True else ("failed", "red") if success is False else ("unknown", GAP)
    )
    text = Text(clean(f"{check.get('name')} ")).append(word, style=style)
    details = [str(check[name]) for name in ("severity", "kind") if check.get(name)]
    details += [f"{name} {_number(check[name])}" for name in ("expected", "actual") if check.get(name) is not None]
    if failures := check.get("failures"):
        details.append(f"{counted(failures, 'row')} failed")
    return _with_subject(text, check, details)


def _metric(metric: Mapping[str, Any]) -> Text:
    text = Text(clean(f"{metric.get('name')} {_number(metric.get('value'))}"))
    rows = metric.get("rows")
    return _with_subject(text, metric, [] if rows is None else [counted(rows, "row")])


def _with_subject(text: Text, entry: Mapping[str, Any], details: list[str]) -> Text:
    """Add what a figure or a check is of, and who told it where that was not the step."""
    if column := entry.get("column"):
        details.append(f"column {column}")
    if name := _object(entry.get("dataset")).get("name"):
        details.append(f"of {Path(str(name)).name}")
    if by := entry.get("by"):
        details.append(f"by {by}")
    return text.append(clean(f"  {', '.join(details)}"), style="dim") if details else text


def _seed(seed: Mapping[str, Any]) -> str:
    value = seed.get("value")
    return str(value) if value is not None else f"<{seed.get('type')}>"


def usage(used: Mapping[str, Any]) -> str:
    """Give what a run used of time and memory."""
    parts = [
        f"{label} {used[name]:.2f} s"
        for name, label in (
            ("wall_seconds", "wall"),
            ("processor_seconds", "processor"),
            ("thread_seconds", "of its thread"),
            ("child_seconds", "of child processes"),
        )
        if used.get(name) is not None
    ]
    if (peak := used.get("peak_memory_bytes")) is not None:
        parts.append(f"peak memory of the process {byte_count(peak)}")
    return " · ".join(parts)


def environment(row: RunRow, output: Output) -> str | None:
    """Give the environment of a root run in a line; more of it where all is asked for."""
    facts = row.environment_facts
    if not facts:
        return None
    python, machine = _object(facts.get("python")), _object(facts.get("platform"))
    cpu = _object(facts.get("cpu"))
    parts = [
        " ".join(str(python[name]) for name in ("implementation", "version") if python.get(name)),
        " ".join(str(machine[name]) for name in ("system", "release", "machine") if machine.get(name)),
        counted(cpu["count"], "CPU") if cpu.get("count") else "",
        *_cards(facts),
        *_container(facts, output),
    ]
    packages = facts.get("distributions")
    if isinstance(packages, dict):
        parts.append(
            f"{counted(len(packages), 'package')} {short_digest(_text(facts.get('distributionsDigest')), output)}"
        )
    origins = _object(facts.get("origins"))
    if origins and output.full:
        parts.append("not from an index: " + ", ".join(f"{name} ({_origin(one)})" for name, one in origins.items()))
    elif origins:
        parts.append(f"{len(origins)} of them not from an index")
    if output.full and (variables := _object(facts.get("variables"))):
        parts.append(" ".join(f"{name}={value}" for name, value in variables.items()))
    if session := _text(facts.get("session")):
        parts.append(
            {"notebook": "in a notebook", "console": "in a console", "pytest": "under pytest"}.get(session, "")
        )
    return clean(" · ".join(part for part in parts if part)) or None


def _cards(facts: Mapping[str, Any]) -> list[str]:
    cards = facts.get("gpus", [])
    if not isinstance(cards, list):
        return ["graphics cards unknown"]
    models = [_text(card.get("model")) or "a graphics card" for card in cards if isinstance(card, dict)]
    return [f"{models.count(model)} x {model}" for model in dict.fromkeys(models)]


def _container(facts: Mapping[str, Any], output: Output) -> list[str]:
    limits, container = _object(facts.get("limits")), _object(facts.get("container"))
    parts = []
    if cpus := limits.get("cpus"):
        parts.append(f"limited to {counted(cpus, 'CPU')}")
    if isinstance(bound := limits.get("memoryBytes"), int):
        parts.append(f"limited to {byte_count(bound)} of memory")
    if container:
        image = _text(container.get("image"))
        named = f"image {image}" if image else "image unknown"
        told = f" {short_digest(container.get('id'), output)}" if container.get("id") else ""
        parts.append(f"in a {container.get('runtime') or ''} container{told}, {named}".replace("  ", " "))
    return parts


def _origin(origin: Any) -> str:
    known = _object(origin)
    return " ".join(str(known[name]) for name in ("kind", "url", "commit") if known.get(name))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
