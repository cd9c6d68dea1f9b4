"""All that is on the record judged: what is kept between two times gives the verdicts that judging anew gives."""

from __future__ import annotations

from datetime import date

import made
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orchestrail.operations.judging import judge_everything
from orchestrail.operations.rejudging import misjudged as judge_again
from orchestrail.projections import outcomes
from orchestrail.projections.apply import apply
from orchestrail.queries.scopes import everything
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import EVALUATORS
from orchestrail.requirements.judging import judge
from orchestrail.requirements.verdicts import Status

REQUIREMENTS = sorted({each.requirement for each in EVALUATORS})
DAY = date(2026, 3, 1)


def fresh(log, day=DAY):
    """Judge without anything kept."""
    apply(log)
    with log.read() as connection:
        return {
            each.requirement: each
            for each in judge(connection, everything(connection), REQUIREMENTS, Circumstances(day))
        }


def kept(log, day=DAY, by="all"):
    """Judge what changed."""
    return {each.requirement: each for each in judge_everything(log, REQUIREMENTS, Circumstances(day), by)}


def misjudged(log):
    """Judge again what is kept, and take back that it was used up."""
    with log.project() as connection:
        found = (
            []
            if outcomes.judged_by(connection) is None
            else [*judge_again(connection, REQUIREMENTS, Circumstances(DAY))]
        )
        connection.rollback()
    return found


def same(one, other):
    """Compare verdicts: counts, and what is listed as far as all of it is."""
    for requirement in REQUIREMENTS:
        a, b = one[requirement], other[requirement]
        assert (a.status, a.counts) == (b.status, b.counts), requirement
        assert {(each.subject, each.status, each.reason) for each in a.results} == {
            (each.subject, each.status, each.reason) for each in b.results
        }, requirement


RUNS = st.integers(1, 6)
ROLES = st.sampled_from([None, "ingest", "preprocess", "train", "evaluate", "serve"])
NAMES = st.sampled_from(["/a", "/b", "/c"])
DATASETS = st.lists(
    st.builds(
        lambda name, content, kind: made.dataset(name, content, kind=kind),
        NAMES,
        st.sampled_from([None, "one", "two"]),
        st.sampled_from(["data", "model"]),
    ),
    max_size=2,
)


@st.composite
def events(draw):
    """An event of one of a few runs, which may hang on each other, be tried again or take results."""
    run = draw(RUNS)
    role = draw(ROLES)
    ours = draw(
        st.sampled_from([{}, {"state": "CACHED"}, {"attempt": 2}, {"state": "SKIPPED"}, {"environment": "production"}])
    )
    ours = {**ours, **({"cachedFrom": made.run_id(draw(RUNS))} if ours.get("state") == "CACHED" else {})}
    more = {"orchestrail_step": {"role": role, "operation": "o", "version": "1"}} if role else {}
    return made.event(
        draw(st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "OTHER"])),
        run,
        second=draw(st.integers(0, 20)),
        parent=draw(st.none() | RUNS),
        job=draw(st.sampled_from([None, "other"])),
        inputs=draw(DATASETS),
        outputs=draw(DATASETS),
        ours=ours,
        **more,
    )


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(st.lists(events(), min_size=1, max_size=6), min_size=1, max_size=5))
def test_what_changed_judged_anew_gives_what_judging_all_gives(batches):
    """However the log grew, and whatever changed in runs that were judged before: what is kept and still counts is right, too."""
    log = made.MemoryLog()
    for batch in batches:
        log.add(*batch)
        apply(log)
        assert misjudged(log) == []
        same(kept(log), fresh(log))
        assert misjudged(log) == []


def test_a_later_day_changes_what_ages():
    """An open run becomes one that never ended, without a new event."""
    log = made.MemoryLog()
    log.add(made.event("START", 1), made.event("START", 2), made.event("COMPLETE", 2))
    assert kept(log)["RUN-LC-01"].counts == {Status.PASS: 1, Status.UNKNOWN: 1}
    later = date(2026, 4, 1)
    assert kept(log, later)["RUN-LC-01"].counts == {Status.PASS: 1, Status.FAIL: 1}
    same(kept(log, later), fresh(log, later))


def test_another_catalogue_judges_all_anew():
    """What was kept of another one does not count."""
    log = made.MemoryLog()
    log.add(made.event("START", 1), made.event("COMPLETE", 1))
    first = kept(log, by="one")
    with log.project() as connection:
        connection.exec_driver_sql("UPDATE proj_outcome SET status = 'fail'")
    assert kept(log, by="one")["RUN-ID-01"].status is Status.FAIL
    same(kept(log, by="two"), first)


