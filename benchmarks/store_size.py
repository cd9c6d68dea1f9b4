"""What a store takes on its disk, by what is in it, against the events alone: `python benchmarks/store_size.py sqlite:///audit.db`.

Takes the URL of a store that is there, of either engine, and only reads it. Without one a small record is made, which measures
nothing but that it works.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from ingest import batches
from measuring import document, tell

from orchestrail.store import open_store
from orchestrail.store.connect import open_reader
from orchestrail.store.schema import PROJECTION_PREFIX

PARTS = (
    "payloads: events and their nonces",
    "log: envelopes and leaves",
    "indexes of both by event id",
    "tiles of the tree",
    "projections",
    "indexes of projections",
    "the rest",
)
TABLES = {"payload": PARTS[0], "log": PARTS[1], "tile": PARTS[3]}
BAR = 0.5


def part(table: str, *, index: bool) -> str:
    """Name the part of a store that a table or one of its indexes belongs to."""
    if table.startswith(PROJECTION_PREFIX):
        return PARTS[5 if index else 4]
    return PARTS[2] if index and table in ("log", "payload") else TABLES.get(table, PARTS[6])


def of_sqlite(path: Path) -> tuple[int, int, Iterable[tuple[str, bool, int]]]:
    """Give the events, their bytes, and table, whether it is an index, and bytes of everything in a file."""
    with closing(open_reader(path)) as connection:
        events, raw = connection.execute("SELECT count(*), sum(length(body)) FROM payload").fetchone()
        query = (
            "SELECT coalesce(tbl_name, name), type IS 'index', sum(pgsize)"
            " FROM dbstat LEFT JOIN sqlite_master USING (name) GROUP BY name"
        )
        try:
            return events, raw, connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            raise SystemExit(f"This SQLite does not tell sizes: {error}. It has to be built with dbstat.") from error


def of_postgresql(url: str) -> tuple[int, int, Iterable[tuple[str, bool, int]]]:
    """Give the same of a database; what lies beside a table for its long values counts as the table."""
    from orchestrail.store.server import Server

    with Server(url).connect() as connection:
        events, raw = connection.execute("SELECT count(*), sum(octet_length(body))::bigint FROM payload").fetchone()
        query = (
            "SELECT relname, number = 1, CASE number WHEN 1 THEN pg_indexes_size(oid) ELSE pg_table_size(oid) END"
            " FROM pg_class, generate_series(0, 1) AS number WHERE relkind = 'r' AND relnamespace = 'orchestrail'::regnamespace"
        )
        return events, raw, connection.execute(query).fetchall()


def main() -> None:
    """Measure once."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("store", nargs="?", help="URL of a store")
    options.add_argument("--keep", type=Path, help="page to write the result into")
    given = options.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orchestrail-size-") as name:
        store = given.store or f"sqlite:///{name}/audit.db"
        if given.store is None:
            with open_store(store, home=Path(name), create=True) as made:
                for batch in batches(4, 100):
                    made.append(batch)
        path = store.removeprefix("sqlite:///")
        events, raw, found = of_sqlite(Path(path)) if path != store else of_postgresql(store)
    sizes = Counter(dict.fromkeys(PARTS, 0))
    for table, index, size in found:
        sizes[part(table, index=bool(index))] += size
    total = sizes.total()
    result = document("store_size", ["orchestrail"], {"events": events}, load)
    result["results"] = {"raw_bytes": raw, "bytes": dict(sizes), "ratio": round(total / raw, 3)}
    rows = [
        ("part", "MB", "of the events' bytes", "bar"),
        ("the events alone", f"{raw / 1e6:,.0f}", "1.00", ""),
        *((name, f"{size / 1e6:,.0f}", f"{size / raw:.2f}", "") for name, size in sizes.items()),
        ("all of the store", f"{total / 1e6:,.0f}", f"{total / raw:.2f}", f"{BAR}"),
    ]
    tell(result, f"A store of {events:,} events of {raw / events:,.0f} bytes on average.", rows, given.keep)


if __name__ == "__main__":
    main()
