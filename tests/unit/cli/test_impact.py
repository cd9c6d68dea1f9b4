"""What is shown of what descends from something, and of a withdrawal."""

from __future__ import annotations

import pytest


def test_people_see_models_first(run, story):
    """What descends, and how sure that is."""
    shown = run("impact", str(story / "raw.csv")).stdout
    assert "Descends from it: 1 model, 0 deployments, 1 data set, 3 runs" in shown
    assert shown.index("model.joblib") < shown.index("clean.csv")


def test_a_target_without_descendants_says_what_was_examined(run, answer, story):
    """In both forms; one step of this model's training told an order, and not what was handed on."""
    assert "1 model examined, 0 with a trace that has no gap" in run("impact", str(story / "model.joblib")).stdout
    assert answer("impact", str(story / "model.joblib"))["examined"] == {"models": 1, "complete": 0}
    assert answer("impact", str(story / "raw.csv"))["examined"] is None


def test_what_was_not_seen_is_no_all_clear(run, made, spooled):
    """Nothing is known to descend from it, and a step that ran a program beside it is told with what was missed."""
    missed = {"notCaptured": [{"what": "cp", "reason": "it ran in a process that is not recorded"}]}
    spooled(
        made.event("COMPLETE", 0xE001, job="flow"),
        made.event("COMPLETE", 0xE002, job="flow.make", parent=0xE001, second=1, outputs=[made.dataset("/data", "d")]),
        made.event("COMPLETE", 0xE003, job="flow.copy", parent=0xE001, second=2, orchestrail_capture=missed),
    )
    lines = run("impact", "file:/data").stdout.splitlines()
    said = "Unknown: 1 step in the same processes did what was not seen; what came of it there is not in this answer"
    place = lines.index(said)
    assert lines[place + 1].startswith("  flow.copy  ✔ COMPLETE")
    assert lines[place + 1].endswith("00000000e003  cp (it ran in a process that is not recorded)")


def test_a_version_is_of_a_name_and_on_the_record(run, story):
    """A file stands for one content, whatever version is asked for; of a version that nobody used nothing is said to descend."""
    asked = run("impact", str(story / "raw.csv"), "--version", "1")
    assert asked.exit_code == 2
    assert "A file and a digest stand for one content" in asked.stderr
    (story / "raw.csv").unlink()
    asked = run("impact", str(story / "raw.csv"), "--version", "1")
    assert asked.exit_code == 1
    assert "No recorded run used version 1 of" in asked.stderr


@pytest.fixture
def overwritten(made, spooled, story):
    """The table of the story after a run wrote other contents in its place; the model descends from the first ones."""
    raw = story / "raw.csv"
    raw.write_text("other")
    spooled(made.event("COMPLETE", 0xB001, second=60, job="fetch", outputs=[made.dataset(str(raw), "other")]))
    return raw


def test_a_file_that_was_overwritten_is_no_all_clear(run, answer, made, overwritten):
    """What descends from its contents of now is nothing; that there were others is said, and how to ask about all of them."""
    shown = run("impact", str(overwritten)).stdout
    assert "Descends from it: 0 models" in shown
    assert f"Other contents of {overwritten}: 1" in shown
    assert f"`orchestrail impact file:{overwritten}` is of all" in shown
    assert f"sha256:{made.digest('raw.csv').removeprefix('sha256:')[:12]}  written by 0 runs, read by 1 run" in shown
    (other,) = answer("impact", str(overwritten))["other_contents"]["contents"]
    assert (other["digest"], other["written"], other["read"]) == (made.digest("raw.csv"), 0, 1)
    of_all = answer("impact", f"file:{overwritten}")
    assert (len(of_all["models"]), of_all["other_contents"]["contents"]) == (1, [])


def test_a_file_of_unknown_contents_leads_to_those_of_its_name(run, overwritten):
    """Where nobody recorded what it holds now, the name can be asked about."""
    overwritten.write_text("by hand")
    asked = run("impact", str(overwritten))
    assert asked.exit_code == 1
    assert f"`file:{overwritten}` in its place" in asked.stderr


def test_a_version_that_nobody_used_is_not_withdrawn(run, answer, made, story):
    """A slip of the pen would withdraw nothing, and say that nothing descends: it is refused, with the versions that there are."""
    name = f"file:{story / 'raw.csv'}"
    asked = run("withdraw", name, "--version", "1", "--reason", "Consent was taken back.")
    assert asked.exit_code == 1
    assert "No recorded run used version 1 of" in asked.stderr
    assert f"On the record, the newest first: {made.digest('raw.csv')}." in asked.stderr
    assert answer("impact", name)["withdrawals"] == []
    known = made.digest("raw.csv")
    withdrawn = answer("withdraw", name, "--version", known, "--reason", "Consent was taken back.")["withdrawals"]
    assert [one["version"] for one in withdrawn] == [known]


def test_a_withdrawal_is_a_record_and_shows_what_descends(answer, run, story):
    """By content where a file is given; the file stays where it is."""
    raw = story / "raw.csv"
    document = answer("withdraw", str(raw), "--reason", "Consent was taken back by many.", "--by", "dana")
    assert len(document["models"]) == 1
    (one,) = document["withdrawals"]
    assert (one["by"], one["reason"], one["digest"]) == (
        "dana",
        "Consent was taken back by many.",
        document["target"]["digest"],
    )
    assert raw.read_text() == "raw.csv"
    assert answer("impact", str(raw))["withdrawals"] == [one]
    assert "withdrawn" in run("impact", str(raw)).stdout


def test_what_was_withdrawn_before_it_was_read_is_told(answer, run, story):
    """By name, since a time of the past."""
    reason = ["--reason", "It was wrong from the beginning."]
    document = answer("withdraw", f"file:{story / 'raw.csv'}", *reason, "--at", "2026-03-01T11:00:00+00:00")
    assert document["withdrawals"][0]["digest"] is None
    assert len(document["read_after_withdrawal"]) == 1
    assert "read after it was withdrawn" in run("impact", str(story / "raw.csv")).stdout


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["raw.csv", "--reason", "why not"], "fewer than"),
        (["raw.csv", "--reason", "It has password=hunter2secret in it."], "secret"),
        (["raw.csv", "--reason", "Consent was taken back.", "--version", "1"], "one content"),
        (["raw.csv", "--reason", "Consent was taken back.", "--at", "2026-03-01"], "time zone"),
        (["00000000a004", "--reason", "Consent was taken back."], "It is a run"),
        (["nowhere.csv", "--reason", "Consent was taken back."], "not produced"),
    ],
)
def test_what_cannot_be_withdrawn_is_told(run, answer, story, monkeypatch, more, why):
    """And nothing is on the record."""
    monkeypatch.chdir(story)
    result = run("withdraw", *more)
    assert result.exit_code in (1, 2)
    assert why in result.stderr
    assert answer("impact", "raw.csv")["withdrawals"] == []
