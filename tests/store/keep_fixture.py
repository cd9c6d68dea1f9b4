"""Keeps a small log of the present schema for later versions to verify: FOLDER. `nox -s keep_store` runs it when the schema rises.

It holds what a log can: a full tile, events from a spool and of other producers, a gap, quarantine, and an entry of it that was
resolved. The signing key is thrown away.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from orchestrail.store import open_store, schema
from orchestrail.store.base import Incoming
from orchestrail.store.merkle import TILE_WIDTH
from orchestrail.testing.stores import event, foreign, spooled


def main(folder: Path) -> None:
    home = Path(tempfile.mkdtemp())
    try:
        with open_store(f"sqlite:///{home / 'audit.db'}", home=home, create=True) as store:
            store.append([spooled(number) for number in range(TILE_WIDTH)])
            store.append([foreign(1000), spooled(1001)])
            store.quarantine(b"\x00 no event", "not_json", "Not JSON.", "a: line 1")
            store.quarantine(event(1002), "not_openlineage", "By the rules of then.", "a: line 2")
            store.resolve(2, Incoming(event(1002), "a"))
            head, gaps = store.checkpoint(), [list(gap.missing) for gap in store.gaps()]
        with closing(sqlite3.connect(home / "audit.db")) as connection:
            dump = "\n".join(connection.iterdump()).encode()
        kept = folder / schema.HEAD
        kept.mkdir(parents=True)
        (kept / "audit.sql.gz").write_bytes(gzip.compress(dump, mtime=0))
        (public,) = (home / "keys").glob("*.pub")
        shutil.copy(public, kept)
        said = {"size": head.size, "root_hash": head.root_hash.hex(), "gaps": gaps}
        (kept / "said.json").write_text(json.dumps(said, indent=2) + "\n")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
