"""`orchestrail diff A [B]`: what changed between two runs or models, or between a service and the training of its model."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrail.cli.options import Full, Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import reading, settings_of
from orchestrail.cli.words import GAP, dataset_text, heading, here, orchestrator, short_digest, usage
from orchestrail.queries.beginnings import beginnings
from orchestrail.queries.diff import CATEGORIES, Compared
from orchestrail.queries.diff import diff as compare
from orchestrail.queries.differences import Difference
from orchestrail.queries.documents import beginnings_document, diff_document
from orchestrail.queries.sides import Side
from orchestrail.queries.words import counted

_SHOWN = 8
_LONGEST = 60
_DATA = ("input", "model", "output", "intermediate")
_BRIEF = ("intermediate", "paths")
"""What follows from the rest: told in a line."""

_WORDS = {
    "input": "input data",
    "model": "models",
    "output": "outputs",
    "intermediate": "data between steps",
    "paths": "paths among the parameters",
}


def diff(
    a: Annotated[
        str, typer.Argument(metavar="A", help="A RUN, a file, a sha256:... digest, a data set or a service's RUN.")
    ],
    b: Annotated[
        str | None,
        typer.Argument(metavar="B", help="Another one; without it, A is a service, and B the training of its model."),
    ] = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Say what changed between two runs or models.

    Code, preparation of data, parameters, data, models, metrics, checks, steps and environment of the root runs behind A and B. A
    service is compared with the training of its model. Exit code 0 whatever was found: a difference is an answer.
    """
    output = Output(as_json=as_json, zone=zone, full=full)
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        compared = compare(record, a, b)
        begins = beginnings(record)
    if as_json:
        output.document(diff_document(compared) | beginnings_document(begins))
    else:
        print_diff(compared, output)


def print_diff(compared: Compared, output: Output) -> None:
    """Print a comparison: what is called out, what changed, what is not known; of what is the same, how much."""
    for where, side in (("A", compared.a), ("B", compared.b)):
        _print_side(where, side, output)
    found = compared.differences
    if compared.findings:
        output.line()
        output.line("Look at this first", style="bold")
    for finding in compared.findings:
        output.line(f"  {finding.text}", style="red")
    output.line()
    if {row.run_id for row in compared.a.runs} == {row.run_id for row in compared.b.runs}:
        output.line("A and B are the same runs.", style="bold")
    elif not found.changed:
        output.line("Nothing that is recorded of both changed.", style="bold")
    else:
        output.line("Changed", style="bold")
    for category, entries in _by_category(found.changed):
        _print_changed(category, entries, output)
    if found.same:
        output.line("The same", style="bold")
        parts = [f"{_WORDS.get(category, category)} {len(entries)}" for category, entries in _by_category(found.same)]
        output.line(f"  {counted(len(found.same), 'fact')}: {', '.join(parts)}", style="dim")
    _print_unknown(found.unknown, output)
    _print_used(compared, output)
    if compared.ambiguous:
        output.line("Matched in doubt", style="bold")
    for said in compared.ambiguous:
        output.line(f"  {said}", style=GAP)
    output.line("Not in this answer", style="bold")
    for said in compared.not_shown:
        output.line(f"  {said}", style="dim")


def _print_side(where: str, side: Side, output: Output) -> None:
    line = Text(f"{where}  ", style="bold")
    if side.dataset is not None:
        output.line(line.append_text(dataset_text(side.dataset, output)))
        line = Text("   by ")
    shown = [side.target.run] if side.target.run else side.roots
    for row in shown:
        output.line(
            line.append_text(heading(row, output)).append(f"  {orchestrator(row)}  {output.time(row.started_at)}")
        )
        line = Text("   and ")


def _by_category(entries: Iterable[Difference]) -> list[tuple[str, list[Difference]]]:
    groups: dict[str, list[Difference]] = defaultdict(list)
    for entry in entries:
        groups[entry.category].append(entry)
    return [(category, groups[category]) for category in CATEGORIES if category in groups]


def _print_changed(category: str, entries: Sequence[Difference], output: Output) -> None:
    """Print what changed of one kind: the facts of a subject in one line, and no more lines than can be read."""
    word = _WORDS.get(category, category)
    if category in _BRIEF and not output.full:
        subjects = dict.fromkeys(entry.subject for entry in entries)
        shown = ", ".join(subject.rpartition("/")[2] for subject in list(subjects)[:_SHOWN])
        more = f" and {len(subjects) - _SHOWN} more" if len(subjects) > _SHOWN else ""
        output.line(Text(f"  {word}: {counted(len(entries), 'fact')} of {clean(shown)}{more}"))
        return
    output.line(f"  {word}")
    lines = _code_lines(entries, output) if category == "code" and not output.full else _lines(entries, output)
    for place, line in enumerate(lines):
        if place == _SHOWN and not output.full and len(lines) > _SHOWN + 1:
            output.line(f"    ... {len(lines) - _SHOWN} more; see them with --full", style="dim")
            return
        output.line(Text("    ").append_text(line))


