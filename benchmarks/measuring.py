"""What the benchmarks share: differences of pairs, the machine, and how a result is told and kept. What is measured is not here."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

CLOCKS = ("wall", "processor")
RESAMPLES = 10_000


def compare(without: Sequence[float], with_it: Sequence[float], seed: int) -> dict[str, Any]:
    """Compare pairs that were measured in turn.

    Args:
        without: one value a pair.
        with_it: likewise.
        seed: of the bootstrap.
    """
    differences = [after - before for before, after in zip(without, with_it, strict=True)]
    low, high = interval(differences, seed)
    return {
        "without": round(statistics.median(without), 4),
        "with": round(statistics.median(with_it), 4),
        "difference": round(statistics.median(differences), 4),
        "interval_95": [round(low, 4), round(high, 4)],
        "pairs": [[round(one, 4) for one in pair] for pair in zip(without, with_it, strict=True)],
    }


def interval(values: Sequence[float], seed: int) -> tuple[float, float]:
    """Give the 95 % interval of the median by bootstrap."""
    chance = random.Random(seed)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES) - 1]


def document(name: str, distributions: Iterable[str], settings: Mapping[str, Any], load: float) -> dict[str, Any]:
    """Say what was measured, when and on what.

    Args:
        name: the benchmark.
        distributions: whose versions count.
        settings: how it was called.
        load: load average of the machine before it began; what it is afterwards is looked up.
    """
    return {
        "benchmark": name,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processors": os.cpu_count(),
            "model": _processor(),
            "python": platform.python_version(),
            "load": [round(load, 2), round(os.getloadavg()[0], 2)],
        },
        "versions": {one: version(one) for one in distributions},
        "settings": dict(settings),
    }


def tell(said: Mapping[str, Any], title: str, rows: Sequence[Sequence[str]], keep: Path | None) -> None:
    """Print the result, text to standard error and JSON to standard output, and keep it where that is asked for.

    Args:
        said: the document.
        title: what the rows are about.
        rows: a table, its head first.
        keep: a Markdown file that has a place for this benchmark.
    """
    text = _markdown(said, title, rows)
    print(text, file=sys.stderr)
    print(json.dumps(said, indent=2))
    if keep is not None:
        begin, end = (f"<!-- {word} {said['benchmark']} -->" for word in ("begin", "end"))
        before, _, rest = keep.read_text(encoding="utf-8").partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"{keep} has no place for the result: {begin} {end}")
        keep.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def difference(found: Mapping[str, Any]) -> str:
    """Write a compared difference with its interval."""
    low, high = found["interval_95"]
    return f"{found['difference']:+.3f} ({low:+.3f} to {high:+.3f})"


def _markdown(said: Mapping[str, Any], title: str, rows: Sequence[Sequence[str]]) -> str:
    machine = said["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in said["versions"].items())
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    lines = [
        f"{title}",
        "",
        head,
        f"| {' | '.join('---' for _ in rows[0])} |",
        *body,
        "",
        f"{said['measured_at'][:10]}, {machine['processors']} x {machine['model']}, {machine['system']}, "
        f"Python {machine['python']}, load {machine['load'][0]} before and {machine['load'][1]} after; {versions}.",
        "",
        f"    {said['command']}",
    ]
    return "\n".join(lines)


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
