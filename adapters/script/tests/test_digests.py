"""Files that are too large for a step to wait for: the collector takes their digests, once, where they are still the same."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.operations.digests import Digested, take_digests
from orchestrail.queries.runs import runs
from orchestrail.queries.snapshot import snapshot
from orchestrail.settings import Settings
from orchestrail.testing import schema_problems

Run = Callable[..., Any]
LIMIT = "1000"
BIG = 20_000_000  # far above what the store and modules that are imported take while bytes are counted
COMMAND = str(Path(sys.executable).with_name("orchestrail"))

PROGRAM = """
    @audited
    def main():
        data = Path("big.bin").read_bytes()
        Path("copy.bin").write_bytes(data)
        Path("small.bin").write_bytes(data[:10])

    main()
"""


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A file above the bound, not changed of late."""
    file = tmp_path / "big.bin"
    file.write_bytes(os.urandom(BIG))
    os.utime(file, (1_600_000_000, 1_600_000_000))
    return file


class Record:
    """The record that a program left."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        self.store = open_record(self.settings, create=True)
        collect(self.settings, self.store)

    def take(self, **settings: Any) -> Digested:
        """Take the digests."""
        return take_digests(self.settings.model_copy(update=settings), self.store)

    def datasets(self, job: str = "program.main") -> dict[str, Any]:
        """Give the data sets of the newest run of a job by their short names."""
        with snapshot(self.store) as connection:
            found = next(row for row in runs(connection) if row.job.name == job)
        return {Path(use.dataset.name).name: use.dataset for use in (*found.inputs, *found.outputs)}


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def bytes_read() -> int:
    """What this process has read, as the kernel counts it."""
    return int(Path("/proc/self/io").read_text().split()[1])


def command(outcome: Any, *arguments: str) -> Any:
    environment = os.environ | {"ORCHESTRAIL_HOME": str(outcome.home)}
    done = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_collector_takes_the_digest(run: Run, big: Path) -> None:
    """The step leaves it, with what tells the file; afterwards show and trace have it, and say how it came about."""
    outcome = run(PROGRAM, ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    (_, end) = outcome.of("program.main")[-1]
    facet = end["inputs"][0]["facets"]["orchestrail_dataset"]
    about = big.stat()
    assert (facet["digest"], facet["weak"]) == (None, "larger than 1000 bytes")
    assert facet["seen"] == f"{about.st_ino}:{about.st_mtime_ns}"
    assert facet["bytes"] == BIG
    whole = sha256(big.read_bytes())
    shown = command(outcome, "show", "--json", end["run"]["runId"])["root"]
    used = [*shown["inputs"], *shown["outputs"]]
    assert {Path(one["name"]).name: (one["digest"], one["observed"], one["weak"]) for one in used} == {
        "big.bin": (whole, "at_collect", None),
        "copy.bin": (whole, "at_collect", None),
        "small.bin": (sha256(big.read_bytes()[:10]), "at_write", None),
    }
    traced = command(outcome, "trace", "--json", str(big.with_name("copy.bin")))
    assert traced["target"]["digest"] == whole
    events = [json.loads(record.body) for record in Record(outcome.home).store.records() if record.body]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "OTHER", "OTHER"]
    for event in events:
        assert schema_problems(event) == []
    raw = events[1]["inputs"][0]["facets"]["orchestrail_dataset"]
    assert raw["digest"] is None, "what the step recorded stays as it was"


def test_an_unchanged_file_is_digested_once(run: Run, big: Path) -> None:
    """By the kernel's count of bytes read: the first time it is read through, never again, whoever uses it and asks."""
    outcome = run(PROGRAM, ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    record = Record(outcome.home)
    before = bytes_read()
    assert record.take() == Digested(2, 2 * BIG, 0)
    assert bytes_read() - before >= 2 * BIG
    before = bytes_read()
    assert record.take() == Digested(0, 0, 0)
    assert bytes_read() - before < BIG
    run(PROGRAM.replace("copy.bin", "other.bin"), ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    again = Record(outcome.home)
    before = bytes_read()
    assert again.take() == Digested(2, BIG, 0), "only what is new is read"
    assert BIG <= bytes_read() - before < 2 * BIG
    assert again.datasets()["big.bin"].digest == sha256(big.read_bytes())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("Path('big.bin').unlink()", "gone before the collector took its digest"),
        ("Path('big.bin').write_bytes(b'x' * 5000)", "changed before the collector took its digest"),
        ("open('big.bin', 'ab').write(b'x')", "changed before the collector took its digest"),
        ("os.utime('big.bin')", "changed before the collector took its digest"),
        ("os.replace('copy.bin', 'big.bin')", "changed before the collector took its digest"),
    ],
)
def test_a_file_that_is_gone_or_changed_is_told(run: Run, big: Path, change: str, reason: str) -> None:
    """No digest is guessed, and it is settled: nobody asks again."""
    outcome = run(PROGRAM + f"\n    {change}\n", ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    record = Record(outcome.home)
    assert record.take().settled == 2
    found = record.datasets()["big.bin"]
    assert (found.digest, found.weak, found.observed) == (None, reason, "at_collect")
    assert record.take() == Digested(0, 0, 0)
    assert big.parent == outcome.home.parent


def test_a_file_that_changes_while_it_is_digested_is_told(run: Run, big: Path) -> None:
    """What is read is then neither the one nor the other."""
    outcome = run(PROGRAM, ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    record = Record(outcome.home)
    touched = []

    def touch(done: int, total: int) -> None:
        if not touched:
            touched.append(done)
            with big.open("ab") as file:
                file.write(b"more")

    take_digests(record.settings, record.store, touch)
    found = record.datasets()["big.bin"]
    assert (found.digest, found.weak) == (None, "changed before the collector took its digest")


def test_what_is_read_at_one_time_is_bounded(run: Run, big: Path) -> None:
    """The next collection goes on; what is larger than the bound is told."""
    outcome = run(PROGRAM, ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    record = Record(outcome.home)
    assert record.take(collect_max_bytes=BIG) == Digested(1, BIG, 1)
    assert record.take(collect_max_bytes=BIG) == Digested(1, BIG, 0)
    run(PROGRAM.replace("copy", "again"), ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    record = Record(outcome.home)
    record.take(collect_max_bytes=10)
    assert record.datasets()["again.bin"].weak == "larger than 10 bytes"
    assert record.datasets()["big.bin"].digest == sha256(big.read_bytes()), "known from before"


def test_a_sparse_file_is_not_read_on_the_hosts_path(run: Run, tmp_path: Path) -> None:
    """Ten gigabytes that take no room: the step has ended long before they could be read."""
    outcome = run("""
    @audited
    def main():
        with open("sparse.bin", "wb") as file:
            file.truncate(10 << 30)
        with open("sparse.bin", "rb") as file:
            file.read(10)

    before = int(open("/proc/self/io").read().split()[1])
    main()
    print(int(open("/proc/self/io").read().split()[1]) - before < 100_000_000)
    """)
    assert outcome.stdout == "True\n"
    (_, end) = outcome.of("program.main")[-1]
    facet = end["outputs"][0]["facets"]["orchestrail_dataset"]
    assert (facet["digest"], facet["weak"], facet["bytes"]) == (None, "larger than 256 MB", 10 << 30)


def test_a_collector_that_is_killed_loses_nothing(run: Run, tmp_path: Path) -> None:
    """What it had settled stays; the next one does the rest."""
    outcome = run("""
    for number in range(8):
        with open(f"{number}.bin", "wb") as file:
            file.truncate(400 << 20)

    @audited
    def main():
        for number in range(8):
            open(f"{number}.bin", "rb").read(1)

    main()
    """)
    record = Record(outcome.home)
    environment = os.environ | {"ORCHESTRAIL_HOME": str(outcome.home)}
    process = subprocess.Popen(
        [COMMAND, "collect"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    size = record.store.size()
    while record.store.size() < size + 2:
        assert process.poll() is None or record.store.size() >= size + 2
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    settled = record.store.size() - size
    rest = record.take()
    assert (rest.settled, rest.left) == (8 - settled, 0)
    assert all(found.digest and found.observed == "at_collect" for found in record.datasets().values())


def test_files_of_another_machine_wait(run: Run, big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are gone cannot be told from here: nothing is concluded."""
    outcome = run(PROGRAM, ORCHESTRAIL_DIGEST_MAX_BYTES=LIMIT)
    record = Record(outcome.home)
    from orchestrail.operations import digests

    elsewhere = replace(digests.this_process(), host="elsewhere")
    monkeypatch.setattr(digests, "this_process", lambda: elsewhere)
    assert record.take() == Digested(0, 0, 2)
    assert record.datasets()["big.bin"].weak == "larger than 1000 bytes"
    problems = command(outcome, "doctor", "--json", "--no-collect")["problems"]
    assert [one["code"] for one in problems] == ["digests-waiting"]
    assert str(big) in problems[0]["what"]
