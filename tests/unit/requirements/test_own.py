"""Checks of a file of one's own, judged by facts: real events, through the projections."""

from __future__ import annotations

import pytest

from orchestrail.projections.apply import apply
from orchestrail.queries.facts import process_roots, processes
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.catalogue.loading import FILE, extended
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.declared import VOCABULARY
from orchestrail.requirements.engine import outcome, verdict
from orchestrail.requirements.located import made as made_of
from orchestrail.requirements.located import read
from orchestrail.requirements.own import evaluators, subjects
from orchestrail.requirements.verdicts import Status, Why

ALL = {"capabilities": ["code_digest", "dataset_version", "parameters", "attempts", "environment"]}


def catalogue(scope, check):
    content = read(
        f"""
id: own
version: "1"
title: t
requirements:
  - {{id: OWN-01, title: t, level: must, scope: {scope}, mode: auto, profiles: [operate], hint: h, since: "1", check: {check}}}
""",
        "own.yaml",
    )
    return extended(load_catalogue(), made_of(FILE, content), content)


@pytest.fixture
def loaded(made):
    """Record events; gives the processes."""

    def load(*events):
        log = made.MemoryLog()
        log.add(*events)
        apply(log)
        with log.read() as connection:
            return list(processes(connection, process_roots(connection)))

    return load


@pytest.fixture
def judged(loaded):
    """Record events and judge them by one check; gives the verdict."""
    from datetime import date

    def judge(scope, check, *events):
        (one,) = evaluators(catalogue(scope, check))
        return verdict(
            one.requirement, [outcome(one, each, Circumstances(date(2026, 3, 1))) for each in loaded(*events)]
        )

    return judge


def training(made, number, code, *, capabilities=ALL, **more):
    facets = {"orchestrail_step": {"role": "train"}, "orchestrail_code": code, **more}
    if capabilities is not None:
        facets["orchestrail_capabilities"] = capabilities
    return made.event("COMPLETE", number, job=f"train-{number}", **facets)


CLEAN = "{where: [{field: role, is: train}], require: [{field: code_dirty, is: false}]}"


def test_each_subject_is_judged_and_the_field_is_named(made, judged):
    """What fails is listed with its run, the event and what stands there."""
    found = judged(
        "step",
        CLEAN,
        training(made, 1, {"commit": "a" * 40, "dirty": False}),
        training(made, 2, {"commit": "a" * 40, "dirty": True}),
        made.event("COMPLETE", 3, orchestrail_step={"role": "evaluate"}),
    )
    assert (found.status, found.subjects, found.examined) == (Status.FAIL, 2, 2)
    (result,) = found.results
    assert (result.subject, result.label) == (made.run_id(2), "train-2")
    assert [(each.run_id, each.sequence, each.field, each.detail) for each in result.witnesses] == [
        (made.run_id(2), 1, "code_dirty", "true")
    ]


def test_what_is_missing_fails_only_where_it_could_be_seen(made, judged):
    """As for every other requirement."""
    check = "{where: [{field: role, is: train}], require: [{field: code_commit, known: true}]}"
    could, could_not = (training(made, 1, {}, capabilities=each) for each in (ALL, {"capabilities": ["attempts"]}))
    assert judged("step", check, could).status is Status.FAIL
    unseen = judged("step", check, could_not)
    assert (unseen.status, unseen.why) == (Status.UNKNOWN, Why.NOT_CAPTURED)


def test_a_foreign_producer_decides_by_what_it_told_alone(made, judged):
    """Nothing is absent because somebody else does not tell of it."""
    event = made.event("COMPLETE", 1, producer=made.AIRFLOW, job="theirs")
    assert judged("run", "{require: [{field: job, like: their*}]}", event).status is Status.PASS
    for field in ("role", "system", "code_digest", "image_digest"):
        for wanted in ("true", "false"):
            assert judged("run", f"{{require: [{{field: {field}, known: {wanted}}}]}}", event).status is Status.UNKNOWN
    assert judged("run", "{require: [{field: inputs, at_most: 0}]}", event).status is Status.UNKNOWN


def test_no_subject_is_unknown(made, judged):
    """A check that is about nothing on the record holds for nothing."""
    found = judged("step", CLEAN, made.event("COMPLETE", 1, orchestrail_step={"role": "split"}))
    assert (found.status, found.subjects) == (Status.UNKNOWN, 0)


def test_uses_of_data_sets_are_subjects(made, judged):
    """Each with the facts of its run: what training reads is pinned."""
    check = (
        "{where: [{field: role, is: train}, {field: direction, is: input}], require: [{field: digest, known: true}]}"
    )
    event = made.event(
        "COMPLETE",
        1,
        orchestrail_step={"role": "train"},
        orchestrail_capabilities=ALL,
        inputs=[made.dataset("/a", "a"), made.dataset("/b")],
        outputs=[made.dataset("/c")],
    )
    found = judged("dataset", check, event)
    assert (found.status, found.subjects) == (Status.FAIL, 2)
    assert [result.subject for result in found.results] == ["file:/b"]


def test_the_environment_of_a_step_is_that_of_its_process(made, judged):
    """It is told once, at the root."""
    image = "sha256:" + "1" * 64
    environment = {"digest": made.digest("e"), "container": {"imageDigest": image}}
    check = f"{{require: [{{field: image_digest, is: '{image}'}}]}}"
    root = made.event("START", 1, orchestrail_environment=environment, orchestrail_capabilities=ALL)
    found = judged("run", check, root, made.event("COMPLETE", 2, parent=1, root=1))
    assert (found.status, found.subjects) == (Status.PASS, 2)


@pytest.mark.parametrize("scope", VOCABULARY)
def test_facts_are_those_of_the_vocabulary(made, loaded, scope):
    """No field that a file cannot name, none of another type, and all of them where all is told."""
    event = made.event(
        "COMPLETE",
        1,
        orchestrail_step={"role": "train"},
        orchestrail_capabilities=ALL,
        inputs=[made.dataset("/a", "a")],
    )
    (process,) = loaded(event)
    (subject,) = subjects(process, scope)
    fields = VOCABULARY[scope]
    assert subject.facts.keys() <= fields.keys()
    assert fields.keys() - subject.facts.keys() <= {"rows", "bytes"}
    assert all(value is None or type(value) is fields[name] for name, value in subject.facts.items())
