"""What holds of every evaluator: nothing passes by emptiness, by less on the record, by its order, or by what others do."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrail.model import Capability
from orchestrail.projections.apply import apply
from orchestrail.queries.record import StoreFacts
from orchestrail.queries.scopes import everything
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.engine import EVALUATORS
from orchestrail.requirements.judging import circumstances_of, units
from orchestrail.requirements.units import KINDS
from orchestrail.requirements.verdicts import Status

CATALOGUE = load_catalogue()
IDS = [requirement.id for requirement in CATALOGUE.requirements]
ABLE = sorted(set(Capability))
LESS = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def results(made, events, requirements=IDS):
    """Judge each subject on the record: by requirement and subject its statuses, those that pass too."""
    log = made.MemoryLog()
    log.add(*events)
    apply(log)
    found = defaultdict(list)
    with log.read() as connection:
        scope = everything(connection)
        circumstances = circumstances_of(connection, CATALOGUE, date(2026, 3, 1), StoreFacts(log.size()))
        for kind in KINDS:
            for unit in units(connection, scope, kind, requirements, circumstances):
                for each in EVALUATORS:
                    if each.of is kind.of and each.requirement in requirements:
                        for one in each.judge(unit, circumstances):
                            found[each.requirement, one.subject].append(one.status)
    return {key: sorted(statuses) for key, statuses in found.items()}


def story(made, first=1, place=""):
    """A whole process: flow, ingest, preparation, training, evaluation, service. Other numbers and another place: another story."""

    def file(name, **ours):
        return made.dataset(f"{place}/{name}", f"{place}{name}", **ours)

    def digest(name):
        return made.digest(f"{place}{name}")

    def step(number, role, job, **more):
        said = {"role": role, "roleSource": "declared"} | more.pop("step", {})
        facets = {
            "orchestrail_step": said,
            "orchestrail_code": {"digest": f"py-tokens-2:{digest(job)}"},
            "orchestrail_parameters": {"parameters": {}, "digest": digest("parameters")},
            "orchestrail_execution": {"seeds": [{"name": "random.seed", "value": 1}]},
        }
        begin = {name: facets[name] for name in facets if name != "orchestrail_execution"}
        where = {"parent": first, "root": first, "job": f"{place}{job}"}
        return [
            made.event("START", first + number, second=2 * number, **where, **copy.deepcopy(begin)),
            made.event("COMPLETE", first + number, second=2 * number + 1, **where, **facets, **more),
        ]

    checked = {"name": "no-nulls", "success": True, "severity": "error", "kind": "quality"}
    checked["dataset"] = {"namespace": "file", "name": f"{place}/clean", "digest": digest("clean")}
    prepares = {"operation": f"{place}impute", "version": "1", "serveTime": True, "stateDigest": digest("state")}
    served = {"deployment": f"{place}eu", "model": {"digest": digest("m")}}
    served["preparation"] = [
        {
            "operation": prepares["operation"],
            "version": "1",
            "codeDigest": f"py-tokens-2:{digest('prepare')}",
            "stateDigest": prepares["stateDigest"],
        }
    ]
    environment = {"distributionsDigest": digest("lock"), "cpu": {"count": 2}, "python": {"version": "3.11"}}
    overlap = {"name": "keys", "success": True, "kind": "overlap"}
    return [
        made.event(
            "START",
            first,
            job=f"{place}flow",
            ours={"trigger": "scheduled"},
            orchestrail_capabilities={"capabilities": ABLE},
            orchestrail_environment=environment,
        ),
        *step(
            1, "ingest", "ingest", inputs=[file("source", role="source")], outputs=[file("raw", observed="at_write")]
        ),
        *step(
            2,
            "preprocess",
            "prepare",
            step=prepares,
            orchestrail_checks={"checks": [checked]},
            inputs=[file("raw")],
            outputs=[file("clean", observed="at_write"), file("test", observed="at_write")],
        ),
        *step(
            3,
            "train",
            "train",
            inputs=[file("clean", role="train")],
            outputs=[file("m", kind="model", observed="at_write")],
        ),
        *step(
            4,
            "evaluate",
            "evaluate",
            orchestrail_checks={"checks": [overlap]},
            orchestrail_metrics={"metrics": [{"name": "auc", "value": 0.9}]},
            inputs=[file("m"), file("test", role="test")],
            outputs=[file("report", observed="at_write")],
        ),
        made.event("COMPLETE", first, second=11, job=f"{place}flow"),
        made.event(
            "START",
            first + 5,
            second=12,
            job=f"{place}serve",
            ours={"environment": "production"},
            orchestrail_step={"role": "serve"},
            orchestrail_serving=served,
            orchestrail_environment=environment,
            inputs=[file("m")],
        ),
    ]


POSITIVE = (
    "orchestrail_code", "orchestrail_parameters", "orchestrail_checks", "orchestrail_metrics", "orchestrail_environment",
    "orchestrail_execution", "orchestrail_capabilities", "version", "operation", "serveTime", "stateDigest", "stateDigest",
    "digest", "distributionsDigest", "cpu", "environment", "observed", "codeDigest", "preparation", "severity", "roleSource",
)  # fmt: skip
"""Facts that speak for something: none of them is the reason of a failure, nor what makes something a subject."""


def paths(value, way=()):
    """List the places of facts in events that may be missing."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in POSITIVE:
                yield (*way, key)
            yield from paths(inner, (*way, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*way, number))


