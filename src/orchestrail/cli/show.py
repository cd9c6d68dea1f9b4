"""`orchestrail show RUN`: a root run rebuilt."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import typer
from rich.text import Text

from orchestrail.cli.drawing import Node, draw
from orchestrail.cli.options import Full, Home, Json, NoCollect, StoreUrl, TimeZone
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import reading, settings_of
from orchestrail.cli.runs import print_beginnings
from orchestrail.cli.words import (
    GAP,
    dataset_text,
    environment,
    facts,
    heading,
    job_name,
    orchestrator,
    short_digest,
    short_id,
)
from orchestrail.model import Capability
from orchestrail.queries import RunRow
from orchestrail.queries.beginnings import beginnings
from orchestrail.queries.documents import beginnings_document, shown_document
from orchestrail.queries.mapped import siblings
from orchestrail.queries.runs import find_run
from orchestrail.queries.show import Shown
from orchestrail.queries.show import show as rebuild


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run ID, a part of one, or the orchestrator's own id.")],
    as_json: Json = False,
    no_collect: NoCollect = False,
    zone: TimeZone = None,
    full: Full = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show a root run as a whole.

    Tree, steps, data, code, parameters and environment of the root run that RUN belongs to.
    """
    output = Output(as_json=as_json, zone=zone, full=full)
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        asked = find_run(record, run)
        shown = rebuild(record, asked)
        begins = beginnings(record)
    if as_json:
        output.document(shown_document(shown) | beginnings_document(begins))
    else:
        print_shown(shown, output, asked)
        known = {row.run_id for row in shown.runs}
        if any(row.parent_run_id and row.parent_run_id not in known for row in shown.runs):
            print_beginnings(begins, output)


def print_shown(shown: Shown, output: Output, asked: RunRow | None = None) -> None:
    """Print a root run as a tree."""
    rows = {row.run_id: row for row in shown.runs}
    waited = defaultdict(list)
    for edge in shown.edges:
        if edge.kind == "after" and not edge.captured:
            waited[edge.end].append(edge.start)
    apart = siblings(shown.runs)
    nodes: dict[str, Node] = {}
    for row in shown.runs:
        parent = rows.get(row.parent_run_id or "")
        node = nodes[row.run_id] = Node(heading(row, output, parent, apart.get(row.run_id)))
        if asked is not None and row.run_id == asked.run_id != shown.root.run_id:
            node.title.append("  <- asked for", style="cyan")
        if row.run_id == shown.root.run_id:
            node.details += _circumstances(row, output)
        elif parent is None or parent.orchestrator != row.orchestrator:
            node.details.append(("by", Text(orchestrator(row))))
        node.details += facts(row, output)
        node.details += _data(row, output)
        for run_id in waited[row.run_id]:
            name = "a run that is not recorded"
            if run_id in rows:
                name = job_name(rows[run_id], output, parent, apart.get(run_id))
            label = Text(f"{name} {short_id(run_id, output)}  ").append("handed on in memory: not captured", style=GAP)
            node.details.append(("after", label))
        if row.parent_run_id and parent is None:
            missing = f"its parent {short_id(row.parent_run_id, output)} is not recorded"
            node.details.append(("gap", Text(missing, style=GAP)))
    for run_id, children in shown.children.items():
        nodes[run_id].children += [nodes[child] for child in children if child != shown.root.run_id]
    draw(nodes[shown.root.run_id], output)


def _circumstances(row: RunRow, output: Output) -> list[tuple[str, Text]]:
    """Say of a root run where and for what it ran."""
    actor = short_digest(row.actor, output) if row.actor else None
    who = " ".join(f"{word} {value}" for word, value in (("triggered by", row.trigger), ("actor", actor)) if value)
    about = [
        f"{word} {value}"
        for word, value in (("system", row.system), ("environment", row.environment), ("mode", row.mode))
        if value
    ]
    details = [
        ("by", Text(f"{orchestrator(row)}  {clean(who)}".rstrip())),
        ("run", Text(clean(row.run_id))),
        ("started", Text(output.time(row.started_at, exact=True))),
    ]
    if about:
        details.append(("for", Text(clean(" · ".join(about)))))
    if row.tags:
        details.append(("tags", Text(clean(", ".join(row.tags)))))
    unseen = sorted(set(Capability) - set(row.capabilities)) if row.capabilities is not None else []
    if output.full and unseen:
        details.append(("unseen", Text(f"what this adapter does not see: {', '.join(unseen)}", style=GAP)))
    known = environment(row, output)
    details.append(("in", Text(known) if known else Text("environment unknown", style=GAP)))
    if row.stated_root_run_id not in (None, row.run_id):
        stated = f"its producer names {short_id(row.stated_root_run_id or '', output)} as its root"
        details.append(("root", Text(stated, style=GAP)))
    return details


def _data(row: RunRow, output: Output) -> list[tuple[str, Text]]:
    details = [("read", dataset_text(use.dataset, output)) for use in row.inputs]
    for use in row.outputs:
        text = dataset_text(use.dataset, output)
        if use.run_id != row.run_id:
            text.append("  from the cache, not written again", style=GAP)
        details.append(("wrote", text))
    return details
