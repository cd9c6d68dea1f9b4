"""From a table of mortgage applications to prepared parts: the steps on files that `flow.py` and `dag.py` both run.

Plain functions: an orchestrator makes tasks of them. Each reads and writes files and hands paths on, so each data set
has a content to identify it by. What is done to the tables is in `preparation.py`, which `serve.py` uses too.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

import orchestrail
import preparation
from preparation import ANSWERS, GRADES, OUTCOME, PLAUSIBLE_RATIO, PROTECTED, RATIOS

SEED = 20
TEST_SHARE = 0.25


class DataRefused(Exception):
    """The applications do not have the form that the process is made for."""


def write_json(path: Path, content: dict[str, Any]) -> str:
    """Write `content` so that equal content makes an equal file."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    return str(path)


def write_table(path: Path, table: pd.DataFrame) -> str:
    """Write `table` as CSV."""
    table.to_csv(path, index=False)
    return str(path)


@orchestrail.step(role="ingest")
def ingest(source: str, out: str) -> str:
    """Copy the source, so that the rest works on a file that nobody else changes."""
    orchestrail.record_input(source, role="source")
    return str(shutil.copyfile(source, Path(out, "raw.csv")))


@orchestrail.step(role="other")
def validate(raw: str, out: str) -> str:
    """Check form and ranges; refuse data that the process is not made for."""
    table = pd.read_csv(raw)
    low, high = PLAUSIBLE_RATIO
    implausible = int(
        (~table[list(RATIOS)].apply(lambda ratio: ratio.between(low, high, inclusive="neither"))).any(axis=1).sum()
    )
    answers = [OUTCOME, PROTECTED, *ANSWERS]
    graded = all(table[name].isin(list(GRADES[name])).all() for name in GRADES)
    checks = [
        # name, kind, severity, what was found, whether that is well
        ("no-missing-values", "quality", "error", int(table.isna().sum().sum()), not table.isna().any(axis=None)),
        ("answers-are-yes-or-no", "quality", "error", None, bool(table[answers].isin(["yes", "no"]).all(axis=None))),
        ("grades-in-range", "quality", "error", None, graded),
        ("ratios-plausible", "quality", "warn", implausible, implausible == 0),
    ]
    for name, kind, severity, found, success in checks:
        orchestrail.record_check(name, success, kind=kind, severity=severity, actual=found)
    report = [dict(zip(("name", "kind", "severity", "found", "success"), check, strict=True)) for check in checks]
    path = write_json(Path(out, "validation.json"), {"rows": len(table), "checks": report})
    failed = [check["name"] for check in report if check["severity"] == "error" and not check["success"]]
    if failed:
        raise DataRefused(f"{Path(raw).name}: {', '.join(failed)}; see {path}")
    return path


def clean(raw: str, out: str) -> str:
    """Clean the applications."""
    return write_table(Path(out, "clean.csv"), preparation.clean(pd.read_csv(raw)))


@orchestrail.step(role="split")
def split(cleaned: str, out: str) -> dict[str, str]:
    """Set a quarter of the applications aside for the test, with the same share of denials in both parts."""
    table = pd.read_csv(cleaned)
    test = table.groupby(OUTCOME).sample(frac=TEST_SHARE, random_state=SEED)
    parts = {"train": table.drop(test.index), "test": test.sort_index()}
    return {name: write_table(Path(out, f"{name}.csv"), part) for name, part in parts.items()}


def fit_imputation(train: str, out: str) -> str:
    """Take from the training part, and from it alone, what stands in for missing numbers."""
    return write_json(Path(out, "medians.json"), preparation.fit_imputation(pd.read_csv(train)))


def impute(part: str, medians: str, out: str) -> str:
    """Fill the missing numbers of one part."""
    table = preparation.impute(pd.read_csv(part), json.loads(Path(medians).read_text()))
    return write_table(Path(out, f"{Path(part).stem}-imputed.csv"), table)
