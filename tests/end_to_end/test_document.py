"""The technical documentation of the example's model, as a user makes it: every link leads into the record."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def test_every_figure_of_the_documentation_is_found_in_the_record(recorded: Any, tmp_path: Path) -> None:
    """Each cited entry is there, is about the run that the figure names, and its digest is the log's."""
    own = recorded.copy(tmp_path)
    out = tmp_path / "doc"
    document = own.json("document", recorded.out / "model.joblib", "--out", out)
    assert document["draft"]
    runs = {run["run_id"]: run for run in own.json("runs", "--all")["runs"]}
    entries = {event["sequence"]: event for event in document["events"]}
    figures = [
        figure
        for point in document["points"]
        for table in point["tables"]
        for row in table["rows"]
        for figure in row
        if figure["sources"]
    ]
    assert len(figures) > 100
    for figure in figures:
        for source in figure["sources"]:
            first, last = (runs[source["run_id"]]["sequence"][end] for end in ("first", "last"))
            assert first <= source["sequence"] <= last
            assert entries[source["sequence"]]["run_id"] == source["run_id"]
    told = {figure["text"] for figure in figures}
    card = json.loads((recorded.out / "model-card.json").read_text())
    assert str(card["performance"]["auc"]) in told
    page = (out / "documentation.html").read_text()
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links <= set(re.findall(r'id="([^"]+)"', page))
    assert len(links) == len(entries)


def test_the_documentation_is_on_the_record(recorded: Any, tmp_path: Path) -> None:
    """With the digest of its file; the log verifies with it."""
    own = recorded.copy(tmp_path)
    done = own.command("document", recorded.out / "model.joblib", "--out", tmp_path / "doc")
    assert done.returncode == 0, done.stderr
    assert "missing 2(d)" in done.stdout
    assert own.json("verify")["ok"]
    again = own.json("document", recorded.out / "model.joblib", "--out", tmp_path / "doc", "--no-collect")
    assert again["head"]["size"] == again["sequence"]


def test_the_gate_is_closed_while_anything_is_unknown(recorded: Any, tmp_path: Path) -> None:
    """Nobody has stated anything about the example's data: that is no failure, and opens no gate."""
    own = recorded.copy(tmp_path)
    done = own.command("gate", recorded.out / "model.joblib", "--junit", tmp_path / "gate.xml", "--json")
    assert done.returncode in (1, 3), done.stderr
    assert json.loads(done.stdout)["gate"] == "closed"
    assert "<testsuite" in (tmp_path / "gate.xml").read_text()
