"""Kills writers and collectors at random moments and prints what is left, as JSON. Run by test_kill.py; by hand: see `main`.

Everything is imported once, here; the victims are forked, so that their lives are spent on what shall be interrupted.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.operations.verify import verify
from orchestrail.settings import Settings
from orchestrail.store import schema
from orchestrail.testing.stores import quarantined
from orchestrail.transport.segments import segments
from orchestrail.transport.spool import Spool

MAKING = 20
"""Kills during the making of a store; the rest hit a store at work."""


def event(key: str) -> bytes:
    values = {
        "eventTime": "2026-03-01T12:00:00.000000Z",
        "eventType": "START",
        "producer": "urn:test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "01960000-0000-7000-8000-000000000000"},
        "job": {"namespace": "kill", "name": key},
    }
    return json.dumps(values).encode()


def write(settings: Settings, ledger: Path, life: int) -> None:
    """Append events for ever; each is entered into the ledger once the spool has it."""
    spool = Spool(settings.spool)
    entered = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in itertools.count():
        key = f"{life}-{number}"
        spool.append(event(key))
        os.write(entered, f"{key}\n".encode())
        if number % 10 == 9:
            time.sleep(0.004)


def take(settings: Settings) -> None:
    """Collect for ever."""
    store = open_record(settings, create=True)
    while True:
        collect(settings, store)


def forked(work, *values) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work(*values)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def kill(child: int) -> bool:
    """Kill a child; False where it had failed by itself."""
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def main(folder: Path, kills: int, seed: int, least: int) -> dict[str, object]:
    rng = random.Random(seed)
    schema.expected_objects()  # imports alembic once
    failed = 0
    bad: list[str] = []
    for number in range(MAKING):
        settings = Settings(home=folder / f"making-{number}")
        child = forked(take, settings)
        time.sleep(rng.uniform(0, 0.15))
        failed += not kill(child)
        with open_record(settings, create=True):
            bad += map(str, verify(settings).problems)
    settings = Settings(home=folder / "home")
    ledger = folder / "ledger"
    writer, collector = forked(write, settings, ledger, 0), forked(take, settings)
    lives = 1
    for number in range(kills - MAKING):
        time.sleep(rng.uniform(0, 0.06))
        if rng.random() < 0.5:
            failed += not kill(writer)
            writer = forked(write, settings, ledger, lives)
            lives += 1
        else:
            failed += not kill(collector)
            collector = forked(take, settings)
        if number % 30 == 29 and (settings.home / "audit.db").exists():
            bad += map(str, verify(settings).problems)
    # On a busy machine so many lives may have been short.
    while ledger.read_bytes().count(b"\n") < least and os.waitpid(writer, os.WNOHANG) == (0, 0):
        time.sleep(0.01)
    for child in (writer, collector):
        failed += not kill(child)
    with open_record(settings, create=True) as store:
        collect(settings, store)
        found = Counter(json.loads(record.body)["job"]["name"] for record in store.records())
        entered = ledger.read_text().split()
        result = verify(settings)
        return {
            "events": len(entered),
            "appended": result.size,
            "lives": lives,
            "lost": [key for key in entered if key not in found],
            "doubled": [key for key, times in found.items() if times > 1],
            "surplus": len(found.keys() - set(entered)),
            "left": len(segments(settings.spool)),
            "gaps": len(store.gaps()),
            "quarantined": sorted({entry.reason_code for entry in quarantined(store)}),
            "failed": failed,
            "problems": bad + list(map(str, result.problems)),
        }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
