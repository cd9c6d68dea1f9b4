"""`orchestrail trace TARGET`: everything that produced something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer
from rich.text import Text

from orchestrail.cli.drawing import Node, draw
from orchestrail.cli.options import Full, Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.others import print_others
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import reading, settings_of
from orchestrail.cli.runs import print_beginnings
from orchestrail.cli.words import GAP, dataset_text, facts, heading, job_name, orchestrator, short_id, state_mark
from orchestrail.queries import RunRow
from orchestrail.queries.beginnings import beginnings
from orchestrail.queries.documents import beginnings_document, trace_document
from orchestrail.queries.loading import Edge, dataset_key, is_in_memory
from orchestrail.queries.mapped import siblings
from orchestrail.queries.meetings import Others, others_of
from orchestrail.queries.origin import readers_of
from orchestrail.queries.targets import find_target
from orchestrail.queries.trace import NOT_CAPTURED, UNCHANGED, Trace
from orchestrail.queries.trace import trace as find_trace


def trace(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A file, a sha256:... digest, a data set or a RUN.")],
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show everything that produced a file or a run.

    TARGET is followed back through the runs that wrote it and what they read, across orchestrators, to outside sources.
    """
    output = Output(as_json=as_json, zone=zone, full=full)
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        traced = find_trace(record, find_target(record, target))
        readers = readers_of(record, traced.target.dataset)
        others = others_of(record, traced.target)
        begins = beginnings(record)
    if as_json:
        output.document(trace_document(traced, readers, others) | beginnings_document(begins))
    else:
        print_trace(traced, readers, others, output)
        if traced.sources or traced.missing:
            print_beginnings(begins, output)


def print_trace(traced: Trace, readers: Sequence[tuple[str, str]], others: Others, output: Output) -> None:
    """Print a trace: the way back as a tree, what else the name stood for, then what it went through and where it ends."""
    picture = _Picture(traced, readers, output)
    draw(picture.top(), output)
    if others.contents and traced.target.dataset is not None:
        print_others(others, traced.target.dataset, "give the digest of one to trace it", output)
    _print_processes(traced, output)
    _print_ends(traced, output)


def _print_processes(traced: Trace, output: Output) -> None:
    roots = [row for row in traced.runs if row.parent_run_id is None or row.run_id == row.root_run_id]
    if roots:
        output.line()
        output.line("Root runs", style="bold")
    for row in roots:
        line = Text("  ").append(heading(row, output)).append(f"  {orchestrator(row)}  {output.time(row.started_at)}")
        output.line(line)


def _print_ends(traced: Trace, output: Output) -> None:
    sources = traced.sources
    if sources:
        output.line()
        output.line("Sources: no recorded run wrote them", style="bold")
    for source in sources:
        line = Text("  ").append(dataset_text(source.dataset, output))
        output.line(line.append(f"  {source.note}", style=GAP) if source.note else line)
    counts = {
        "handed on in memory, not captured": sum(1 for edge in traced.edges if not edge.captured),
        "unproven, by name only": len(traced.unproven),
        "digest weak": sum(1 for found in traced.datasets.values() if found.dataset.weak),
        "named by others, not recorded": len(traced.missing),
    }
    if any(counts.values()):
        output.line()
        output.line("Gaps", style="bold")
    for what, count in counts.items():
        if count:
            output.line(f"  {what}: {count}", style=GAP)


