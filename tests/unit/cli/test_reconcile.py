"""`orchestrail reconcile --last` and what `doctor` tells of it: results of the log, without any orchestrator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest

from orchestrail.histories import Attempt
from orchestrail.model import State
from orchestrail.operations import open_record
from orchestrail.operations.reconcile import reconcile
from orchestrail.projections.apply import rebuild
from orchestrail.settings import load_settings


@dataclass
class Kept:
    """Records of an orchestrator that are in memory."""

    attempts: Sequence[Attempt]
    began: str
    orchestrator: str = "prefect"
    version: str | None = "3.8.8"
    address: str = "http://127.0.0.1:4200/api"
    lossy: str | None = None

    def since(self, moment: str) -> Iterable[Attempt]:
        return self.attempts

    def of(self, units: Iterable[str]) -> Iterable[Attempt]:
        return []

    def oldest(self) -> str | None:
        return self.began

    def count(self, until: str) -> int:
        return 2


def test_the_last_result_is_told_as_it_was_found(made, spooled, answer, run):
    """Every kind of finding, by the operation itself; also after the tables were made anew."""

    def attempt(number: int, state: State, word: str) -> Attempt:
        native, began = f"native-{number}", made.at(number)
        return Attempt(
            native,
            1,
            native,
            f"job-{number}",
            f"{word}-fox",
            word,
            frozenset({state}),
            state,
            began,
            made.at(60),
            began,
        )

    spooled(*(made.event("COMPLETE", number, second=number) for number in (1, 2, 4)), made.event("START", 3, second=3))
    history = Kept(
        [
            attempt(1, State.COMPLETE, "Completed"),
            attempt(2, State.FAIL, "Failed"),
            attempt(3, State.ABORT, "Crashed"),
            attempt(5, State.COMPLETE, "Completed"),
        ],
        made.at(1),
    )
    settings = load_settings()
    store = open_record(settings, create=True)
    found = reconcile(settings, store, history)
    document = found.document() | {"sequence": found.sequence}
    kinds = ("missing", "surplus", "different", "closed")
    assert [len(document[kind]) for kind in kinds] == [1, 1, 1, 1]
    for _ in range(2):
        assert answer("reconcile", "--last", "prefect", code=1) == document
        assert answer("reconcile", "--last", code=1) == {"results": [document]}
        rebuild(store)
    text = run("reconcile", "--last").stdout
    assert "prefect 3.8.8 at http://127.0.0.1:4200/api" in text
    assert "4 attempts there, 4 on the record, 1 alike" in text
    assert "job-5  Completed-fox  attempt 1  Completed / not recorded  native-5" in text
    assert document["missing"][0]["reason"] in text
    assert "not compared: 1 run of before the record" in text
    assert f"stored as event {found.sequence} of the log" in text


def test_a_result_without_a_difference_is_exit_code_0(made, spooled, answer, run):
    """Of the orchestrator that is named; of all, the worst counts."""
    spooled(made.reconciliation("airflow"), made.reconciliation("prefect", missing=1))
    answer("collect")
    assert answer("reconcile", "--last", "airflow")["orchestrator"] == "airflow"
    assert answer("reconcile", "airflow", "--last")["sequence"] == 0
    results = answer("reconcile", "--last", code=1)["results"]
    assert [one["orchestrator"] for one in results] == ["airflow", "prefect"]
    text = run("reconcile", "airflow", "--last").stdout
    assert "not compared: 1 attempt of which one side may be behind" in text
    assert "not compared: 2 runs that had not begun" in text


def test_findings_that_the_log_does_not_list_are_counted(made, spooled, run):
    """All that are listed are shown, and how many there are more; to what jobs it was limited stands there too."""
    listed = made.reconciliation(missing=25)
    facet = listed["job"]["facets"]["orchestrail_reconciliation"]
    facet["counts"]["missing"], facet["job"] = 1200, "mortgage*"
    spooled(listed)
    run("collect")
    text = run("reconcile", "--last").stdout
    assert "missing-24" in text
    assert "and 1,175 more, which were counted and not listed" in text
    assert "limited to mortgage*" in text


@pytest.mark.parametrize(
    ("arguments", "named"), [(["--last"], "No reconciliation is"), (["--last", "airflow"], "with airflow is")]
)
def test_what_nobody_reconciled_is_not_recorded(made, spooled, run, arguments, named):
    """Exit code 1, and how to do it."""
    spooled(made.reconciliation("prefect") if "airflow" in arguments else made.event("START", 1))
    run("collect")
    result = run("reconcile", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert named in result.stderr
    assert "`orchestrail reconcile " in result.stderr


@pytest.mark.parametrize("arguments", [[], ["--last", "--since", "7d"], ["--last", "--settle", "0"]])
def test_wrong_use_is_exit_code_2(run, arguments):
    """No orchestrator to be read; an option of the comparing with a result that is there."""
    result = run("reconcile", *arguments)
    assert result.exit_code == 2
    assert "--last" in result.stderr


def test_doctor_says_when_each_orchestrator_was_last_reconciled(made, spooled, answer, run):
    """Never is no problem; what no rule explains is a warning, what one explains is none."""
    airflow = {"orchestrator": "airflow", "adapter": "airflow"}
    script = {"orchestrator": "script", "adapter": "script"}
    spooled(
        made.event("COMPLETE", 1),
        made.event("COMPLETE", 2, ours=airflow),
        made.event("COMPLETE", 3, ours=script),
        made.reconciliation("prefect", surplus=1),
    )
    document = answer("doctor")
    assert [(one["orchestrator"], one["sequence"]) for one in document["reconciliations"]] == [
        ("airflow", None),
        ("prefect", 3),
    ]
    assert document["problems"] == []
    text = run("doctor").stdout
    assert "reconciled airflow  never" in text
    assert "6 alike, 0 missing, 1 surplus, 0 different" in text
    spooled(made.reconciliation("prefect", missing=2, surplus=1, job="train*", since=made.at(120)))
    (problem,) = answer("doctor")["problems"]
    assert (problem["code"], problem["severity"]) == ("reconciliation", "warning")
    assert problem["what"].endswith("left unexplained: 2 missing from the record.")
    assert problem["do"] == "See `orchestrail reconcile --last prefect`."
    assert re.search(r" of train\* alone since 2026-03-01 \d\d:02:00: 6 alike, 2 missing", run("doctor").stdout)
