"""What else a name stood for, beside the one content that an answer is of, which would pass for an answer about the name."""

from __future__ import annotations

from rich.text import Text

from orchestrail.cli.output import Output, clean
from orchestrail.cli.words import GAP, place, short_digest
from orchestrail.model import DatasetRef
from orchestrail.queries.meetings import Content, Others
from orchestrail.queries.words import counted

_SHOWN = 5


def print_others(others: Others, dataset: DatasetRef, ask: str, output: Output) -> None:
    """Print what else the name of a data set stood for.

    Args:
        others: what it was.
        dataset: what the answer is of.
        ask: says how to ask for them.
        output: where it goes.
    """
    number = f"more than {len(others.contents)}" if others.more else f"{len(others.contents)}"
    output.line()
    line = Text(f"Other contents of {place(dataset)}: {number}", style="bold")
    output.line(line.append(f"  this answer is not of them; {ask}", style=GAP))
    shown = others.contents if output.full else others.contents[:_SHOWN]
    for each in shown:
        output.line(Text("  ").append_text(_content(each, output)))
    if len(shown) < len(others.contents):
        output.line("  ... and more: --full lists them", style="dim")


def _content(content: Content, output: Output) -> Text:
    parts = []
    if content.digest:
        parts.append(f"sha256:{short_digest(content.digest, output).removeprefix('sha256:')}")
    if content.version:
        parts.append(f"version {clean(content.version)}")
    text = Text("  ".join(parts)) if parts else Text("by name only", style=GAP)
    uses = f"written by {counted(content.written, 'run')}, read by {counted(content.read, 'run')}"
    return text.append(f"  {uses}, first {output.time(content.at)}", style="dim")
