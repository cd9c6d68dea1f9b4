"""The three runs of each DAG, and the one record of all that were recorded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_home import COMMAND, WITHOUT, Home

from airflow_examples import judge
from airflow_examples.catalogue import chosen, reasons

TESTS = Path(__file__).parent.parent


@dataclass
class Compared:
    """What came of it.

    Attributes:
        when: the logical date of all runs, about the time at which they were made.
        results: of the DAGs that were compared, by name: the control, the recorded run, and what is wrong with it or its record.
        left_out: the DAGs that were not compared, with the reason.
        wrong: what is wrong with the record as a whole.
    """

    when: datetime
    results: dict[str, tuple[judge.Result, judge.Result, list[str]]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_fine(self) -> bool:
        """Whether DAGs were compared, and nothing is wrong with any of them."""
        return bool(self.results) and not self.wrong and not any(wrong for _, _, wrong in self.results.values())


def compare(folder: Path, count: int | None, limit: float) -> Compared:
    """Run the installed example DAGs and compare.

    Args:
        folder: where the runs leave what they leave.
        count: how many DAGs; None for all.
        limit: seconds after which a DAG run is stopped.
    """
    compared = Compared(datetime.now(UTC).replace(microsecond=0))
    (folder / "no-dags").mkdir(parents=True)
    home = Home(
        folder / "empty",
        {
            "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "no-dags"),
            "ORCHESTRAIL_NAMESPACE": judge.NAMESPACE,
            "PYTHONPATH": str(TESTS),
        },
    ).migrate()
    home.run("dags", "reserialize", PYTHONPATH=str(WITHOUT)).check_returncode()
    bundles = installed(home)
    compared.left_out |= reasons(bundles)
    names = chosen(bundles, count)

    def jobs(names: Iterable[str], *kinds: str) -> list[dict[str, Any]]:
        return [
            {
                "folder": str(folder / kind / name),
                "dag_id": name,
                "bundle": bundles[name],
                "logical_date": compared.when.isoformat(),
            }
            for name in names
            for kind in kinds
        ]

    without = os.pathsep.join((str(WITHOUT), str(TESTS)))
    warm(home, jobs(names, "first", "second"), limit, folder / "controls.log", PYTHONPATH=without)
    controls: dict[str, judge.Result] = {}
    for name in names:
        first, second = (judge.result_of(folder / kind / name, name) for kind in ("first", "second"))
        if first is None or second is None or second.exit is None:
            compared.left_out[name] = f"did not end within {limit:.0f} s"
        elif first.outcome != second.outcome:
            compared.left_out[name] = f"its two control runs differ: {judge.differences(first, second)}"
        else:
            controls[name] = first
    warm(home, jobs(controls, "recorded"), limit, folder / "recorded.log")
    for name, control in controls.items():
        recorded = judge.result_of(folder / "recorded" / name, name)
        assert recorded is not None, f"{name} was not run"
        wrong = [f"differs: {judge.differences(control, recorded)}"] if control.outcome != recorded.outcome else []
        wrong += judge.problems(folder / "recorded" / name, recorded)
        compared.results[name] = (control, recorded, wrong)
    compared.wrong = wrong_with_the_record(home, folder, compared)
    return compared


def installed(home: Home) -> dict[str, str]:
    """Name the example DAGs that Airflow finds, each with its bundle; 2.11 has none."""
    bundle = "bundle_name" if any(row[1] == "bundle_name" for row in home.table("pragma table_info(dag)")) else "''"
    return dict(home.table(f"select dag_id, {bundle} from dag"))


def warm(home: Home, jobs: list[dict[str, Any]], limit: float, log: Path, **more: str) -> None:
    """Run jobs in forks of one process."""
    with log.open("wb") as said:
        subprocess.run(
            [sys.executable, "-m", "airflow_examples.warm", str(limit)],
            input=json.dumps(jobs).encode(),
            env=home.environment(**more),
            cwd=home.path,
            stdout=said,
            stderr=said,
            check=True,
        )


def wrong_with_the_record(home: Home, folder: Path, compared: Compared) -> list[str]:
    """Take all that was spooled into one store, and ask it by the command line."""

    def ask(*arguments: str) -> Any:
        command = [COMMAND, *arguments, "--json"]
        done = subprocess.run(command, env=home.environment(), cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            wrong.append(f"{' '.join(arguments)}: {done.stdout or done.stderr}".strip())
        return json.loads(done.stdout or "{}")

    wrong: list[str] = []
    shutil.rmtree(home.orchestrail, ignore_errors=True)
    for name in compared.results:
        spool = folder / "recorded" / name / "orchestrail" / "spool"
        if spool.is_dir():  # collecting empties a spool, and people may want to look at this one
            ask("collect", "--from", str(shutil.copytree(spool, folder / "collected" / name)))
    if not ask("verify").get("ok"):
        wrong.append("the record does not verify")
    states = {run["run_id"]: run["state"] for run in ask("runs", "--all").get("runs", ())}
    for name, (_, recorded, _) in compared.results.items():
        for run_id, (what, fitting) in recorded.expected.items():
            if fitting and states.get(run_id) not in fitting:
                wrong.append(f"{name}: {what} is {states.get(run_id)}, and Airflow says {sorted(fitting)}")
    return wrong
