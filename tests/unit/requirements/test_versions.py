"""PREP-02 and LIN-05: over the whole record, one version is one code, and one content."""

from __future__ import annotations

import pytest

from orchestrail.requirements.verdicts import Status, Why

pytestmark = pytest.mark.usefixtures("as_written")


def code(text, algorithm="py-tokens-2"):
    return f"{algorithm}:sha256:{text * 64}"


def prepared(made, number, digest, *, environment="production", operation="impute", version="1", **more):
    """A run of an operation."""
    step = {"role": "preprocess", "roleSource": "declared", "operation": operation, "version": version}
    facets = {"orchestrail_code": {"digest": digest}} if digest else {}
    return made.event("COMPLETE", number, ours={"environment": environment}, orchestrail_step=step, **facets, **more)


def test_one_version_with_one_code_passes(made, judged):
    """However often it ran; another version may be another code."""
    events = [prepared(made, number, code("1")) for number in (1, 2, 3)]
    verdict = judged("PREP-02", *events, prepared(made, 4, code("2"), version="2"))
    assert (verdict.status, verdict.subjects) == (Status.PASS, 2)


def test_two_codes_under_one_version_fail_and_name_their_runs(made, judged):
    """The first and the last run of each."""
    events = [prepared(made, number, code("1" if number < 3 else "2")) for number in (1, 2, 3, 4)]
    verdict = judged("PREP-02", *events)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "2 codes ran under one version")
    (result,) = verdict.results
    assert (result.subject, [witness.run_id for witness in result.witnesses]) == (
        "impute@1",
        [made.run_id(number) for number in (1, 2, 3, 4)],
    )


@pytest.mark.parametrize(
    ("digest", "why"),
    [(None, "1 of 2 runs have a digest"), (code("1", "py-bytecode-1"), "by digests of several algorithms")],
)
def test_a_code_that_cannot_be_compared_is_unknown(made, judged, digest, why):
    """Without a digest, or with one of another algorithm."""
    verdict = judged("PREP-02", prepared(made, 1, code("1")), prepared(made, 2, digest))
    assert (verdict.status, verdict.why, why in verdict.reason) == (Status.UNKNOWN, Why.PARTIAL, True)


def test_trials_are_left_out_unless_a_deployed_model_descends_from_them(made, judged):
    """In development a version may still change; what is deployed counts wherever it was made."""
    first = prepared(made, 1, code("1"))
    trial = prepared(made, 2, code("2"), environment="dev", outputs=[made.dataset("/clean", "clean")])
    assert judged("PREP-02", first, trial).status is Status.PASS
    train = made.event(
        "COMPLETE",
        3,
        second=1,
        inputs=[made.dataset("/clean", "clean")],
        outputs=[made.dataset("/m", "m", kind="model")],
    )
    serve = made.event(
        "START", 4, second=2, orchestrail_serving={"deployment": "eu", "model": {"digest": made.digest("m")}}
    )
    assert judged("PREP-02", first, trial, train).status is Status.PASS
    assert judged("PREP-02", first, trial, train, serve).status is Status.FAIL


def test_codes_of_several_algorithms_are_compared_within_each(made, judged):
    """Two of one algorithm are two codes, whatever a third one says."""
    bytecode = [code(text, "py-bytecode-1.3.11") for text in "12"]
    for digests, status in (
        ([code("1"), bytecode[0], bytecode[1]], Status.FAIL),
        ([code("1"), bytecode[0]], Status.UNKNOWN),
        ([None, bytecode[0], bytecode[1]], Status.FAIL),
        ([None], Status.UNKNOWN),
    ):
        events = [prepared(made, number, digest) for number, digest in enumerate(digests, start=1)]
        assert judged("PREP-02", *events).status is status


