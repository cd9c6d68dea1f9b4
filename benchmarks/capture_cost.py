"""What observing costs a host: an import of another module, an `open`, a call that is watched, outside a run and inside one.

Run it with the libraries of the group `capture` installed: `python benchmarks/capture_cost.py`. Each figure is the best of several
rounds, in microseconds, with and without us.
"""

from __future__ import annotations

import gc
import importlib.util
import platform
import sqlite3
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path

from orchestrail.capture import files, observers

ROUNDS = 7


def best(action: Callable[[], object], number: int) -> float:
    """Give the microseconds that one call takes."""
    gc.collect()
    return min(timeit.repeat(action, number=number, repeat=ROUNDS)) / number * 1e6


def measured(folder: Path) -> dict[str, tuple[Callable[[], object], int]]:
    """List what is measured, made anew so that connections are of the kind that they now are."""
    file = folder / "data.txt"
    file.write_text("x")
    connection = sqlite3.connect(folder / "base.db", isolation_level=None)
    connection.execute("pragma synchronous = off")
    connection.execute("pragma journal_mode = memory")
    connection.execute("create table if not exists t (x)")
    rows = [(number,) for number in range(1000)]

    def opens() -> None:
        file.open("rb").close()

    def many() -> None:
        connection.execute("begin")
        connection.executemany("insert into t values (?)", rows)
        connection.execute("rollback")

    return {
        "find a module that is not observed": (lambda: importlib.util.find_spec("this_module_is_nowhere"), 200),
        "open and close a file": (opens, 2000),
        "sqlite3: connection.execute": (
            lambda: connection.execute("select 1 from t where x = ?", (1,)).fetchall(),
            2000,
        ),
        "sqlite3: insert 1000 rows, roll back": (many, 20),
    }


def main() -> None:
    """Measure without us, attached outside a run, and inside a run."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        plain = {name: best(*what) for name, what in measured(folder).items()}
        files.install()
        observers.install()
        outside = {name: best(*what) for name, what in measured(folder).items()}
        inside = {}
        for name, what in measured(folder).items():
            token = files.capturing.set(files.FileCapture())
            inside[name] = best(*what)
            files.capturing.reset(token)
        observers.uninstall()
    print(f"Python {platform.python_version()}, {platform.machine()}; microseconds a call")
    print(f"{'':42}{'without':>12}{'outside a run':>16}{'inside a run':>16}")
    for name, value in plain.items():
        print(f"{name:42}{value:12.2f}{outside[name]:16.2f}{inside[name]:16.2f}")


if __name__ == "__main__":
    main()
