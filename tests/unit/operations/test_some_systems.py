"""Verdicts for those who may see some systems alone: by what is seen, whatever else is on the record."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from typing import Any

import made
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from orchestrail.errors import Forbidden, NotRecorded
from orchestrail.manifest import Manifest
from orchestrail.model import Job
from orchestrail.operations.checking import Question, check
from orchestrail.operations.records import own_record
from orchestrail.operations.standing import answer
from orchestrail.projections import tables
from orchestrail.projections.apply import apply
from orchestrail.queries.manifests import manifest_in_force
from orchestrail.queries.runs import runs
from orchestrail.queries.scans import scanned
from orchestrail.queries.scopes import everything
from orchestrail.queries.show import show
from orchestrail.queries.snapshot import snapshot
from orchestrail.queries.statements import statements
from orchestrail.queries.withdrawals import withdrawals
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.judging import circumstances_of, judge
from orchestrail.requirements.report import report_document
from orchestrail.requirements.verdicts import Status, Verdict, Why
from orchestrail.statements.content import content_of

DAY = date(2026, 3, 2)
CATALOGUE = load_catalogue()
OURS = frozenset({"ours"})


def log_of(*events: dict[str, Any]) -> Any:
    """A log with some events."""
    log = made.MemoryLog()
    log.add(*events)
    return log


def without_places(document: Any) -> Any:
    """Leave out where in the log something stands."""
    if isinstance(document, dict):
        return {key: without_places(value) for key, value in document.items() if key != "sequence"}
    return [without_places(each) for each in document] if isinstance(document, list) else document


def judged(log: Any, systems: frozenset[str] | None = OURS, **asked: Any) -> str:
    """What is said to whoever may see some systems, without where in the log something stands."""
    question = Question(**asked, profile=None, day=DAY, afar=True, systems=systems)
    try:
        return json.dumps(without_places(report_document(check(log, CATALOGUE, question))))
    except NotRecorded as error:
        return str(error)


def verdicts(log: Any, **asked: Any) -> dict[str, Any]:
    """The verdicts of whoever may see one system, by requirement."""
    report = check(log, CATALOGUE, Question(**asked, profile=None, day=DAY, systems=OURS))
    return {verdict.requirement: verdict for _, verdict in report.verdicts}


def seen(log: Any) -> set[str]:
    """Ids of the runs that are seen."""
    with snapshot(log, systems=OURS) as record:
        return {row.run_id for row in runs(record, every=True)}


@st.composite
def records(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of few runs, each of one of two systems or of none, that meet in every way."""
    events = draw(made.event_lists())
    of = {event["run"]["runId"]: draw(st.sampled_from(["ours", "ours", "theirs", None])) for event in events}
    roles = {run_id: draw(st.sampled_from(["preprocess", "train", "serve", None])) for run_id in of}
    for event in events:
        run_id = event["run"]["runId"]
        event["run"]["facets"]["orchestrail_run"]["system"] = of[run_id]
        if roles[run_id]:
            code = made.digest(draw(st.sampled_from("xy")))
            event["run"]["facets"]["orchestrail_step"] = {"role": roles[run_id], "roleSource": "declared"}
            event["run"]["facets"]["orchestrail_step"] |= {"operation": "scale", "version": "1"}
            event["job"]["facets"]["orchestrail_code"] = {"digest": f"py-tokens-1:{code}"}
    return events


def chain(*systems: str | None) -> list[dict[str, Any]]:
    """Runs of some systems, each the parent of the next one."""
    return [
        made.event("START", number, parent=number - 1 or None, ours={"system": system})
        for number, system in enumerate(systems, 1)
    ]


@given(records())
@example(chain("theirs", "ours", "ours", None))
@example(chain("ours", "theirs", "ours", "ours"))
@example([made.event("START", 1, ours={"system": "ours"}), made.event("START", 2, parent=9, root=1)])
@settings(max_examples=12)
def test_what_is_said_is_what_is_said_where_nothing_else_was_written(events):
    """Verdicts over all that is seen, over the system and over each run: the same bytes; and each run as a whole."""
    mixed = log_of(*events)
    own = seen(mixed)
    alone = log_of(*(event for event in events if event["run"]["runId"] in own))
    # One that names none is of its root's system, whoever stands between: without those it has another root, and is of none.
    assume(seen(alone) == own)
    assert judged(mixed) == judged(alone)
    assert judged(mixed, system="ours") == judged(alone, system="ours")
    assert judged(mixed, system="theirs") == judged(alone, system="theirs")
    for run_id in sorted(own)[-1:]:
        assert judged(mixed, target=run_id) == judged(alone, target=run_id)
    with snapshot(mixed, systems=OURS) as one, snapshot(alone) as other:
        for here, there in zip(runs(one, every=True), runs(other, every=True), strict=True):
            assert here.root_run_id == there.root_run_id
            assert [row.run_id for row in show(one, here).runs] == [row.run_id for row in show(other, there).runs]


