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
    "bundles: events, nonces and envelopes",
    "log: event ids and leaves",
    "its index by event id",
    "tiles of the tree",
    "projections",
    "indexes of projections",
    "the rest",
)
TABLES = {"bundle": PARTS[0], "recent": PARTS[0], "log": PARTS[1], "tile": PARTS[3]}
BAR = 0.5


def part(table: str, *, index: bool) -> str:
    """Name the part of a store that a table or one of its indexes belongs to."""
    if table.startswith(PROJECTION_PREFIX):
        return PARTS[5 if index else 4]
    return PARTS[2] if index and table == "log" else TABLES.get(table, PARTS[6])


def of_sqlite(path: Path) -> Iterable[tuple[str, bool, int]]:
    """Give table, whether it is an index, and bytes of everything in a file."""
    with closing(open_reader(path)) as connection:
        query = (
            "SELECT coalesce(tbl_name, name), type IS 'index', sum(pgsize)"
            " FROM dbstat LEFT JOIN sqlite_master USING (name) GROUP BY name"
        )
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            raise SystemExit(f"This SQLite does not tell sizes: {error}. It has to be built with dbstat.") from error


def of_postgresql(url: str) -> Iterable[tuple[str, bool, int]]:
    """Give the same of a database; what lies beside a table for its long values counts as the table."""
    from orchestrail.store.server import Server

    with Server(url).connect() as connection:
        query = (
            "SELECT relname, number = 1, CASE number WHEN 1 THEN pg_indexes_size(oid) ELSE pg_table_size(oid) END"
            " FROM pg_class, generate_series(0, 1) AS number WHERE relkind = 'r' AND relnamespace = 'orchestrail'::regnamespace"
        )
        return connection.execute(query).fetchall()


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
        found = of_sqlite(Path(path)) if path != store else of_postgresql(store)
        events = raw = 0
        with open_store(store, home=Path(name)) as read:
            for record in read.records():
                events, raw = events + 1, raw + len(record.body or b"")
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
