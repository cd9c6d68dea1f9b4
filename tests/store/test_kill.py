"""Processes that die at any moment, and processes that do the same thing at once: every event is in the log, once."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.operations.ship import ship
from orchestrail.operations.verify import verify
from orchestrail.settings import Settings
from orchestrail.transport.segments import segments
from orchestrail.transport.spool import Spool

FORK = multiprocessing.get_context("fork")
KILLS = 200
SEED = 20260301
EVENTS = 1001


def test_nothing_is_lost_or_doubled_by_killing(tmp_path):
    """200 kills of writers and collectors: what the spool had is in the log once, and every state in between verifies."""
    script = Path(__file__).parent / "kill_loop.py"
    done = subprocess.run(
        [sys.executable, script, tmp_path, *map(str, (KILLS, SEED, EVENTS))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result["events"] >= EVENTS
    assert result["failed"] == 0
    assert (result["lost"], result["doubled"], result["problems"]) == ([], [], [])
    # An event may be in the spool without its entry in the ledger: once for each life of a writer.
    assert result["surplus"] <= result["lives"]
    assert result["appended"] == result["events"] + result["surplus"]
    assert (result["left"], result["gaps"]) == (0, 0)
    assert set(result["quarantined"]) <= {"cut_off"}


def _spool(settings, made, start, stop, gate):
    gate.wait()
    spool = Spool(settings.spool)
    for number in range(start, stop):
        spool.append(made.event(number))
    spool.close()


def _collect(settings, gate, results):
    gate.wait()
    with open_record(settings, create=True) as store:
        for _ in range(5):
            result = collect(settings, store)
            results.put((result.appended, result.quarantined))


def _ship(settings, to, gate):
    gate.wait()
    for _ in range(10):
        ship(settings, to)


def run(processes):
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)


def test_collectors_at_once_share_the_work(tmp_path, made):
    """Three collectors and three writers at the same time: the log has each event once, and the counts add up to it."""
    settings = Settings(home=tmp_path / "home")
    gate, results = FORK.Barrier(6), FORK.SimpleQueue()
    writers = [FORK.Process(target=_spool, args=(settings, made, n * 400, n * 400 + 400, gate)) for n in range(3)]
    run(writers + [FORK.Process(target=_collect, args=(settings, gate, results)) for _ in range(3)])
    appended = sum(results.get()[0] for _ in range(15))
    with open_record(settings) as store:
        appended += collect(settings, store).appended
        bodies = [record.body for record in store.records()]
    assert appended == len(bodies) == 1200
    assert set(bodies) == {made.event(number) for number in range(1200)}
    assert segments(settings.spool) == []
    assert verify(settings).ok


def test_shipping_while_others_write_and_collect(tmp_path, made):
    """A spool that is shipped while it is written, into a folder that is collected meanwhile, arrives whole and once."""
    here, there = Settings(home=tmp_path / "here"), Settings(home=tmp_path / "there")
    gate, results = FORK.Barrier(4), FORK.SimpleQueue()
    writers = [FORK.Process(target=_spool, args=(here, made, n * 400, n * 400 + 400, gate)) for n in range(2)]
    shipper = FORK.Process(target=_ship, args=(here, there.spool, gate))
    run([*writers, shipper, FORK.Process(target=_collect, args=(there, gate, results))])
    ship(here, there.spool)
    with open_record(there) as store:
        result = collect(there, store)
        bodies = [record.body for record in store.records()]
    assert result.quarantined == 0
    assert sorted(bodies) == sorted(made.event(number) for number in range(800))
    assert segments(here.spool) == segments(there.spool) == []
    assert verify(there).ok
