"""How the comparison is told: lines for a terminal, and a page that is kept."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version

from airflow_examples.comparison import Compared
from airflow_examples.judge import Result

HEAD = """\
# Airflow's own examples, without us and with us

Written by `nox -s airflow_examples -- --write docs/reference/airflow-examples.md`. Each DAG is run three times by `airflow dags
test`, with a database of its own each time: twice without the adapter, once with it. *Equal* means:

- The state of the DAG run, of every try of every task instance (task, map index, try, state), and the exit status are those of the
  control runs. Random choices are made with one seed; a DAG whose control runs differ all the same is left out.
- The DAG run and each try that Airflow's table holds has exactly one end on the record, of the same meaning, under the run id that
  OpenLineage's own function gives it; the record holds no other run.
- Every event fits the published schemas, nothing went to quarantine, no trouble was noted, and `orchestrail verify` passes over
  the one record of all of them."""
PACKAGES = ("apache-airflow", "apache-airflow-providers-standard", "orchestrail", "orchestrail-airflow")


def lines(compared: Compared) -> Iterator[str]:
    """Tell the comparison line by line, what is wrong last."""
    width = max(map(len, [*compared.results, *compared.left_out]), default=0)
    for name, (_, recorded, wrong) in compared.results.items():
        yield f"{name:{width}}  {recorded.state!s:8} {'differs' if wrong else 'equal':8} {told(recorded)}"
    for name, why in sorted(compared.left_out.items()):
        yield f"{name:{width}}  left out: {why}"
    for name, (_, _, wrong) in compared.results.items():
        yield from (f"{name}: {what}" for what in wrong)
    yield from compared.wrong
    yield summary(compared)


def page(compared: Compared) -> str:
    """Give the comparison as a page of the documentation."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    rows = [
        f"| `{name}` | {recorded.state} | {told(recorded)} | {'; '.join(wrong) or 'equal'} |"
        for name, (_, recorded, wrong) in compared.results.items()
    ]
    out = [f"| `{name}` | {why} |" for name, why in sorted(compared.left_out.items())]
    wrong = [f"- {what}" for what in compared.wrong]
    return "\n".join(
        [
            HEAD,
            "",
            f"{compared.when:%Y-%m-%d}. {packages}. {machine}.",
            "",
            f"**{summary(compared)}**",
            "",
            "| DAG | ends as | tries | with us |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
            *([*wrong, ""] if wrong else []),
            "## Left out",
            "",
            "| DAG | why |",
            "| --- | --- |",
            *out,
            "",
        ]
    )


def told(result: Result) -> str:
    """Count the tries by Airflow's states."""
    counts = Counter(str(state) for _, _, _, state in result.tries)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def summary(compared: Compared) -> str:
    """Say in one line what came of it."""
    differing = sum(bool(wrong) for _, _, wrong in compared.results.values())
    tries = sum(len(recorded.tries) for _, recorded, _ in compared.results.values())
    return (
        f"{len(compared.results)} DAGs compared, {differing} differ; {tries} tries of task instances, each with one end"
        f"{'' if compared.is_fine else ' but for what is said above'}; {len(compared.left_out)} left out."
    )