def without(events, ways):
    """Leave facts out."""
    left = json.loads(json.dumps(events))
    for way in ways:
        place = left
        try:
            for key in way[:-1]:
                place = place[key]
            del place[way[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # something around it is left out already
    return left


@pytest.mark.parametrize("requirement", IDS)
def test_nothing_passes_on_an_empty_record(judged, requirement):
    """Nor is anything attested there."""
    verdict = judged(requirement, store=StoreFacts(0))
    assert (verdict.status, verdict.subjects) == (Status.UNKNOWN, 0)


def test_a_whole_story_passes_by_what_facts_alone_decide(made):
    """Otherwise what is left out below would turn nothing."""
    passing = {
        requirement for (requirement, _), statuses in results(made, story(made)).items() if Status.PASS in statuses
    }
    assert passing >= {
        "RUN-ID-01", "RUN-ID-02", "RUN-LC-01", "LIN-01", "LIN-02", "LIN-03", "LIN-04", "PREP-01", "PREP-02", "PREP-03",
        "PREP-04", "PREP-05", "PREP-06", "DATA-01", "MOD-01", "MOD-02", "MOD-03", "DEP-01", "CHG-02",
    }  # fmt: skip


@LESS
@given(data=st.data())
def test_less_on_the_record_turns_nothing_into_a_pass(made, data):
    """What fails or is unknown with some facts missing does not pass with more of them missing."""
    whole = story(made)
    ways = sorted(set(paths(whole)), key=repr)
    some = data.draw(st.lists(st.sampled_from(ways), min_size=1, max_size=6, unique=True))
    more = data.draw(st.lists(st.sampled_from(ways), min_size=1, max_size=6, unique=True))
    before, after = results(made, without(whole, some)), results(made, without(whole, [*some, *more]))
    for key, statuses in after.items():
        if set(statuses) == {Status.PASS} and key in before:
            assert set(before[key]) == {Status.PASS}, (key, some, more)


@LESS
@given(order=st.permutations(range(6)), data=st.data())
def test_unrelated_runs_change_no_verdict_of_others(made, order, data):
    """Whatever is wrong with them, and wherever in the log they stand."""
    own = story(made)
    other = story(made, first=20, place="/other")
    broken = without(other, data.draw(st.lists(st.sampled_from(sorted(set(paths(other)), key=repr)), max_size=5)))
    alone = results(made, own)
    mixed, left = [], list(own)
    for number, event in zip([*order, *range(6, len(broken))], broken, strict=True):
        mixed += left[: number % 3]
        left = left[number % 3 :]
        mixed.append(event)
    together = results(made, [*mixed, *left])
    store = {"record", "prefect", "quarantine"}
    assert {key: found for key, found in together.items() if key in alone and key[1] not in store} == {
        key: found for key, found in alone.items() if key[1] not in store
    }


@LESS
@given(order=st.permutations(range(6)))
def test_the_order_in_which_processes_arrive_decides_nothing(made, order):
    """Each story as a whole; what is in one of them keeps its order, as a log does."""
    stories = [story(made, first=10 * number, place=f"/{number}") for number in range(1, 4)]
    one = [event for each in stories for event in each]
    other = [event for number in order if number < 3 for event in stories[number]]
    assert results(made, other) == results(made, one)


@LESS
@given(order=st.permutations(range(5)))
def test_the_order_in_which_runs_arrive_decides_nothing_about_them(made, order):
    """Of a process's runs, some of which are collected later: by their own times, and not by their places in the log."""
    whole = story(made)
    by_run = defaultdict(list)
    for event in whole:
        by_run[event["run"]["runId"]].append(event)
    runs = list(by_run.values())
    shuffled = [event for number in order for event in runs[number]] + runs[5]
    places = {"LIN-03", "LIN-04", "DATA-02", "DATA-01", "MOD-01", "MOD-02", "PREP-01", "PREP-04", "PREP-05", "CHG-01"}
    asked = [requirement for requirement in IDS if requirement not in places]
    assert results(made, shuffled, asked) == results(made, whole, asked)


@LESS
@given(data=st.data())
def test_no_evaluator_fails_on_any_record(made, data):
    """Events that contradict each other, in circles and out of order; a duplicate changes nothing."""
    events = data.draw(made.event_lists())
    found = results(made, events)
    again = results(made, [*events, *events])
    decided = {key for key, statuses in again.items() if set(statuses) == {Status.PASS}}
    assert decided <= {key for key, statuses in found.items() if set(statuses) == {Status.PASS}} | (
        again.keys() - found.keys()
    )
