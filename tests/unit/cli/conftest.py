from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestrail.cli.app import app
from orchestrail.settings import load_settings
from orchestrail.transport.spool import Spool


@pytest.fixture
def spooled(made: ModuleType) -> Callable[..., None]:
    """Put events into the local spool, as processes do."""

    def put(*events: dict[str, Any] | bytes) -> None:
        settings = load_settings()
        settings.home.mkdir(mode=0o700, exist_ok=True)
        spool = Spool(settings.spool)
        for event in events:
            spool.append(event if isinstance(event, bytes) else made.body(event))
        spool.close()

    return put


@pytest.fixture
def run() -> Callable[..., Result]:
    """Type a command; gives exit code and both streams."""

    def type_in(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    return type_in


@pytest.fixture
def answer(run: Callable[..., Result]) -> Callable[..., Any]:
    """Type a command with `--json`; gives the document, after a look at the exit code."""

    def ask(*arguments: str, code: int = 0) -> Any:
        result = run(*arguments, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    return ask


@pytest.fixture
def story(made: ModuleType, spooled: Callable[..., None], tmp_path: Path) -> Path:
    """A flow on the record that made a model of a table; the folder of both."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("raw.csv", "model.joblib"):
        (folder / name).write_text(name)
    raw, clean, model = (str(folder / name) for name in ("raw.csv", "clean.csv", "model.joblib"))
    step = {"role": "preprocess", "roleSource": "declared", "operation": "impute", "version": "1.2.0", "derived": False}
    code = {"digest": "py-tokens-1:sha256:" + "ab" * 32, "path": "steps.py", "name": "steps.clean", "modules": []}
    environment = {
        "python": {"implementation": "cpython", "version": "3.11.7"},
        "platform": {"system": "Linux", "release": "6", "machine": "x86_64"},
        "distributions": {"pandas": "3"},
        "distributionsDigest": made.digest("d"),
    }
    spooled(
        made.event(
            "START",
            0xA001,
            second=0,
            job="train",
            ours={"system": "scoring", "environment": "dev"},
            orchestrail_environment=environment,
        ),
        made.event(
            "START",
            0xA002,
            second=1,
            job="train.clean",
            parent=0xA001,
            orchestrail_step=step,
            orchestrail_code=code,
        ),
        made.event(
            "COMPLETE",
            0xA002,
            second=2.5,
            job="train.clean",
            parent=0xA001,
            inputs=[made.dataset(raw, "raw.csv", rows=3, bytes=2048)],
            outputs=[made.dataset(clean, "clean", weak="changed after it was opened")],
        ),
        made.event("COMPLETE", 0xA003, second=3, job="train.note", parent=0xA001, upstream=(0xA002,)),
        made.event(
            "COMPLETE",
            0xA004,
            second=4,
            job="train.fit",
            parent=0xA001,
            upstream=(0xA002, 0xA003),
            inputs=[made.dataset(clean, "clean")],
            outputs=[
                made.dataset(model, "model.joblib", kind="model", format="joblib", framework="scikit-learn 1.9.0")
            ],
        ),
        made.event("COMPLETE", 0xA001, second=5, job="train"),
    )
    return folder
