"""`orchestrail demo`: the tour. Runs the example for real, then shows what the other commands show of it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Full, TimeZone
from orchestrail.cli.output import Output
from orchestrail.cli.record import reading
from orchestrail.cli.runs import print_runs
from orchestrail.cli.show import print_shown
from orchestrail.cli.trace import print_trace
from orchestrail.cli.verify import recompute_and_print
from orchestrail.cli.words import SHORT
from orchestrail.errors import ConfigurationError, OrchestrailError
from orchestrail.queries.meetings import others_of
from orchestrail.queries.origin import readers_of
from orchestrail.queries.runs import runs
from orchestrail.queries.show import show
from orchestrail.queries.targets import find_target
from orchestrail.queries.trace import trace
from orchestrail.settings import Settings, load_settings

_NEEDED = {
    "prefect": "prefect",
    "sklearn": "scikit-learn",
    "pandas": "pandas",
    "orchestrail_prefect": "orchestrail-prefect",
}
_PATIENCE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
_DATA = "hmda-boston-1990.csv"


class DemoFailed(OrchestrailError):
    """The example did not come to its end."""

    code = "demo-failed"
    exit_code = 1


def demo(
    home: Annotated[
        Path | None, typer.Option("--home", metavar="DIR", help="Record here; without, below the work folder.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Work folder; without, ./orchestrail-demo.")] = None,
    airflow: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="Interpreter of an environment with Airflow and orchestrail-airflow."),
    ] = None,
    zone: TimeZone = None,
    full: Full = False,
) -> None:
    """Take the tour: record a real run, then show it.

    Trains the example model in a fresh folder, then prints what `runs`, `show`, `trace` and `verify` say of it. With --airflow, a
    DAG there prepares the data and starts the Prefect flow here that makes the model; without, the flow does it all.
    """
    output = Output(zone=zone, full=full)
    _require_packages()
    work = _work_folder(out)
    settings = _settings(home, work)
    who = "Prefect" if airflow is None else "Airflow, which has Prefect make the model"
    output.line(
        f"orchestrail records what workflow orchestrators really run. This tour trains a small model with {who}."
    )
    output.line(f"export ORCHESTRAIL_HOME={settings.home}", style="bold")
    example = Path(shutil.copytree(_example(), work / "mortgage", ignore=shutil.ignore_patterns("__pycache__")))
    made = work / "out"
    made.mkdir()
    if airflow is None:
        _run_flow(example, made, settings, output)
    else:
        _run_dag(airflow.absolute(), example, made, settings, output)
    with reading(settings, output, no_collect=False) as record:
        found = runs(record, job="mortgage", limit=1)
        if not found:
            raise DemoFailed("The example ended, but no run of it is recorded.", "", "See `orchestrail doctor`.")
        _typed(output, "orchestrail runs")
        print_runs(runs(record), output)
        _typed(output, f"orchestrail show {found[0].run_id[-SHORT:]}")
        print_shown(show(record, found[0]), output)
        model = made / "model.joblib"
        _typed(output, f"orchestrail trace {_relative(model)}")
        traced = trace(record, find_target(record, str(model)))
        dataset = traced.target.dataset
        print_trace(traced, readers_of(record, dataset), others_of(record, traced.target), output)
    _typed(output, "orchestrail verify")
    holds = recompute_and_print(settings, output)
    command = shlex.quote(str(Path(sys.executable).with_name("orchestrail")))
    output.line()
    output.line("The same as pages, in a browser:", style="bold")
    output.line(f"ORCHESTRAIL_HOME={shlex.quote(str(settings.home))} {command} serve")
    raise typer.Exit(0 if holds else 1)


def _example() -> Path:
    """Find the example: in the installed package, or beside the sources."""
    package = Path(__file__).parents[1]
    for folder in (package / "_examples" / "mortgage", package.parents[1] / "examples" / "mortgage"):
        if (folder / "flow.py").is_file():
            return folder
    raise ConfigurationError(
        "The example is not in this installation.",
        f"{package} holds no examples.",
        "Install orchestrail from its wheel.",
    )


def _require_packages() -> None:
    missing = [name for module, name in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            "The demo cannot run in this environment.",
            f"It trains a model with Prefect and scikit-learn; missing: {', '.join(missing)}.",
            "Run: pip install 'orchestrail-prefect[host]' scikit-learn pandas",
        )


def _work_folder(out: Path | None) -> Path:
    """Make a folder that holds nothing yet."""
    if out is None:
        out = Path("orchestrail-demo")
        number = 1
        while out.exists():
            number += 1
            out = Path(f"orchestrail-demo-{number}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        empty = not any(out.iterdir())
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be used.", f"{error.strerror}.", "Name another folder.") from error
    if not empty:
        raise ConfigurationError(f"{out} cannot be used.", "It is not empty.", "Name a new folder with --out.")
    return out.resolve()


def _settings(home: Path | None, work: Path) -> Settings:
    """Record where the settings say; where they say nothing, below the work folder and not among a person's own runs."""
    settings = load_settings(home=home)
    if settings.disabled:
        raise ConfigurationError(
            "The demo has nothing to show.", "Recording is switched off (ORCHESTRAIL_DISABLED).", "Unset it."
        )
    untouched = settings.home == Path("~/.orchestrail").expanduser().absolute()
    return load_settings(home=work / "home") if untouched and home is None else settings


