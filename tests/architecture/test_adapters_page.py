"""The page of adapters says what the kit's runs gave, and those ran the scenarios and met the gaps that the code has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from repository import ADAPTERS, ROOT, settings_of

from orchestrail.testing.matrix import PAGE, RESULTS, load, page
from orchestrail.testing.scenarios import SCENARIOS

REFERENCE = ROOT / "docs" / "reference"
FOUND = load(REFERENCE / RESULTS)
each_result = pytest.mark.parametrize(
    "result", FOUND, ids=lambda result: f"{result['adapter']}-{result['host_version']}"
)


def declared(adapter: str) -> Iterator[tuple[str, str]]:
    """Read name and kind of the gaps that an adapter's source declares."""
    for path in (ROOT / "adapters" / adapter / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Gap":
                yield str(ast.literal_eval(node.args[0])), str(node.keywords[0].arg)


def test_the_page_is_what_the_results_give() -> None:
    """Nobody edits it by hand, and nobody forgets to write it anew (`nox -s matrix`)."""
    assert (REFERENCE / PAGE).read_text(encoding="utf-8") == page(FOUND)


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_every_adapter_has_results(folder: Path) -> None:
    """With each group of host versions that it is tested with; and the page has all gaps that the code declares, and no other."""
    groups = settings_of(folder)["dependency-groups"]
    wanted = {f"{folder.name}.json" if group == "test" else f"{folder.name}-{group}.json" for group in groups}
    assert wanted <= {path.name for path in (REFERENCE / RESULTS).iterdir()}
    on_page = {(g["name"], g["kind"]) for found in FOUND if found["adapter"] == folder.name for g in found["gaps"]}
    assert on_page == set(declared(folder.name))


@each_result
def test_results_are_of_the_scenarios_there_are(result: dict[str, Any]) -> None:
    """All of them, of this version, and nothing failed that is not declared; nothing is left to do."""
    gaps = {gap["name"] for gap in result["gaps"]}
    assert result["version"] == settings_of(ROOT)["project"]["version"]
    assert result["scenarios"] == {s.name: "gap" if s.name in gaps else "passed" for s in SCENARIOS}
    assert "todo" not in {gap["kind"] for gap in result["gaps"]}
