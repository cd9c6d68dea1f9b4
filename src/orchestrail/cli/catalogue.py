"""How commands tell in what a catalogue differs from the one that comes with orchestrail. No command lives here."""

from __future__ import annotations

from orchestrail.cli.output import Output, clean
from orchestrail.requirements.catalogue import Catalogue

_WORDS = {
    "left_out": "left out",
    "loosened": "loosened",
    "tightened": "tightened",
    "added": "added",
    "limit": "limit",
    "not_read": "not read",
}


def print_changes(catalogue: Catalogue, output: Output) -> None:
    """Print all changes; nothing where there are none."""
    for change in catalogue.changes:
        said_by = f" ({change.source})" if change.source else ""
        output.line(f"  {_WORDS[change.kind]}: {clean(change.requirement)}, {clean(change.detail)}{clean(said_by)}")
