"""The commands put together, and the one place where an error becomes a message and an exit code. No command lives here."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from orchestrail import __version__
from orchestrail.cli import (
    checkpoint,
    collect,
    demo,
    diff,
    doctor,
    ingest,
    quarantine,
    reconcile,
    runs,
    ship,
    show,
    sweep,
    trace,
    verify,
)
from orchestrail.errors import OrchestrailError

INTERRUPTED = 130
BROKEN_PIPE = 141


class Commands(TyperGroup):
    """The group of commands; whatever goes wrong in one ends here, never in a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command, and say in three parts what went wrong if something did."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except OrchestrailError as error:
            complain(error.what, error.why, error.do)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:
            _let_go_of_output()
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("click", "typer"):
                raise
            _own_mistake(error)


def complain(what: str, why: str = "", do: str = "") -> None:
    """Write an error: what happened, why, what to do."""
    lines = [f"orchestrail: {what}", *(f"  {part}" for part in (why, do) if part)]
    sys.stderr.write("\n".join(lines) + "\n")


def _let_go_of_output() -> NoReturn:
    # The interpreter flushes once more when it ends; that must not fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(BROKEN_PIPE)


def _own_mistake(error: Exception) -> NoReturn:
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"This command failed by a mistake of its own ({type(error).__name__})."
    where = f"{Path(place.filename).name}, line {place.lineno}: {error}"
    complain(what, where, f"Nothing is lost. Report it with the version, {__version__}, and this message.")
    sys.exit(2)


app = typer.Typer(
    cls=Commands,
    help="Run IDs, lineage and preprocessing versions of workflow orchestrators, in one audit store.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"orchestrail {__version__}\n")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Run IDs, lineage and preprocessing versions of workflow orchestrators, in one audit store."""


app.command()(demo.demo)
app.command()(runs.runs)
app.command()(show.show)
app.command()(trace.trace)
app.command()(diff.diff)
app.command()(verify.verify)
app.command()(checkpoint.checkpoint)
app.command()(collect.collect)
app.command()(ship.ship)
app.command()(ingest.ingest)
app.add_typer(quarantine.app, name="quarantine")
app.command()(sweep.sweep)
app.command()(reconcile.reconcile)
app.command()(doctor.doctor)
