"""`orchestrail diff`: text for people, a document for programs, and the exit codes of both."""

from __future__ import annotations

import pytest


@pytest.fixture
def two(made, spooled):
    """Two processes on the record: one parameter, one table and the code of the preparation differ."""
    for first, content, rate in ((0xB010, "x", 1), (0xB020, "y", 2)):
        digest = "py-tokens-1:sha256:" + made.digest(content).removeprefix("sha256:")
        spooled(
            made.event("COMPLETE", first, job="train", second=first),
            made.event(
                "COMPLETE",
                first + 1,
                job="train.clean",
                parent=first,
                second=first,
                inputs=[made.dataset("/raw.csv", content)],
                outputs=[made.dataset("/clean.csv", f"clean {content}", kind="model")],
                orchestrail_code={"digest": digest, "modules": []},
                orchestrail_step={"role": "preprocess", "operation": "clean", "version": "1.0.0", "derived": False},
                orchestrail_parameters={"parameters": {"rate": {"value": rate}, "same": {"value": 0}}},
            ),
        )


def test_differences_are_an_answer_and_lead_with_what_matters(two, run):
    """Exit code 0; what no version tells stands first, and what is the same is only counted."""
    result = run("diff", "b010", "b020")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    first = lines.index("Look at this first")
    assert lines[first + 1] == "  clean: the declared version is 1.0.0 on both sides, but the code differs."
    assert first < lines.index("Changed") < lines.index("The same")
    assert "    train.clean  parameter rate 1 -> 2" in lines
    assert any(line.startswith("    /raw.csv  contents ") for line in lines)
    assert "parameter same" not in result.stdout
    assert "\x1b" not in result.stdout
    assert "Not in this answer" in lines


def test_the_document_has_the_three_lists(two, answer, made):
    """And what it does not show; A and B as they were given."""
    document = answer("diff", "b010", "b020")
    assert {"a", "b", "kind", "findings", "changed", "same", "unknown", "ambiguous", "not_shown"} <= document.keys()
    assert document["a"]["given"] == "b010"
    assert document["b"]["root_run_ids"] == [made.run_id(0xB020)]
    (rate,) = [entry for entry in document["changed"] if entry["fact"] == "parameter rate"]
    assert (rate["category"], rate["subject"], rate["a"], rate["b"]) == ("preprocessing", "train.clean", 1, 2)
    assert all(entry["reason"] for entry in document["unknown"])


def test_the_same_run_twice_says_so(two, run):
    """Instead of a list of everything."""
    result = run("diff", "b010", "b010")
    assert result.exit_code == 0
    assert "A and B are the same runs." in result.stdout


@pytest.mark.parametrize(
    ("given", "code", "word"),
    [
        (("b010", "ffffffff"), 1, "not produced by a recorded run"),
        (("b010",), 1, "no service"),
        (("b010", "0192f000"), 2, "fits 4 runs"),
        (("/raw.csv", "b010"), 1, "made by no recorded run"),
        ((), 2, "A"),
    ],
)
def test_what_cannot_be_compared_is_said(two, run, given, code, word):
    """Not recorded is a negative answer, ambiguous is wrong use; nothing on standard output."""
    result = run("diff", *given)
    assert (result.exit_code, result.stdout) == (code, "")
    assert word in result.stderr
