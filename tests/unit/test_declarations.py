"""What tags, descriptions and settings say of a step, and in which order it counts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail import trouble
from orchestrail.adapter import (
    AdapterInfo,
    Capability,
    Marking,
    Recorder,
    RequirementNotMet,
    RunStart,
    State,
    load_settings,
    new_run_id,
)
from orchestrail.declarations import FIELDS, merged, read
from orchestrail.errors import ConfigurationError
from orchestrail.model import ROLES
from orchestrail.testing import schema_problems, spooled_events

INFO = AdapterInfo("script", "python", "3.11", "0.1.0", ">=3.11", frozenset(Capability))
TRUTH = st.none() | st.booleans()
TEXT = st.none() | st.text(min_size=1, max_size=5)
MARKINGS = st.none() | st.builds(
    Marking, st.sampled_from([None, "preprocess", "train"]), TEXT, TEXT, TRUTH, TRUTH, TRUTH
)


@pytest.mark.parametrize(
    ("texts", "marking"),
    [
        ((), None),
        (("etl", "openlineage.parent=a/b/c"), None),
        (("orchestrail:operation=impute-income", "orchestrail:version=1.2.0"), Marking("preprocess", "impute-income", "1.2.0")),
        (("orchestrail:role=split",), Marking("split")),
        (("orchestrail:version=7",), Marking(None, version="7")),
        (("Fills gaps.\n\n`orchestrail:operation=impute` `orchestrail:serve_time=true`, orchestrail:version=2.",),
         Marking("preprocess", "impute", "2", serve_time=True)),
        (('orchestrail:operation="impute income" (orchestrail:fits_state=False)',),
         Marking("preprocess", "impute income", fits_state=False)),
        (("see urn:orchestrail:facet:orchestrail_step:1-0-0 and https://host/orchestrail:role=train",), None),
        (("orchestrail:role=train", "orchestrail:role=train"), Marking("train")),
    ],
)  # fmt: skip
def test_texts_declare_in_one_notation(texts: tuple[str, ...], marking: Marking | None) -> None:
    """A tag by itself, or words in a description; who names an operation names a step that prepares data."""
    assert read(texts) == (marking, ())


@pytest.mark.parametrize(
    ("texts", "marking", "problem"),
    [
        (("orchestrail:rol=train",), None, "`rol` is nothing that can be declared"),
        (("orchestrail:role=training",), None, "'training' is no role of a step"),
        (("orchestrail:serve_time=perhaps", "orchestrail:role=train"), Marking("train"), "neither true nor false"),
        (("orchestrail:operation=",), None, "`operation` is no text"),
        (("orchestrail:role=train orchestrail:operation=impute",), Marking("train"), "the role is train"),
        (("orchestrail:version=1", "orchestrail:version=2"), Marking(None, version="1"), "declared twice"),
    ],
)
def test_what_cannot_be_declared_is_a_problem_and_costs_nothing_else(
    texts: tuple[str, ...], marking: Marking | None, problem: str
) -> None:
    """A slip of the pen in one tag leaves the others."""
    found = read(texts)
    assert found.marking == marking
    assert [problem in told for told in found.problems] == [True]


@given(st.lists(st.text(alphabet='orchestrail:=" \nversi.,_x', max_size=60) | st.text(max_size=60), max_size=3))
def test_any_texts_can_be_read(texts: list[str]) -> None:
    """They are people's."""
    found = read(tuple(texts))
    assert found.marking is None or found.marking.role in (None, *ROLES)


@given(MARKINGS, MARKINGS, MARKINGS)
def test_the_first_word_counts_and_later_ones_fill_in(
    first: Marking | None, second: Marking | None, third: Marking | None
) -> None:
    """Whatever is said first stays; what the result says, somebody said who gave the step no other role."""
    result = merged(first, second, third)
    said = [one for one in (first, second, third) if one is not None]
    assert (result is None) == (not said)
    if result is None:
        return
    for name in ("role", *FIELDS[1:]):
        assert getattr(said[0], name) in (None, getattr(result, name))
        value = getattr(result, name)
        assert value is None or any(getattr(one, name) == value and one.role in (None, result.role) for one in said)
    assert merged(result, second, third) == result


