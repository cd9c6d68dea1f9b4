"""A training loop of PyTorch's tutorials, wrapped with nothing but `audited`, and what is on the record of it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from inotify_simple import INotify, flags

from orchestrail.transport.segments import read_segment, segments

HERE = Path(__file__).parent
SCRIPT = HERE.parents[1] / "adapters" / "script" / "src"
RUN = "from orchestrail_script import audited; import fashion_torch; print(audited(fashion_torch.main)())"
PLAIN = "import fashion_torch; print(fashion_torch.main())"


def laid_out(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    chance = np.random.default_rng(1)
    for number in range(24):
        np.save(folder / "images" / f"{number}.npy", chance.normal(number % 2, 1, (8, 8)).astype("float32"))
    (folder / "labels.csv").write_text("".join(f"{number}.npy,{number % 2}\n" for number in range(24)))
    for file in folder.rglob("*"):
        os.utime(file, (1_600_000_000, 1_600_000_000))


def ran(program: str, folder: Path, **more: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ORCHESTRAIL_", "OPENLINEAGE_"))}
    environment = kept | {"PYTHONPATH": f"{SCRIPT}:{HERE / 'programs'}", "PYTHONDONTWRITEBYTECODE": "1"} | more
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_a_training_loop_leaves_what_its_workers_read_and_its_checkpoints(tmp_path):
    """As the kernel saw files being opened: labels, and images by worker processes; with their digests."""
    data, home = tmp_path / "data", tmp_path / "home"
    laid_out(data)
    before = {file for file in data.rglob("*") if file.is_file()}
    with INotify() as watch:
        folders = {watch.add_watch(one, flags.OPEN): one for one in (data, data / "images")}
        result = ran(RUN, data, ORCHESTRAIL_HOME=str(home))
        touched = {folders[event.wd] / event.name for event in watch.read(timeout=0)} & before
    events = [json.loads(record.body) for path in segments(home / "spool") for record in read_segment(path).lines]
    assert len({event["run"]["runId"] for event in events}) == 1
    assert not any("orchestrail_capture" in event["run"]["facets"] for event in events)
    inputs, outputs = (
        {Path(one["name"]): one["facets"] for event in events for one in event[side] if one["namespace"] == "file"}
        for side in ("inputs", "outputs")
    )
    assert inputs.keys() == touched == before
    assert {file.name for file in outputs} == {"checkpoint.tar", "model.pth", "correct.txt"}
    for file, facets in (*inputs.items(), *outputs.items()):
        digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
        assert (facets["orchestrail_dataset"]["digest"], facets["orchestrail_dataset"]["weak"]) == (digest, None)
    models = {file.name for file, facets in outputs.items() if facets["orchestrail_dataset"]["kind"] == "model"}
    assert models == {"checkpoint.tar", "model.pth"}

    laid_out(tmp_path / "plain")
    assert ran(PLAIN, tmp_path / "plain") == result
