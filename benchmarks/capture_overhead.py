"""What capture costs: the example with and without the decorator, an `open` and other calls that are watched, digests.

Run it in an environment that holds Prefect, `orchestrail-prefect` and the libraries of the group `example`:

    python benchmarks/capture_overhead.py [--pairs 15] [--calls 2000] [--megabytes 256] [--keep FILE]

Text goes to standard error, one JSON document to standard output. What is held against each other is measured in pairs, in turn, in
one process. A call is measured within a run against the same call outside one, where the interpreter's audit hook, which cannot be
taken off, reads one context variable; a call before that hook is there is measured once for comparison. Digests are held against
`openssl dgst -sha256` on the same file. What the kernel counts tells how much of unchanged files is read a second time.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from measuring import compare, document, tell
from prefect_overhead import prefect_environment, prefect_server

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "mortgage"
DISTRIBUTIONS = ("orchestrail", "orchestrail-prefect", "prefect", "pandas", "scikit-learn")
FILES = 100
"""Files of the second pass."""
SETTLED = 2.1
"""Seconds after which the digest of a file is remembered: a change within two may leave its times as they are."""

Call = Callable[[], object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=15, help="pairs of each comparison")
    parser.add_argument("--calls", type=int, default=2000, help="calls in one measurement")
    parser.add_argument("--megabytes", type=int, default=256, help="size of the file that is digested")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    parser.add_argument("--keep", type=Path, help="Markdown file to put the result into")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orchestrail-bench-") as made:
        folder = Path(made)
        prefect_environment(folder)
        again = _files(folder / "again", FILES, b"again" * 20_000)
        calls = _calls(folder, options.calls, options.pairs, options.seed)
        digests = _digests(folder, options.megabytes, options.pairs, options.seed)
        second = _second_pass(again)
        example = _example(folder, options.pairs, options.seed)
    settings = {"pairs": options.pairs, "calls": options.calls, "megabytes": options.megabytes, "seed": options.seed}
    said = document("capture_overhead", DISTRIBUTIONS, settings, load) | {
        "example_milliseconds": example,
        "call_microseconds": calls,
        "digest_megabytes_per_second": digests,
        "bytes_read": second,
    }
    tell(said, f"{options.pairs} pairs of each comparison.", _rows(example, calls, digests, second), options.keep)
    return 0


def _rows(
    example: dict[str, Any], calls: dict[str, Any], digests: dict[str, Any], second: dict[str, int]
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("what", "unit", "without", "with", "difference (95 %)")]
    for clock in ("wall", "processor"):
        one = example[clock]
        share = [100 * value / one["without"] for value in (one["difference"], *one["interval_95"])]
        told = f"{share[0]:+.1f} % ({share[1]:+.1f} to {share[2]:+.1f})"
        rows.append((f"the example, {clock}", "ms", f"{one['without']:.1f}", f"{one['with']:.1f}", told))
    rows.append(("... of it digests of files", "ms", "", f"{example['digests']:.1f}", ""))
    for name, one in calls.items():
        low, high = one["interval_95"]
        told = f"{one['difference']:+.2f} ({low:+.2f} to {high:+.2f})"
        rows.append((name, "us", f"{one['without']:.2f}", f"{one['with']:.2f}", told))
        if "stat" in one:
            rows.append(("... of it one `stat`", "us", "", f"{one['stat']:.2f}", ""))
    low, high = digests["share_interval_95"]
    told = f"{digests['share']:.0f} % of openssl's speed ({low:.0f} to {high:.0f})"
    rows.append(("a digest", "MB/s", f"{digests['openssl']:.0f}", f"{digests['ours']:.0f}", told))
    rows.append(("bytes read for digests, first pass", "bytes", "", f"{second['first']:,}", ""))
    rows.append(("... second pass, files unchanged", "bytes", "", f"{second['second']:,}", ""))
    return rows


def _calls(folder: Path, number: int, pairs: int, seed: int) -> dict[str, Any]:
    """Measure calls outside a run and within one, in microseconds a call."""
    from orchestrail.capture import files, observers

    paths = _files(folder / "opened", number, b"x")
    known = paths[0]
    watched = {
        "open a file that the run knows": lambda: _all(lambda: open(known, "rb").close(), number),  # noqa: PTH123
        "open a file that is new to the run": lambda: [open(path, "rb").close() for path in paths],  # noqa: PTH123
    }
    before = {name: _microseconds(call, number, pairs) for name, call in watched.items()}
    files.install()
    observers.install()
    base = sqlite3.connect(folder / "base.db", isolation_level=None)
    base.execute("create table t (x)")
    watched |= {
        "find a module that is not there": lambda: _all(lambda: importlib.util.find_spec("nowhere_at_all"), number),
        "sqlite3: a query": lambda: _all(lambda: base.execute("select 1 from t where x = ?", (1,)).fetchall(), number),
    }
    found = {}
    for name, call in watched.items():
        sides: dict[bool, list[float]] = {False: [], True: []}
        for pair in range(-1, pairs):
            for within in (False, True) if pair % 2 else (True, False):
                token = files.capturing.set(files.FileCapture() if within else None)
                took = _microseconds(call, number, 1)
                files.capturing.reset(token)
                if pair >= 0:
                    sides[within].append(took)
        found[name] = compare(sides[False], sides[True], seed) | {"before_the_hook": before.get(name)}
    base.close()
    observers.uninstall()
    found["open a file that is new to the run"]["stat"] = _microseconds(
        lambda: [os.stat(path) for path in paths],  # noqa: PTH116
        number,
        pairs,
    )
    return found


def _all(call: Call, number: int) -> None:
    for _ in range(number):
        call()


def _microseconds(call: Call, number: int, rounds: int) -> float:
    """Give the microseconds that one call of `number` takes: the median of rounds."""
    took = []
    for _ in range(rounds):
        gc.collect()
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) / number * 1e6)
    return round(statistics.median(took), 4)


def _digests(folder: Path, megabytes: int, pairs: int, seed: int) -> dict[str, Any]:
    """Give the MB/s of a digest and of the program `openssl`, on the same file in the page cache."""
    from orchestrail.capture.digest import digest_file

    file = folder / "large.bin"
    with file.open("wb") as stream:
        for _ in range(megabytes):
            stream.write(os.urandom(1 << 20))

    def ours() -> str | None:
        os.utime(file)  # what has just changed is not remembered
        found = digest_file(file)
        return found.digest if found is not None else None

    def openssl() -> str:
        said = subprocess.run(["openssl", "dgst", "-sha256", "-r", file], capture_output=True, text=True, check=True)
        return f"sha256:{said.stdout.split()[0]}"

    if ours() != openssl():
        raise SystemExit("the digest is not the one that openssl gives")
    speeds: dict[str, list[float]] = {"ours": [], "openssl": []}
    for _ in range(pairs):
        for name, call in (("ours", ours), ("openssl", openssl)):
            started = time.perf_counter()
            call()
            speeds[name].append(megabytes / (time.perf_counter() - started))
    file.unlink()
    compared = compare(speeds["openssl"], speeds["ours"], seed)
    shares = [100 + 100 * value / compared["without"] for value in (compared["difference"], *compared["interval_95"])]
    return {
        "openssl": compared["without"],
        "ours": compared["with"],
        "share": round(shares[0], 1),
        "share_interval_95": [round(share, 1) for share in shares[1:]],
        "pairs": compared["pairs"],
    }


def _second_pass(paths: Iterable[str]) -> dict[str, int]:
    """Give the bytes that the kernel counts as read by two steps that read the same files, beyond what the steps read."""
    from orchestrail import plugins
    from orchestrail.capture import files

    names = list(paths)
    newest = max(os.stat(name).st_ctime for name in names)  # noqa: PTH116
    time.sleep(max(0.0, newest + SETTLED - time.time()))
    files.install()

    def read_for_digests() -> int:
        seen = files.FileCapture()
        token = files.capturing.set(seen)
        for name in names:
            open(name, "rb").close()  # noqa: PTH123
        files.capturing.reset(token)
        before = _bytes_read()
        captured = seen.close()
        read = _bytes_read() - before
        if len(captured.inputs) != len(names) or not all(one.digest and not one.weak for one in captured.inputs):
            raise SystemExit("not every file has a digest: this measures something else")
        return read

    plugins.load_installed()  # what is imported once, at the first file, is read for no digest
    asking = _bytes_read()
    asking = _bytes_read() - asking  # what it reads of /proc each time
    return {"first": read_for_digests() - asking, "second": read_for_digests() - asking}


def _bytes_read() -> int:
    said = Path("/proc/self/io").read_text(encoding="ascii")
    return int(said.partition("rchar:")[2].split()[0])


def _example(folder: Path, pairs: int, seed: int) -> dict[str, Any]:
    """Run the mortgage flow with and without `@audited`, in milliseconds a run."""
    import orchestrail_prefect
    from orchestrail.adapter import deactivate
    from orchestrail.capture import files

    digest, in_digests = files.digest_file, 0.0

    def timed(*arguments: Any) -> Any:
        nonlocal in_digests
        started = time.perf_counter()
        try:
            return digest(*arguments)
        finally:
            in_digests += time.perf_counter() - started

    sys.path.insert(0, str(EXAMPLE))
    found: dict[str, dict[bool, list[float]]] = {clock: {False: [], True: []} for clock in ("wall", "processor")}
    spent = []
    with ExitStack() as stack:
        prefect_server(stack, "memory")
        import flow

        deactivate("prefect")  # the example is decorated
        files.digest_file = timed
        for pair in range(-1, pairs):
            for audited in (False, True) if pair % 2 else (True, False):
                out = folder / f"out-{pair}-{audited}"
                out.mkdir()
                if audited:
                    orchestrail_prefect.audited(system="mortgage-approval")(flow.mortgage)
                gc.collect()
                in_digests, wall, processor = 0.0, time.perf_counter(), time.process_time()
                flow.mortgage(str(EXAMPLE / "hmda-boston-1990.csv"), str(out))
                took = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
                if audited:
                    deactivate("prefect")
                    _check_and_clean()
                if pair >= 0:
                    spent += [1000 * in_digests] if audited else []
                    for clock, seconds in took.items():
                        found[clock][audited].append(1000 * seconds)
        files.digest_file = digest
    compared = {clock: compare(values[False], values[True], seed) for clock, values in found.items()}
    return compared | {"digests": round(statistics.median(spent), 3)}


def _check_and_clean() -> None:
    """Check that the run of the example is on the record, with digests, and remove it for the next."""
    from orchestrail.settings import load_settings

    text = b""
    for segment in load_settings().spool.glob("*.seg"):
        text += segment.read_bytes()
        segment.unlink()
    if text.count(b'"eventType":"COMPLETE"') < 10 or text.count(b'"digest":"sha256:') < 10:
        raise SystemExit("the example is not on the record: this measures something else")


def _files(folder: Path, number: int, content: bytes) -> list[str]:
    folder.mkdir()
    for index in range(number):
        (folder / f"{index}.csv").write_bytes(content)
    return [str(folder / f"{index}.csv") for index in range(number)]


if __name__ == "__main__":
    sys.exit(main())