@dataclass(slots=True)
class _Picture:
    """The tree of a trace in the making: each run is drawn once, in full, where it is met first."""

    traced: Trace
    readers: Sequence[tuple[str, str]]
    output: Output
    rows: dict[str, RunRow] = field(default_factory=dict)
    apart: dict[str, str] = field(default_factory=dict)
    leading: dict[str, list[Edge]] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rows = {row.run_id: row for row in self.traced.runs}
        self.apart = siblings(self.traced.runs, whole=False)
        leading = defaultdict(list)
        for edge in self.traced.edges:
            leading[edge.end].append(edge)
        self.leading = dict(leading)

    def top(self) -> Node:
        """Draw everything, from the target back. Not by recursion: a chain of runs may be long."""
        target = self.traced.target
        waiting: list[tuple[Node, str]] = []
        if target.run is not None:
            top = Node(Text())
            waiting.append((top, target.run.run_id))
        elif target.dataset is not None:
            top = self._dataset(dataset_key(target.dataset), waiting)
            top.details += self._about_target()
        else:
            raise ValueError("a target is a run or a data set")
        while waiting:
            node, run_id = waiting.pop()
            behind: list[tuple[Node, str]] = []
            self._run(node, run_id, behind)
            # In the order of drawing, so that what is drawn once is drawn where it is met first.
            waiting += reversed(behind)
        return top

    def _about_target(self) -> list[tuple[str, Text]]:
        target = self.traced.target
        found = self.traced.datasets.get(dataset_key(target.dataset)) if target.dataset else None
        details = []
        if found and found.writer is None:
            details.append(("source", Text("recorded runs read it; none wrote it", style=GAP)))
            details += [
                ("read by", Text(f"{clean(name)} {short_id(run_id, self.output)}")) for run_id, name in self.readers
            ]
        return details

    def _named(self, run_id: str) -> str:
        row = self.rows.get(run_id)
        name = self._job(row) if row else "run"
        return f"{name} {short_id(run_id, self.output)}"

    def _job(self, row: RunRow) -> str:
        return job_name(row, self.output, apart=self.apart.get(row.run_id))

    def _others(self, run_ids: Sequence[str]) -> str:
        if len(run_ids) > 1 and not self.output.full:
            return f"{len(run_ids)} other runs: the same contents"
        return f"{', '.join(self._named(run_id) for run_id in run_ids)}: the same contents"

    def _dataset(self, key: str, waiting: list[tuple[Node, str]]) -> Node:
        """Draw a data set, with the run that wrote it below its name."""
        found = self.traced.datasets[key]
        node = Node(dataset_text(found.dataset, self.output))
        gap = found.writer is None and is_in_memory(found.dataset)
        if found.note and not gap:
            node.details.append(("note", Text(found.note, style=GAP)))
        if found.others:
            node.details.append(("also by", Text(self._others(found.others), style="dim")))
        for run_id in found.passed:
            node.details += self._through(run_id)
        if found.writer is None:
            if gap:
                node.title.append(f"  {found.note}", style=GAP)
            elif key != (dataset_key(self.traced.target.dataset) if self.traced.target.dataset else None):
                node.title.append("  source", style="cyan")
            return node
        for edge in self.leading.get(key, ()):
            if edge.start == found.writer and edge.kind == "wrote":
                if edge.proof == "name":
                    node.title.append("  unproven: by name only", style=GAP)
                elif edge.proof == "version":
                    node.title.append("  proved by version", style="dim")
                if edge.note and edge.note != found.note:
                    node.details.append(("note", Text(clean(edge.note), style="dim")))
        waiting.append((node, found.writer))
        return node

    def _through(self, run_id: str) -> list[tuple[str, Text]]:
        """Tell of a run that was given a data set and gave it back as it was."""
        row = self.rows[run_id]
        line = heading(row, self.output, apart=self.apart.get(run_id)).append(f"  {UNCHANGED}", style="dim")
        return [("through", line), *(fact for fact in facts(row, self.output) if fact[0] == "prep")]

    def _run(self, node: Node, run_id: str, waiting: list[tuple[Node, str]]) -> None:
        """Draw a run into the node of what it made: its line, its facts, and below them what it came from."""
        row = self.rows.get(run_id)
        parent = self.rows.get(row.parent_run_id or "") if row else None
        if row is None:
            line = Text(f"run {short_id(run_id, self.output)} is not recorded", style=GAP)
        elif run_id in self.drawn:
            line = Text(f"{self._job(row)} ").append(state_mark(row.state)).append("  as above", style="dim")
        else:
            above = parent if not node.title.plain else None
            line = heading(row, self.output, above, self.apart.get(run_id))
            if parent is None or parent.orchestrator != row.orchestrator:
                line.append(f"  {orchestrator(row)}", style="dim")
        if node.title.plain:
            node.details.append(("by", line))
        else:
            node.title = line
        if row is None or run_id in self.drawn:
            return
        self.drawn.add(run_id)
        node.details += facts(row, self.output)
        for below in self._below(run_id):
            child = Node(Text())
            node.children.append(child)
            waiting.append((child, below))
        for edge in self.leading.get(run_id, ()):
            self._behind(node, edge, waiting)
        for above in self._above(row):
            self.passed.add(above.run_id)
            for edge in self.leading.get(above.run_id, ()):
                if edge.kind != "parent" and not edge.captured:
                    node.children.append(self._around(above, edge, waiting))

    def _around(self, above: RunRow, edge: Edge, waiting: list[tuple[Node, str]]) -> Node:
        """Draw what went into a run around the one that is drawn."""
        into = Text(f"{self._named(above.run_id)}, which encloses it", style="dim")
        if edge.kind == "read":
            child = self._dataset(edge.start, waiting)
            child.details.insert(0, ("read by", into))
        else:
            child = Node(Text(), [("before", into)])
            waiting.append((child, edge.start))
        child.details.insert(1, ("gap", Text("handed on in memory: not captured", style=GAP)))
        return child

    def _behind(self, node: Node, edge: Edge, waiting: list[tuple[Node, str]]) -> None:
        if edge.kind == "read" and (edge.captured or edge.note == NOT_CAPTURED):
            node.children.append(self._dataset(edge.start, waiting))
        elif edge.kind in ("after", "cached_from"):
            said = edge.note or ("its result was computed by" if edge.kind == "cached_from" else "after")
            child = Node(Text(said, style="" if edge.captured else GAP))
            node.children.append(child)
            waiting.append((child, edge.start))

    def _below(self, run_id: str) -> list[str]:
        """List the runs of the trace that ran in a run, in the order in which they began."""
        below = [row for row in self.traced.runs if row.parent_run_id == run_id]
        return [row.run_id for row in below if row.run_id not in self.drawn]

    def _above(self, row: RunRow) -> list[RunRow]:
        found: list[RunRow] = []
        while (above := self.rows.get(row.parent_run_id or "")) is not None and above not in found:
            found.append(above)
            row = above
        return [above for above in found if above.run_id not in self.drawn | self.passed]
