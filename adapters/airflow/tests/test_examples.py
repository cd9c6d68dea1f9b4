"""Airflow's own example DAGs, which nobody wrote for us: ten of them, one for a shape. `nox -s airflow_examples` runs all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from airflow_examples import judge
from airflow_examples.comparison import Compared, compare
from airflow_examples.table import lines, page

COUNT = 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs leave what they leave."""
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def compared(folder: Path) -> Compared:
    """Two runs of each without us, and one with us."""
    return compare(folder, COUNT, limit=180)


def test_examples_do_the_same_with_us_and_each_try_has_one_end_on_the_record(compared: Compared) -> None:
    """States, tries, ends by run id, schemas, trouble, quarantine, verification."""
    assert compared.is_fine, "\n".join(lines(compared))
    assert len(compared.results) == COUNT
    assert all(name in page(compared) for name in compared.results)


def test_an_end_that_is_missing_or_wrong_is_noticed(compared: Compared, folder: Path) -> None:
    """Held against another table than its own, a record does not pass: the test above can fail."""
    name, (_, recorded, _) = next(iter(compared.results.items()))
    unknown = {"0192f000-0000-7000-8000-00000000000a": ("never_run", {"COMPLETE"})}
    other = replace(recorded, expected={run_id: (what, {"FAIL"}) for run_id, (what, _) in recorded.expected.items()})
    found = [
        *judge.problems(folder / "recorded" / name, other),
        *judge.problems(folder / "recorded" / name, replace(recorded, expected=unknown)),
    ]
    assert len(found) == 2 * len(recorded.expected) + 1
    assert judge.differences(recorded, replace(recorded, state="failed"))
    assert judge.differences(recorded, replace(recorded, tries=recorded.tries[1:]))
