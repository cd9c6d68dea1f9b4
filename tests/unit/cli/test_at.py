"""What is shown of what was in use."""

from __future__ import annotations

import pytest


@pytest.fixture
def served(story, made, spooled, answer):
    """A service on the record that serves the model of the story since its ninth second."""
    digest = answer("trace", str(story / "model.joblib"))["target"]["digest"]
    model = {"namespace": "file", "name": str(story / "model.joblib"), "version": None, "digest": digest}
    stated = {"deployment": "eu-1", "model": model, "preparation": []}
    ours = {"system": "scoring", "environment": "production"}
    spooled(made.event("START", 0xB001, second=9, job="serving.eu-1", ours=ours, orchestrail_serving=stated))


@pytest.mark.parametrize("time", ["2026-03-01", "2026-03-01T12:05:00Z", "2026-03-01T13:05:00+01:00"])
def test_a_day_or_a_moment_is_asked_for(run, served, time):
    """People see the deployment, its model and training, and what is not here."""
    result = run("at", time, "--system", "scoring", "--tz", "UTC")
    assert result.exit_code == 0
    for told in ("deployment eu-1  active", "model.joblib", "made by   train", "Not here", "operation log"):
        assert told in result.stdout


def test_nothing_in_use_is_a_negative_answer(run, answer, served):
    """It says how many deployments there are at all."""
    result = run("at", "2025-12-31")
    assert (result.exit_code, "nothing, of 1 deployment" in result.stdout) == (1, True)
    assert answer("at", "2025-12-31", code=1)["deployments"] == []


@pytest.mark.parametrize("time", ["2026-03-01T12:00:00", "yesterday", "2026-02-30"])
def test_a_time_without_a_zone_is_refused(run, served, time):
    """And what is no time."""
    assert run("at", time).exit_code == 2
