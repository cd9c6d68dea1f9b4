"""From the facets of what persons state, and of whose signatures count, to their rows: pure functions.

What breaks a rule is no record. Whether a signature is one, and whether a statement still stands, is asked when it is read: both
depend on what else is on the record by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrail.projections.rows import PersonsRow, StatementRow
from orchestrail.projections.values import objects, text
from orchestrail.statements.content import Unusable, content_of, signed_of
from orchestrail.statements.persons import person_of


def statement(facet: Mapping[str, Any], seq: int, received_at: str) -> StatementRow | None:
    """Read a facet; None where it states nothing that can be used."""
    try:
        signed = tuple(signed_of(one.get("keyid"), one.get("value")) for one in objects(facet.get("signatures")))
        return StatementRow(seq, received_at, content_of(facet), signed)
    except Unusable:
        return None


def persons(facet: Mapping[str, Any], seq: int, received_at: str) -> PersonsRow | None:
    """Read a facet; None where it names nobody, or one of the persons cannot be used."""
    said = {name: one for one in objects(facet.get("persons")) if (name := text(one.get("name")))}
    try:
        known = tuple(person_of(name, one) for name, one in sorted(said.items()))
    except Unusable:
        return None
    return PersonsRow(seq, received_at, known) if isinstance(facet.get("persons"), list) else None
