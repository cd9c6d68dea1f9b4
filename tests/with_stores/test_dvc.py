"""What DVC itself writes: `dvc add` of a file and of a folder, `dvc repro`."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pyarrow.dataset as ds


def dvc(folder, *arguments):
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "HOME": str(folder)}
    environment["PATH"] = f"{os.path.dirname(sys.executable)}{os.pathsep}{environment['PATH']}"  # noqa: PTH120
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def md5_of(file):
    return next(line.split()[-1] for line in file.read_text().splitlines() if "md5:" in line)


def test_versions_are_those_that_dvc_wrote(tmp_path, observed):
    """Of a file, of a folder as a whole, of what a stage made; and no more once the content has changed."""
    dvc(tmp_path, "init", "--no-scm", "-q")
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    frame.to_csv(tmp_path / "one.csv", index=False)
    ds.write_dataset(
        ds.dataset(tmp_path / "one.csv", format="csv").to_table(),
        tmp_path / "parts",
        format="parquet",
        partitioning=["b"],
    )
    dvc(tmp_path, "add", "-q", "one.csv", "parts")
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  copy:\n    cmd: cp one.csv 'two ä.csv'\n    deps: [one.csv]\n    outs: ['two ä.csv']\n"
    )
    dvc(tmp_path, "repro", "-q")
    with observed() as seen:
        pd.read_csv(tmp_path / "one.csv")
        pd.read_csv(tmp_path / "two ä.csv")
        ds.dataset(tmp_path / "parts", format="parquet").to_table()
    one, parts = md5_of(tmp_path / "one.csv.dvc"), md5_of(tmp_path / "parts.dvc")
    assert parts.endswith(".dir")
    assert {one.name: one.version for one in seen.inputs} == {
        str(tmp_path / "one.csv"): f"dvc:{one}",
        str(tmp_path / "two ä.csv"): f"dvc:{one}",
        str(tmp_path / "parts"): f"dvc:{parts}",
    }
    frame.iloc[:1].to_csv(tmp_path / "one.csv", index=False)
    with observed() as seen:
        pd.read_csv(tmp_path / "one.csv")
    assert [one.version for one in seen.inputs] == [None]
