"""What Prefect's tags, versions and descriptions say of a step, and the settings beside the program: no code is marked."""

from __future__ import annotations

from typing import Any

PROGRAM = '''
    from prefect import tags

    Path("orchestrail.toml").write_text("""
    [[steps]]
    job = "scores.*_by_settings"
    operation = "clip"
    version = "3"
    train_only = true
    """)

    @task(version="2.1", tags=["orchestrail:operation=impute", "orchestrail:serve_time=true", "etl"])
    def impute(x):
        return x

    @task(tags=["orchestrail:operation=scale", "orchestrail:version=7"], version="2.1")
    def scale(x):
        """Scale. In a description: orchestrail:fits_state=true."""
        return x

    @task
    def clip_by_settings(x):
        return x

    @task
    def bare(x):
        return x

    @audited
    @flow(name="scores")
    def scores():
        return [one(1) for one in (impute, scale, clip_by_settings, bare)]

    @audited
    @flow(name="prepares")
    def prepares():
        """orchestrail:role=ingest"""
        return bare(2)

    scores()
    with tags("orchestrail:role=monitor"):
        prepares()
'''


def test_tags_versions_descriptions_and_settings_declare(program: Any) -> None:
    """A task's own tags and its version, a docstring, the settings; a flow's tags are not its tasks'."""
    outcome = program(PROGRAM)

    def said(job: str) -> list[Any]:
        step = outcome.run(job).start.get("orchestrail_step") or {}
        names = ("role", "roleSource", "operation", "version", "derived", "serveTime", "fitsState", "trainOnly")
        return [step.get(name) for name in names]

    declared = ["preprocess", "declared"]
    assert said("scores.impute") == [*declared, "impute", "2.1", False, True, None, None]
    assert said("scores.scale") == [*declared, "scale", "7", False, None, True, None]
    assert said("scores.clip_by_settings") == [*declared, "clip", "3", False, None, None, True]
    assert said("scores.bare") == said("prepares.bare") == [None] * 8
    assert said("prepares")[:2] == ["monitor", "declared"]
    assert outcome.problems() == []