def _run_flow(example: Path, made: Path, settings: Settings, output: Output) -> None:
    arguments = ["flow.py", "--data", _DATA, "--out", str(made)]
    _typed(output, f"cd {_relative(example)} && python {' '.join(arguments[:-1])} {made}")
    _run([sys.executable, *arguments], example, _environment(settings), "The example flow failed.", log=None)


def _run_dag(airflow: Path, example: Path, made: Path, settings: Settings, output: Output) -> None:
    conf = {"source": str(example / _DATA), "out": str(made), "python": sys.executable}
    environment = _environment(settings) | {
        "AIRFLOW_HOME": str(made.parent / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(example),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # The DAG imports pandas: from a cold disk that may take longer than the 30 s that Airflow gives it.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
        "NO_COLOR": "1",
    }
    log = made.parent / "airflow.log"
    for arguments in (["db", "migrate"], ["dags", "test", "mortgage", "--conf", json.dumps(conf)]):
        _typed(output, f"airflow {' '.join(arguments[:3])}" + (" --conf ..." if "--conf" in arguments else ""))
        _run([str(airflow), "-m", "airflow", *arguments], example, environment, "The example DAG failed.", log)
    output.line(f"what Airflow said is in {_relative(log)}")


def _environment(settings: Settings) -> dict[str, str]:
    # On a small machine Prefect's own server needs longer to start than Prefect waits for it.
    return (
        {_PATIENCE: "180", "ORCHESTRAIL_SYSTEM": "mortgage-approval"}
        | os.environ
        | {
            "ORCHESTRAIL_HOME": str(settings.home),
            "ORCHESTRAIL_SPOOL": str(settings.spool),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )


def _run(arguments: list[str], folder: Path, environment: dict[str, str], failure: str, log: Path | None) -> None:
    """Run a program to its end; what it says goes to the terminal, or to the end of a log file."""
    sys.stdout.flush()
    try:
        if log is None:
            code = subprocess.run(arguments, env=environment, cwd=folder, check=False).returncode
        else:
            with log.open("ab") as said:
                code = subprocess.run(
                    arguments, env=environment, cwd=folder, check=False, stdout=said, stderr=subprocess.STDOUT
                ).returncode
    except OSError as error:
        raise DemoFailed(failure, f"{arguments[0]} could not be started: {error.strerror}.") from error
    if code:
        where = "its own messages stand above" if log is None else f"its own messages are in {_relative(log)}"
        raise DemoFailed(failure, f"It ended with exit code {code}; {where}.", "Run it by hand.")


def _typed(output: Output, command: str) -> None:
    output.line()
    output.line(f"$ {command}", style="bold cyan")


def _relative(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
