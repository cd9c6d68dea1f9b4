"""The schema of a store in PostgreSQL: where it lives, what is in it, what should be. Its statements are in `migrations`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrail.store import schema

if TYPE_CHECKING:
    from orchestrail.store.session import Session

SCHEMA = "orchestrail"
"""The PostgreSQL schema that holds a store: one for each database."""

EXPECTED = Path(__file__).parent / "migrations" / "postgresql.json"
"""What `objects` gives for a new store. No server can be asked for it by somebody who may only read."""

_OBJECTS = {
    "table": (
        "SELECT c.relname, c.relkind::text || ' ' || coalesce(string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)"
        " || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || a.attidentity::text || a.attgenerated::text"
        " || coalesce(' collate ' || o.collname, '')"
        " || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), ', ' ORDER BY a.attnum), '')"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " LEFT JOIN pg_collation o ON o.oid = a.attcollation LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
        " WHERE n.nspname = ? AND c.relkind NOT IN ('i', 'I', 't', 'c') GROUP BY c.relname, c.relkind"
    ),
    "constraint": (
        "SELECT c.relname || '.' || k.conname, pg_get_constraintdef(k.oid, true)"
        " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ? AND k.contype <> 'n'"
    ),
    "index": (
        "SELECT t.relname || '.' || c.relname, pg_get_indexdef(c.oid, 0, true) FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ?"
    ),
    "trigger": (
        "SELECT c.relname || '.' || t.tgname, t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid, true)"
        " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ? AND NOT t.tgisinternal"
    ),
    "rule": (
        "SELECT c.relname || '.' || r.rulename, pg_get_ruledef(r.oid, true) FROM pg_rewrite r"
        " JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ?"
    ),
    "function": (
        "SELECT p.proname, l.lanname || ' ' || pg_get_function_identity_arguments(p.oid) || p.prosrc"
        " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang"
        " WHERE n.nspname = ?"
    ),
}


def exists(session: Session) -> bool:
    """Whether a database holds a store."""
    found: object = session.execute("SELECT to_regclass(?)", (f"{SCHEMA}.alembic_version",)).fetchone()[0]
    return found is not None


def version(session: Session) -> str | None:
    """Return the revision of a database, None where it has no store."""
    if not exists(session):
        return None
    row = session.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def objects(session: Session) -> dict[tuple[str, str], object]:
    """Describe every table, constraint, index, trigger, rule and function but the projections', by kind and name."""
    return {
        (kind, name): text
        for kind, query in _OBJECTS.items()
        for name, text in session.execute(query, (SCHEMA,))
        if not name.startswith(schema.PROJECTION_PREFIX)
    }


@cache
def expected_objects() -> dict[tuple[str, str], object]:
    """Return what `objects` gives for a new store."""
    return {(kind, name): text for kind, name, text in json.loads(EXPECTED.read_text(encoding="utf-8"))}


def described(found: dict[tuple[str, str], Any]) -> str:
    """Write what `objects` gave in the form of the file `EXPECTED`."""
    return json.dumps([[*key, found[key]] for key in sorted(found)], indent=1) + "\n"
