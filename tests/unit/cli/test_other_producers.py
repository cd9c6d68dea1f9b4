"""What the answers say of events of other producers: much that is unknown, nothing that passes since nothing is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EVENTS = Path(__file__).parents[2] / "data" / "events"
PRODUCERS = {
    "airflow": EVENTS / "captured" / "airflow.jsonl",
    "dbt": EVENTS / "captured" / "dbt.jsonl",
    "spark": EVENTS / "spark.json",
}
DECIDED = {"RUN-ID-01", "RUN-ID-02", "RUN-LC-01", "RUN-LC-02", "REC-01"}
"""What OpenLineage itself tells enough of: ids, parents, starts and ends, errors; and the log, which is the store's own."""

FAILING = {"airflow": {"RUN-LC-01"}, "dbt": set(), "spark": {"RUN-LC-01"}}
"""`airflow dags test` has the provider tell no start of the DAG run; of the Spark job, written by hand, the end alone is here."""

each_producer = pytest.mark.parametrize("producer", PRODUCERS)


@pytest.fixture
def ingested(run, producer):
    """The record with the events of one producer; its name."""
    result = run("ingest", str(PRODUCERS[producer]))
    assert result.exit_code == 0, result.output
    return producer


@each_producer
def test_what_a_producer_does_not_tell_is_unknown(ingested, run):
    """Nothing passes but what OpenLineage itself tells, and that of subjects that are there; each unknown says why."""
    document = json.loads(run("check", "--profile", "operate", "--verify", "--date", "2026-12-01", "--json").stdout)
    verdicts = {one["id"]: one for one in document["verdicts"]}
    passing = {name for name, one in verdicts.items() if one["verdict"] == "pass"}
    assert {"RUN-ID-01", "REC-01"} <= passing <= DECIDED
    assert all(verdicts[name]["subjects"] for name in passing)
    left = {name: one for name, one in verdicts.items() if name not in passing}
    assert {one["verdict"] for name, one in left.items() if name not in DECIDED} == {"unknown"}
    assert all(one["reason"] and one["why"] for one in left.values() if one["verdict"] == "unknown")
    assert {name for name, one in verdicts.items() if one["verdict"] == "fail"} == FAILING[ingested]


def test_a_question_that_nothing_answers_is_not_asked_of_the_user(answer, run):
    """dbt has no records that could be compared: the verdict does not say that they should be."""
    run("ingest", str(PRODUCERS["dbt"]))
    (verdict,) = [
        one for one in answer("check", "--profile", "operate", code=3)["verdicts"] if one["id"] == "RUN-CAP-01"
    ]
    assert verdict["reason"] == "the records of dbt were not compared with this one: this version cannot read them"


@each_producer
def test_every_run_can_be_shown_and_traced(ingested, run, answer):
    """With its data sets by name only, and no digest that nobody took."""
    roots = answer("runs")["runs"]
    assert roots
    for root in roots:
        document = answer("show", root["run_id"])
        assert document["root"]["producer"].startswith("https://github.com/")
        assert run("show", root["run_id"]).exit_code == 0
        assert run("trace", root["run_id"]).exit_code == 0
