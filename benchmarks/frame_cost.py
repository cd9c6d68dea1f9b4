"""What the digest of a value in memory costs, beside pandas' own hash of rows: `python benchmarks/frame_cost.py`.

Needs the groups `example` and `capture`. Each figure is the best of several rounds, in milliseconds.
"""

from __future__ import annotations

import platform
import timeit
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from orchestrail.capture.frames import identify

ROWS = 1_000_000
ROUNDS = 5


def best(action: Callable[[], object]) -> float:
    """Give the milliseconds that one call takes."""
    return min(timeit.repeat(action, number=1, repeat=ROUNDS)) * 1e3


def measured() -> dict[str, object]:
    """List what is measured."""
    numbers = pd.DataFrame({name: np.random.rand(ROWS) for name in "abcdefgh"})
    texts = pd.DataFrame({"text": [f"name {number}" for number in range(ROWS)]})
    return {
        "pandas: 8 columns of numbers": numbers,
        "pandas: texts": texts,
        "pandas: texts as Python objects": texts.astype(object),
        "pandas: categories": pd.DataFrame({"a": pd.Categorical([f"ab{number % 50}" for number in range(ROWS)])}),
        "pandas: 100 rows, 1,000 columns": pd.DataFrame(np.random.rand(100, 1000)),
        "pandas: 100 rows, 5 columns": pd.DataFrame(np.random.rand(100, 5)),
        "numpy: 8 columns of numbers": numbers.to_numpy(),
        "polars: 8 columns of numbers": pl.DataFrame({name: numbers[name].to_numpy() for name in numbers}),
        "polars: texts": pl.DataFrame({"text": texts["text"].to_list()}),
        "pyarrow: 8 columns of numbers": pa.Table.from_pandas(numbers),
    }


def main() -> None:
    """Measure and print."""
    print(f"Python {platform.python_version()}, pandas {pd.__version__}, {platform.machine()}; milliseconds")
    print(f"{'':36}{'MB':>8}{'digest':>10}{'hash_pandas_object':>20}")
    for name, value in measured().items():
        found = identify(value)
        if found is None or found.digest is None or found.bytes is None:
            raise SystemExit(f"{name} has no digest: {found}")
        beside = f"{best(lambda: pd.util.hash_pandas_object(value)):20.2f}" if isinstance(value, pd.DataFrame) else ""  # noqa: B023
        print(f"{name:36}{found.bytes / 2**20:8.1f}{best(lambda: identify(value)):10.2f}{beside}")  # noqa: B023


if __name__ == "__main__":
    main()