def test_a_documentation_that_was_made_since_is_seen():
    """It is a record and no run: no process or model changes by it."""
    log = made.MemoryLog()
    log.add(made.event("COMPLETE", 1, outputs=[made.dataset("/m", "m", kind="model")]))
    assert kept(log)["DOC-02"].counts == {Status.UNKNOWN: 1}
    said = {"model": made.digest("m"), "digest": made.digest("doc"), "day": "2026-03-01", "size": 1}
    log.add(made.record("orchestrail_document", **said, points=[{"point": "1(a)", "marks": ["statement"]}]))
    assert kept(log)["DOC-02"].counts == {Status.ATTESTED: 1}


def test_a_check_of_what_a_model_was_trained_on_has_it_judged_anew():
    """A later run may make it, of which nothing else has to do with the model."""
    log = made.MemoryLog()
    step, trained = {"role": "train"}, made.dataset("/train", "t", role="train")
    model, test = made.dataset("/m", "m", kind="model"), made.dataset("/test", "s", role="test")
    log.add(
        made.event("COMPLETE", 1, orchestrail_step=step, inputs=[trained], outputs=[model]),
        made.event("COMPLETE", 2, orchestrail_step={"role": "evaluate"}, inputs=[model, test]),
    )
    same(kept(log), fresh(log))
    for success, status in ((True, Status.PASS), (False, Status.FAIL)):
        check = {"name": "keys", "kind": "overlap", "success": success}
        check["dataset"] = {"namespace": "file", "name": "/test", "digest": made.digest("s")}
        inputs = [made.dataset("/train", "t"), made.dataset("/test", "s")]
        log.add(made.event("COMPLETE", 3 + success, orchestrail_checks={"checks": [check]}, inputs=inputs))
        apply(log)
        anew = kept(log)
        same(anew, fresh(log))
        assert anew["DATA-01"].status is status
        assert misjudged(log) == []


def test_what_made_the_test_data_has_a_model_judged_anew():
    """Told later than the model and its evaluation, as the spool of another host is."""
    log = made.MemoryLog()

    def prepared(run, second, reads, writes):
        step = {"role": "preprocess", "roleSource": "declared", "operation": "clean", "version": "1"}
        parameters = {"parameters": {}, "digest": made.digest("p")}
        inputs, outputs = ([made.dataset(f"/{name}", name)] for name in (reads, writes))
        facets = {"orchestrail_step": step, "orchestrail_parameters": parameters}
        return made.event("COMPLETE", run, second=second, inputs=inputs, outputs=outputs, **facets)

    model, trained = made.dataset("/m", "m", kind="model"), made.dataset("/train", "train", role="train")
    tested = made.dataset("/test", "test", role="test")
    log.add(
        prepared(1, 0, "a", "train"),
        made.event("COMPLETE", 2, second=2, orchestrail_step={"role": "train"}, inputs=[trained], outputs=[model]),
        made.event("COMPLETE", 3, second=3, orchestrail_step={"role": "evaluate"}, inputs=[model, tested]),
    )
    before = kept(log)
    same(before, fresh(log))
    assert before["PREP-05"].status is Status.UNKNOWN
    log.add(prepared(4, 1, "b", "test"))
    anew = kept(log)
    same(anew, fresh(log))
    assert anew["PREP-05"].status is Status.PASS
    assert misjudged(log) == []


def test_what_a_model_rests_on_is_held_against_the_record():
    """Who changes it has a verdict stand that should be made anew."""
    log = made.MemoryLog()
    log.add(made.event("COMPLETE", 1, outputs=[made.dataset("/m", "m", kind="model")]))
    kept(log)
    with log.project() as connection:
        connection.exec_driver_sql("DELETE FROM proj_member WHERE part LIKE 'reads:%'")
    (found,) = misjudged(log)
    assert (found.table, found.row) == ("proj_member", f"unit {made.digest('m')}")


def test_a_judgement_that_was_stopped_is_made_anew(monkeypatch):
    """Killed before it kept anything, it leaves nothing that could be taken for whole."""
    from orchestrail.operations import judging

    log = made.MemoryLog()
    log.add(made.event("START", 1), made.event("COMPLETE", 1))
    with monkeypatch.context() as patched:
        patched.setattr(judging._Everything, "judge", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            kept(log)
    same(kept(log), fresh(log))


def test_verdicts_are_the_same_each_time():
    """The same head, catalogue and day: the same verdicts, in the same order."""
    log = made.MemoryLog()
    log.add(*(made.event("START", number) for number in range(1, 9)))
    kept(log)
    assert [repr(each) for each in kept(log).values()] == [repr(each) for each in kept(log).values()]