@pytest.mark.parametrize("state", ["CACHED", "SKIPPED"])
def test_code_that_did_not_run_does_not_count(made, judged, state):
    """A run that took a stored result was given the code of today, and ran none."""
    other = prepared(made, 2, code("2"))
    other["run"]["facets"]["orchestrail_run"]["state"] = state
    verdict = judged("PREP-02", prepared(made, 1, code("1")), other)
    assert (verdict.status, verdict.subjects) == (Status.PASS, 1)


def test_trials_alone_are_no_subjects(made, judged):
    """It is said that there are some."""
    verdict = judged("PREP-02", prepared(made, 1, code("1"), environment="dev"))
    assert (verdict.status, verdict.why) == (Status.UNKNOWN, Why.NO_SUBJECTS)
    assert verdict.reason.startswith("1 run is of the environment `dev`, and no deployed model descends from")
    both = [prepared(made, number, code("1"), environment="dev") for number in (1, 2)]
    assert judged("PREP-02", *both).reason.startswith("2 runs are of the environment `dev`, and")


def test_a_derived_version_is_no_version(made, judged):
    """It follows the code by itself."""
    step = {"role": "preprocess", "operation": "impute"}
    event = made.event(
        "COMPLETE", 1, ours={"environment": "p"}, orchestrail_step=step, orchestrail_code={"digest": code("1")}
    )
    assert judged("PREP-02", event).why is Why.NO_SUBJECTS


def versioned(made, name, version, content):
    """A data set with a version name."""
    dataset = made.dataset(name, content)
    dataset["facets"]["version"] = {"datasetVersion": version}
    return dataset


def test_a_version_name_that_keeps_its_content_passes(made, judged):
    """Digests that stand for versions are no names."""
    verdict = judged(
        "LIN-05",
        made.event("COMPLETE", 1, outputs=[versioned(made, "/a", "v1", "a"), made.dataset("/b", "b")]),
        made.event("COMPLETE", 2, inputs=[versioned(made, "/a", "v1", "a")]),
    )
    assert (verdict.status, verdict.subjects) == (Status.PASS, 1)


def test_a_version_name_of_two_contents_fails(made, judged):
    """In whichever processes they were seen, and who saw each first is named."""
    verdict = judged(
        "LIN-05",
        made.event("COMPLETE", 1, outputs=[versioned(made, "/a", "v1", "a")]),
        made.event("COMPLETE", 2, inputs=[versioned(made, "/a", "v1", "other")]),
    )
    assert (verdict.status, verdict.reason) == (Status.FAIL, "the version stands for 2 contents")
    (result,) = verdict.results
    assert result.subject == "file:/a@v1"
    assert [(witness.run_id, witness.sequence) for witness in result.witnesses] == [
        (made.run_id(1), 0),
        (made.run_id(2), 1),
    ]


def test_a_version_that_was_not_always_digested_is_partial(made, judged):
    """n of m uses are known."""
    verdict = judged(
        "LIN-05",
        made.event("COMPLETE", 1, outputs=[versioned(made, "/a", "v1", "a")]),
        made.event("COMPLETE", 2, inputs=[versioned(made, "/a", "v1", None)]),
    )
    assert (verdict.status, verdict.reason) == (Status.UNKNOWN, "1 of 2 uses have a digest")


def test_a_weak_digest_shows_no_content(made, judged):
    """It may not be of what was read: neither that the version kept its content, nor that it did not."""
    for content in ("a", "other"):
        weak = versioned(made, "/a", "v1", content)
        weak["facets"]["orchestrail_dataset"]["weak"] = "it changed while it was read"
        verdict = judged(
            "LIN-05",
            made.event("COMPLETE", 1, outputs=[versioned(made, "/a", "v1", "a")]),
            made.event("COMPLETE", 2, inputs=[weak]),
        )
        assert (verdict.status, verdict.reason) == (Status.UNKNOWN, "1 of 2 uses have a digest")
        assert made.run_id(2) in {witness.run_id for witness in verdict.results[0].witnesses}
