"""One process that has imported Airflow and parsed its examples; each `airflow dags test` is a fork of it, with its own database.

A fork is the command line from there on: it parses the arguments, runs the command and leaves as the interpreter leaves. Nothing
is judged here, and nothing of ours is imported: Airflow finds the adapter as it finds any plugin, or does not find it.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow import settings
from airflow.cli.cli_parser import get_parser

DATABASE = "airflow.db"
SEED = 20240613


def command(*arguments: str) -> Any:
    """Do what the command line does with these arguments."""
    parsed = get_parser().parse_args(arguments)
    return parsed.func(parsed)


def warm_up() -> None:
    """Import all examples, and build the API that tasks of `dags test` speak to (3): most of the time of a short DAG run."""
    command("dags", "reserialize")
    with suppress(ImportError, AttributeError):
        import_module("airflow.sdk.execution_time.supervisor").in_process_api_server().app._cadwyn_initialize()
    settings.dispose_orm()


def run(job: dict[str, Any], limit: float) -> bool:
    """Run a DAG in a fork; what it said, how it ended and how long it took lie in the job's folder afterwards.

    Args:
        job: the folder, the DAG, its bundle and its logical date.
        limit: seconds after which it is stopped.

    Returns:
        True in the fork, which then has ended; False here.
    """
    folder = Path(job["folder"])
    folder.mkdir(parents=True)
    shutil.copy(Path(os.environ["AIRFLOW_HOME"]) / DATABASE, folder)
    began = time.monotonic()
    child = os.fork()
    if not child:
        become(folder)
        where = ["--bundle-name", job["bundle"]] if job["bundle"] else []
        command("dags", "test", *where, job["dag_id"], job["logical_date"])
        return True
    handle = os.pidfd_open(child)
    in_time, _, _ = select.select([handle], [], [], limit)
    if not in_time:
        os.killpg(child, signal.SIGKILL)
    os.close(handle)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ended = {"exit": code if in_time else None, "seconds": round(time.monotonic() - began, 1)}
    (folder / "ended.json").write_text(json.dumps(ended))
    return False


def become(folder: Path) -> None:
    """Make a fork an installation of its own: database, record, output, and the same dice as every other run."""
    os.setsid()
    with (folder / "said.txt").open("wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ["ORCHESTRAIL_HOME"] = str(folder / "orchestrail")
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{folder / DATABASE}"
    settings.configure_vars()
    settings.configure_orm()
    random.seed(SEED)


def main(limit: float, jobs: list[dict[str, Any]]) -> None:
    """Run the jobs one after the other; of a DAG that did not end in time no further run is made."""
    warm_up()
    endless: set[str] = set()
    for job in jobs:
        if job["dag_id"] in endless:
            continue
        if run(job, limit):
            return
        if json.loads(Path(job["folder"], "ended.json").read_text())["exit"] is None:
            endless.add(job["dag_id"])


if __name__ == "__main__":
    main(float(sys.argv[1]), json.loads(sys.stdin.read()))
