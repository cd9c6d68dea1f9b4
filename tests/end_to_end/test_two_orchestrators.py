"""A process whose data Airflow prepares and whose model Prefect makes, held against a service that loads this model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any


def served(recorded: Any, name: str, changes: dict[str, tuple[str, str]]) -> Any:
    """Serve the model with a copy of the example in which something was changed; give the comparison with its training."""
    copy = Path(shutil.copytree(recorded.out / "mortgage", recorded.out / name))
    for file, (before, after) in changes.items():
        text = (copy / file).read_text()
        assert text.count(before) == 1
        (copy / file).write_text(text.replace(before, after))
    subprocess.run(
        [sys.executable, "serve.py", "--model", recorded.out / "out" / "model.joblib"],
        env=recorded.environment | {"ORCHESTRAIL_HOME": str(recorded.home)},
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return recorded.json("diff", recorded.json("runs", "--job", "serving.*")["runs"][0]["run_id"])


def told(document: Any) -> set[tuple[str, str]]:
    """Give operation and fact of what serving does otherwise."""
    return {(one["subject"], one["fact"]) for one in document["changed"] if one["category"] == "preprocessing"}


def test_serving_is_held_against_both_halves(processed: Any) -> None:
    """As trained, it is the same in version, code and fitted state, of what Airflow prepared and of what Prefect did."""
    alike = served(processed, "alike", {"preparation.py": ("with the medians of the", "by the medians of the")})
    assert (told(alike), alike["findings"]) == (set(), [])
    same = {(one["subject"], one["fact"]) for one in alike["same"] if one["category"] == "preprocessing"}
    assert same >= {
        (operation, fact) for operation in ("clean", "impute", "encode") for fact in ("version", "code digest")
    }
    assert ("impute", "fitted state") in same

    code = served(processed, "other-code", {"preparation.py": ("& set(cleaned.columns)", "& {*cleaned.columns}")})
    assert told(code) == {("clean", "code digest")}
    assert {one["code"] for one in code["findings"]} == {"version-unchanged-code-changed", "serving-differs"}

    state = served(processed, "other-state", {"serve.py": ('bundle["medians"]', '{**bundle["medians"], "pirat": 0.9}')})
    assert told(state) == {("impute", "fitted state")}
    assert [(one["code"], one["subject"]) for one in state["findings"]] == [("serving-differs", "impute")]

    version = served(
        processed, "other-version", {"preparation.py": ('"encode", version="1.0.0"', '"encode", version="2.0.0"')}
    )
    assert ("encode", "version") in told(version)