def _lines(entries: Iterable[Difference], output: Output) -> list[Text]:
    facts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in entries:
        notes = [entry.note] if entry.note else []
        subject = _subject(entry)
        if entry.subject_b and (output.full or entry.subject_b.rpartition("/")[2] != entry.subject.rpartition("/")[2]):
            notes.append(f"{here(entry.subject_b)} on side B")
        facts[subject, "; ".join(notes)].append(_fact(entry, output))
    return [
        Text(clean(f"{subject}  {'; '.join(told)}")).append(clean(f"  ({note})") if note else "", style="dim")
        for (subject, note), told in facts.items()
    ]


def _code_lines(entries: Iterable[Difference], output: Output) -> list[Text]:
    """Give code that changed in the same module in one line: one module changed, and every step that uses it."""
    steps: dict[str, list[str]] = defaultdict(list)
    alone = []
    for entry in entries:
        if entry.fact == "code digest" and entry.note:
            steps[entry.note].append(entry.subject)
        else:
            alone.append(entry)
    return _lines(alone, output) + [
        Text(clean(f"{note}: {', '.join(subjects[:_SHOWN])}")).append(
            f" and {len(subjects) - _SHOWN} more" if len(subjects) > _SHOWN else "", style="dim"
        )
        for note, subjects in steps.items()
    ]


def _subject(entry: Difference) -> str:
    return here(entry.subject) if entry.category in _DATA else entry.subject


def _fact(entry: Difference, output: Output) -> str:
    if entry.fact == "fields" and isinstance(entry.a, Mapping) and isinstance(entry.b, Mapping):
        return f"fields {_fields(entry.a, entry.b)}"
    if isinstance(entry.a, bool) and isinstance(entry.b, bool) and entry.fact in ("ran", "applied", "used"):
        return f"{entry.fact} in {'A' if entry.a else 'B'} alone"
    name = "" if entry.fact in ("value", "distribution") else f"{entry.fact} "
    change = f"{name}{_value(entry.a, output)} -> {_value(entry.b, output)}"
    numbers = [entry.a, entry.b]
    if entry.category == "metrics" and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in numbers
    ):
        change += f" ({entry.b - entry.a:+.4g})"
    return change


def _fields(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    parts = [f"+{name}" for name in b if name not in a] + [f"-{name}" for name in a if name not in b]
    parts += [f"{name} {a[name]} -> {b[name]}" for name in a if name in b and a[name] != b[name]]
    return ", ".join(parts) or "in another order"


def _value(value: Any, output: Output) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, str):
        if ":" in value and len(value.rpartition(":")[2]) == 64:
            return short_digest(value, output)
        text = value
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        shown = value if output.full else value[:3]
        text = ", ".join(_value(one, output) for one in shown) + (" ..." if len(shown) < len(value) else "")
    elif isinstance(value, Mapping) and set(value) <= {"type", "digest"}:
        text = f"<{value.get('type')} {short_digest(value.get('digest'), output)}>"
    else:
        text = json.dumps(value)
    return text if output.full or len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _print_used(compared: Compared, output: Output) -> None:
    """Print time and memory of the root runs, of all steps where all is asked for."""
    steps: dict[str, list[Difference]] = defaultdict(list)
    for entry in compared.used:
        steps[entry.subject].append(entry)
    roots = {row.job.name for row in compared.a.roots}
    shown = [name for name in steps if output.full or name in roots]
    if shown:
        output.line("Time and memory: no change by themselves", style="bold")
    for name in shown:
        for where, side in (
            ("A", {one.fact: one.a for one in steps[name]}),
            ("B", {one.fact: one.b for one in steps[name]}),
        ):
            output.line(f"  {clean(name)}  {where}  {usage(side)}", style="dim")


def _print_unknown(entries: Sequence[Difference], output: Output) -> None:
    """Print what cannot be compared, by reason."""
    if not entries:
        return
    output.line(f"Not comparable: {counted(len(entries), 'fact')}", style="bold")
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in entries:
        groups[entry.note or "", f"{_WORDS.get(entry.category, entry.category)}, {entry.fact}"].append(entry.subject)
    for (why, what), subjects in groups.items():
        shown = subjects if output.full else subjects[:3]
        more = f" and {len(subjects) - len(shown)} more" if len(shown) < len(subjects) else ""
        output.line(f"  {what} of {', '.join(map(here, shown))}{more}: {why}", style=GAP)
