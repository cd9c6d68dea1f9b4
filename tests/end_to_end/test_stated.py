"""What people state about the example, held against its record; and what a second look finds in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from orchestrail.manifest import manifest_of_file

STATED = """
[systems.mortgage-approval]
purpose = "Support the decision about applications for mortgages"
version = "1"
predecessor = "none"

[[fields]]
field = "/run/facets/orchestrail_run/actor"
class = "pseudonymous"
purpose = "who started a run"

[[fields]]
field = "/*"
class = "none"
"""


@pytest.fixture
def copied(recorded: Any, tmp_path: Path) -> Any:
    """The record in a place of its own, with a folder of its own for the settings file."""
    copy = recorded.copy(tmp_path)
    return type(copy)(copy.home, tmp_path, copy.environment)


def test_the_declaration_of_what_ran_is_one(copied: Any, tmp_path: Path) -> None:
    """It can be put into the settings file as it is printed, and has the steps and what they hand on."""
    (tmp_path / "orchestrail.toml").write_text(STATED + copied.command("manifest", "steps", "mortgage").stdout)
    pipeline = manifest_of_file(None, tomllib.loads((tmp_path / "orchestrail.toml").read_text())).pipeline("mortgage")
    steps = ("ingest", "clean", "split", "fit_imputation", "impute", "encode", "train_model", "package")
    assert set(pipeline.steps) >= {f"mortgage.{step}" for step in steps}
    assert pipeline.pairs >= {
        ("mortgage.ingest", "mortgage.clean"),
        ("mortgage.split", "mortgage.impute"),
        ("mortgage.encode", "mortgage.train_model"),
        ("mortgage.train_model", "mortgage.package"),
    }
    assert ("mortgage.package", "mortgage.ingest") not in pipeline.pairs
    copied.json("manifest", "record")
    assert copied.json("manifest")["differences"] == []


def test_the_record_of_the_example_is_clean(copied: Any, tmp_path: Path) -> None:
    """No secret, no personal data in fields that hold none, and every field has its class; all of the log was looked at."""
    (tmp_path / "orchestrail.toml").write_text(STATED)
    copied.json("manifest", "record")
    found = copied.json("scan")
    assert (found["findings"], found["unclassified"]) == ([], [])
    assert found["covered"] == found["entries"] > 40
    assert copied.json("verify")["ok"]
