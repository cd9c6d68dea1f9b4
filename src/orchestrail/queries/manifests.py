"""The manifest that is in force: what people state about their systems, as it was put on the record the last time."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from orchestrail.manifest import FieldClass, Manifest, NotApplicable, Pipeline, StatedPolicy, System
from orchestrail.projections import tables
from orchestrail.projections.rows import ManifestRow
from orchestrail.queries.restriction import systems_seen

__all__ = [
    "FieldClass", "Manifest", "ManifestRow", "NotApplicable", "Pipeline", "StatedPolicy", "System",
    "manifest_in_force",
]  # fmt: skip


def manifest_in_force(connection: Connection) -> ManifestRow | None:
    """Give the manifest that was recorded last; None where none was. Who may see some systems alone gets what it says of these."""
    newest = select(tables.manifest).order_by(tables.manifest.c.seq.desc()).limit(1)
    columns = connection.execute(newest).mappings().first()
    if columns is None:
        return None
    row, systems = tables.manifest_row(columns), systems_seen(connection)
    if systems is None:
        return row
    said = row.manifest.of_systems(systems)
    return replace(row, manifest=said, digest=said.digest)