def rows(record: Any) -> dict[str, Counter[Any]]:
    """Which run hangs on which root, what runs used, and what is counted of them: without places in the log."""
    run, use, ran, named = tables.run.c, tables.use.c, tables.ran_as.c, tables.of_system.c
    asked = {
        "roots": select(run.run_id, run.root_run_id),
        "of a root": select(run.run_id).where(run.root_run_id.in_(list(record.execute(select(run.run_id)).scalars()))),
        "uses": select(use.run_id, use.direction, use.name, use.digest),
        "codes": select(ran.operation, ran.version, ran.digest, ran.trial, ran.runs),
        "systems": select(named.system, named.runs),
    }
    return {name: Counter(tuple(row) for row in record.execute(query)) for name, query in asked.items()}


def used_before(*systems: str | None) -> list[dict[str, Any]]:
    """Runs inside each other that used something and ran as an operation, the innermost told of first."""
    step = {"role": "preprocess", "roleSource": "declared", "operation": "scale", "version": "1"}
    told = {"inputs": [made.dataset("/a", "x")], "orchestrail_step": step}
    parents = [None, *range(1, len(systems))]
    return [
        made.event("COMPLETE", number, parent=parent, ours={"system": system}, **told)
        for number, (system, parent) in reversed(list(enumerate(zip(systems, parents, strict=True), 1)))
    ]


@given(records(), st.sampled_from([("ours",), ("ours", "theirs")]), st.sampled_from([1, 3, 100]))
@example(chain("theirs", "ours", "ours", None), ("ours",), 1)
@example(chain("ours", "theirs", "ours", "ours", "theirs"), ("ours",), 1)
@example(used_before("ours", None, None), ("ours",), 1)
@example([*used_before(None, None, None), made.event("COMPLETE", 1, ours={"system": "ours"})], ("ours",), 1)
@settings(max_examples=40)
def test_rows_are_those_of_a_record_of_these_systems_alone(events, systems, step):
    """However the log was applied, and whatever other runs stand between: in one system by a column, in several by following."""
    mixed = made.MemoryLog()
    for place, event in enumerate(events):
        mixed.add(event)
        if place % step == 0:
            apply(mixed)
    with snapshot(mixed, systems=systems) as record:
        found = rows(record)
    with snapshot(log_of(*events), systems=systems) as record:
        own = set(record.execute(select(tables.run.c.run_id)).scalars())
    with snapshot(log_of(*(event for event in events if event["run"]["runId"] in own))) as record:
        expected = rows(record)
        named = select(tables.run.c.run_id).where(tables.run.c.belongs_to.in_(systems))
        # One that names none is of its root's system, whoever stands between: without those it may be of none.
        assume(set(record.execute(named).scalars()) == own)
    assert found == expected


@given(records())
@settings(max_examples=12)
def test_what_is_decided_by_less_is_decided_so_by_more(events):
    """What fails fails by the whole record too; where all passes, no run that is seen fails by the whole record."""
    log = log_of(*events)
    names = [requirement.id for requirement in CATALOGUE.requirements]
    by_some, own = verdicts(log), seen(log)
    with snapshot(log) as record:
        found = judge(record, everything(record), names, circumstances_of(record, CATALOGUE, DAY))
        failing = {verdict.requirement: _failing(verdict) for verdict in found}
    for requirement, verdict in by_some.items():
        assert _failing(verdict) <= failing[requirement], requirement
        if verdict.status is Status.PASS:
            assert not failing[requirement] & own, requirement


def _failing(verdict: Verdict) -> set[str]:
    return {result.subject for result in verdict.results if result.status is Status.FAIL}


def of_ours(number: int, **more: Any) -> dict[str, Any]:
    """A run of the system that is seen."""
    return made.event("COMPLETE", number, ours={"system": "ours"}, **more)


def test_what_others_could_say_otherwise_is_unknown():
    """A check that may lie elsewhere, and what is of the log as a whole: whether there is more is not told."""
    read = [made.dataset("/data", "x", role="train")]
    step = {"orchestrail_step": {"role": "train", "roleSource": "declared"}}
    foreign = made.event("COMPLETE", 2, inputs=[made.dataset("/data", "y")], ours={"system": "theirs"})
    for log in (log_of(of_ours(1, inputs=read, **step), foreign), log_of(of_ours(1, inputs=read, **step))):
        found = verdicts(log)
        assert (found["PREP-06"].status, found["PREP-06"].why) == (Status.UNKNOWN, Why.LIMITED)
        assert (
            "nothing checked it before training; what belongs to systems that are not seen" in found["PREP-06"].reason
        )
        assert (found["RUN-ID-01"].why, found["REC-01"].why) == (Why.PARTIAL, Why.LIMITED)
        assert found["RUN-LC-01"].status is Status.FAIL
        assert "that is seen here" in found["DEP-01"].reason