def begun(tmp_path: Path, steps: str, start: RunStart, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Record a run under a settings file; give the facets of its start."""
    (tmp_path / "orchestrail.toml").write_text(steps)
    monkeypatch.chdir(tmp_path)
    recorder = Recorder(INFO, load_settings())
    try:
        recorder.start(start)
    finally:
        recorder.finish(start.run_id, State.COMPLETE)
        recorder.close()
    events = spooled_events(recorder.settings.spool)
    assert [problem for event in events for problem in schema_problems(event)] == []
    facets: dict[str, Any] = next(e["run"]["facets"] for e in events if e["run"]["runId"] == start.run_id)
    return facets


STEPS = """
[[steps]]
job = "training.*impute*"
operation = "impute-income"
version = "1.2.0"
serve_time = true
fits_state = true
train_only = false

[[steps]]
job = "training.*"
role = "preprocess"
version = "9"
"""


def double(x: int = 1) -> int:
    """Stands for a user's code."""
    return x * 2


def test_settings_declare_by_the_name_of_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line of the step's code is touched; each pattern fills in what those before it leave open."""
    start = RunStart(new_run_id(), "training.impute_income", "TASK", function=double, parameters={})
    step = begun(tmp_path, STEPS, start, monkeypatch)["orchestrail_step"]
    assert {name: step[name] for name in step if not name.startswith("_")} == {
        "role": "preprocess", "roleSource": "declared", "operation": "impute-income", "version": "1.2.0", "derived": False,
        "serveTime": True, "fitsState": True, "trainOnly": False,
    }  # fmt: skip
    other = RunStart(new_run_id(), "scoring.impute_income", "TASK", function=double, parameters={})
    assert "orchestrail_step" not in begun(tmp_path, STEPS, other, monkeypatch)


@pytest.mark.parametrize(
    ("more", "operation", "version", "derived"),
    [
        (
            {"marking": Marking("preprocess", "in-code", "3"), "texts": ("orchestrail:version=4",)},
            "in-code",
            "3",
            False,
        ),
        ({"marking": Marking("preprocess", "in-code")}, "in-code", "1.2.0", False),
        ({"texts": ("orchestrail:operation=in-tags",), "declared_version": "5"}, "in-tags", "5", False),
        ({"declared_version": "5"}, "impute-income", "5", False),
        ({"marking": Marking("train")}, None, None, False),
    ],
)
def test_the_code_goes_before_the_orchestrator_and_this_before_the_settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    more: dict[str, Any],
    operation: str | None,
    version: str | None,
    derived: bool,
) -> None:
    """The order of the documentation; a place that gives the step another role speaks of something else."""
    start = RunStart(new_run_id(), "training.impute", "TASK", function=double, parameters={}, **more)
    step = begun(tmp_path, STEPS, start, monkeypatch)["orchestrail_step"]
    assert (step["operation"], step["version"], step["derived"]) == (operation, version, derived)


def test_an_operation_without_a_version_is_derived_from_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And marked so."""
    start = RunStart(new_run_id(), "a.b", "TASK", function=double, parameters={})
    facets = begun(tmp_path, '[[steps]]\njob = "a.b"\noperation = "double"\n', start, monkeypatch)
    assert facets["orchestrail_step"]["derived"] is True
    assert facets["orchestrail_step"]["version"] == facets["orchestrail_code"]["digest"]


def test_what_the_settings_declare_counts_in_mode_enforce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A declared version is what PREP-01 asks for, wherever it is declared; a derived one is refused."""
    start = RunStart(new_run_id(), "training.impute", "TASK", function=double, parameters={}, mode="enforce")
    assert "orchestrail_requirements" not in begun(tmp_path, STEPS, start, monkeypatch)
    with pytest.raises(RequirementNotMet, match="PREP-01"):
        begun(tmp_path, '[[steps]]\njob = "training.*"\noperation = "double"\n', start, monkeypatch)


def test_a_declaration_that_cannot_be_understood_is_told_by_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with the job that has it; a secret in it does not reach the note."""
    for _ in range(2):
        text = ("orchestrail:rolle=train", "orchestrail:password=hunter2hunter2")
        begun(tmp_path, "", RunStart(new_run_id(), "training.fit", "TASK", texts=text), monkeypatch)
    notes = [note for note in trouble.read(load_settings().home) if note["where"] == "declaration"]
    assert {re.sub("`[^`]*`", "``", note["error"])[:40] for note in notes} == {
        "training.fit: `` is nothing that can be "
    }
    assert "hunter2" not in str(notes)


@pytest.mark.parametrize(
    ("steps", "place", "told"),
    [
        ('[[steps]]\nrole = "train"\n', "steps[1].job", "Field required"),
        ('[[steps]]\njob = "a"\n', "steps[1]", "nothing is declared"),
        (
            '[[steps]]\njob = "a"\nrole = "train"\n[[steps]]\njob = "b"\nrole = "training"\n',
            "steps[2]",
            "no role of a step",
        ),
        ('[[steps]]\njob = "a"\nversion = 1.2\n', "steps[1].version", "valid string"),
        ('[[steps]]\njob = "a"\nversion = ""\n', "steps[1]", "`version` is no text"),
        ('[[steps]]\njob = "a"\nrole = "train"\noperation = "b"\n', "steps[1]", "the role is train"),
        ('[[steps]]\njob = "a"\nserve-time = true\n', "steps[1].serve-time", "There is no setting of that name"),
        ('steps = "a"\n', "steps", "valid tuple"),
    ],
)
def test_wrong_steps_are_named_with_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: str, place: str, told: str
) -> None:
    """Which of the tables, which key, and why."""
    (tmp_path / "orchestrail.toml").write_text(steps)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert f"`{place}`" in refused.value.what
    assert told in refused.value.why
    assert "orchestrail.toml" in refused.value.why


def test_the_environment_may_name_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's working folder is seldom that of the project; a file that is named and missing is an error."""
    file = tmp_path / "settings" / "rail.toml"
    file.parent.mkdir()
    file.write_text('home = "record"\n' + STEPS)
    monkeypatch.delenv("ORCHESTRAIL_HOME")
    monkeypatch.setenv("ORCHESTRAIL_SETTINGS", str(file))
    settings = load_settings()
    assert settings.home == file.parent / "record"
    assert [step.job for step in settings.steps] == ["training.*impute*", "training.*"]
    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings()
