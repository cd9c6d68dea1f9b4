"""`orchestrail sweep`: closes runs whose process died."""

from __future__ import annotations

from rich.text import Text

from orchestrail.cli.options import Full, Home, Json, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import collecting, settings_of
from orchestrail.cli.words import heading
from orchestrail.operations.sweep import sweep as close_dead
from orchestrail.queries.documents import run_document
from orchestrail.queries.loading import load_runs
from orchestrail.queries.snapshot import snapshot
from orchestrail.queries.words import counted


def sweep(as_json: Json = False, full: Full = False, home: Home = None, store: StoreUrl = None) -> None:
    """Close runs whose process died.

    As ABORT, marked as concluded. Runs that live, or that their orchestrator ends, stay open.
    """
    output = Output(as_json=as_json, full=full)
    settings = settings_of(home, store)
    opened = collecting(settings)
    swept = close_dead(settings, opened, output.progress("collecting segments"))
    with snapshot(opened) as record:
        closed = list(load_runs(record, swept.closed).values())
    if as_json:
        output.document({"closed": [run_document(row) for row in closed], "left_open": list(swept.left_open)})
        return
    output.line(f"{counted(len(closed), 'run')} closed; {counted(len(swept.left_open), 'stays', 'stay')} open.")
    for row in closed:
        reason = next((end.reason for end in row.ends if end.inferred and end.reason), "")
        output.line(Text("  ").append(heading(row, output)).append(f"  {reason}"))