def manifest(*systems: str) -> dict[str, Any]:
    """The event of a manifest that describes some systems, with a requirement that each says not to apply."""
    exempt = [
        {"requirement": "DEP-01", "reason": f"{name} is not in use", "by": name, "system": name} for name in systems
    ]
    fields = [{"dataset": "/secret/of/theirs", "column": "name", "class": "none"}] if "theirs" in systems else []
    said = Manifest.model_validate(
        {
            "systems": [{"name": name, "purpose": f"of {name}"} for name in systems],
            "not_applicable": exempt,
            "fields": fields,
        }
    )
    facet = {"digest": said.digest, "by": "somebody", **said.document()}
    return json.loads(own_record("orchestrail_manifest", facet, "manifest", Job("bank", "orchestrail.test")).body)


def test_of_the_manifest_is_seen_what_it_says_of_the_system():
    """Not the other system, nor how data of it is called; the digest is that of what is seen."""
    mixed, alone = (log_of(of_ours(1), manifest(*names)) for names in (("ours", "theirs"), ("ours",)))
    with snapshot(mixed, systems=OURS) as one, snapshot(alone) as other:
        here, there = manifest_in_force(one), manifest_in_force(other)
    assert (here.manifest, here.digest) == (there.manifest, there.digest)
    assert judged(mixed) == judged(alone)
    assert verdicts(mixed)["DEP-01"].status is Status.UNKNOWN
    assert verdicts(mixed, system="ours")["DEP-01"].status is Status.NOT_APPLICABLE


def stated(name: str, content: str, **changes: Any) -> dict[str, Any]:
    """The event of what a person states about a model."""
    said = {
        "kind": "statement",
        "about": ["CHG-01"],
        "subject": {"kind": "model", "name": f"file:{name}", "digest": made.digest(content)},
        "by": "dana",
        "role": "regulatory_lead",
        "madeAt": made.at(10),
        "validUntil": "2026-06-01",
        "statement": f"The change of {content} is small.",
        "fields": [{"name": "change_class", "value": "not_substantial"}],
    }
    return made.record("orchestrail_statement", **content_of(said | changes).document(), signatures=[])


def test_of_statements_are_seen_those_about_what_is_seen():
    """About contents of the system and about itself; one that another has taken the place of does not count any more."""
    model = made.dataset("/m", "mine", kind="model")
    own, other = stated("/m", "mine"), stated("/m", "not mine")
    log = log_of(of_ours(1, outputs=[model]), own, other)
    with snapshot(log, systems=OURS) as record:
        (one,) = statements(record, DAY)
    assert one.statement == "The change of mine is small."
    assert verdicts(log)["CHG-01"].status is Status.ATTESTED
    log.add(stated("/m", "not mine", supersedes=one.id, statement="It is about something else."))
    assert verdicts(log)["CHG-01"].status is Status.UNKNOWN


def test_what_is_said_of_something_empty_is_seen_by_its_name_alone():
    """Withdrawals of it and statements about it: an empty file of the system is no reason to tell them of another's."""
    facts = {"namespace": "file", "version": None, "withdrawnAt": made.at(3), "reason": "It is old.", "by": None}
    withdrawn = [
        made.record("orchestrail_withdrawal", **facts, name=name, digest=made.digest("")) for name in ("/own", "/other")
    ]
    own, other = (stated(name, "") for name in ("/own", "/other"))
    log = log_of(of_ours(1, outputs=[made.dataset("/own", "")]), *withdrawn, own, other)
    with snapshot(log, systems=OURS) as record:
        assert [one.row.name for one in withdrawals(record)] == ["/own"]
        assert [one.subject.name for one in statements(record, DAY)] == ["file:/own"]


def test_what_is_of_all_systems_is_refused():
    """What a second look found stands on no row of a system."""
    log = log_of(of_ours(1))
    with snapshot(log, systems=OURS) as record, pytest.raises(Forbidden):
        scanned(record)


def test_a_report_of_some_systems_is_not_kept_in_the_store(store):
    """Who asked next would take it for one of all."""
    with pytest.raises(ValueError, match="some systems alone"):
        answer(store, CATALOGUE, Question(day=DAY, systems=OURS))
