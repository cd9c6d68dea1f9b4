"""The commands put together, and the one place where an error becomes a message and an exit code. No command lives here.

A command is imported when it is asked for: the others need libraries that take longer to load than most answers take to give.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from orchestrail import __version__
from orchestrail.errors import OrchestrailError

INTERRUPTED = 130
BROKEN_PIPE = 141

COMMANDS = {
    "demo": "Take the tour: record a real run, then show it.",
    "runs": "List root runs, newest first.",
    "show": "Show a root run as a whole.",
    "trace": "Show everything that produced a file or a run.",
    "impact": "Show everything that descends from a file, a data set or a run.",
    "diff": "Say what changed between two runs or models.",
    "check": "Judge the record by the requirements of a profile.",
    "at": "Show what was in use at a time of the past.",
    "requirements": "List the requirements, or show one with the law behind it.",
    "attest": "State something as a person, bound to a digest.",
    "withdraw": "Put on the record that a data set or model is to be used no more.",
    "erase": "Take events out of the log for good.",
    "gate": "Say whether a model may be promoted.",
    "document": "Write the technical documentation of a model.",
    "verify": "Recompute the log, to show whether it was altered.",
    "checkpoint": "Print the signed head of the log.",
    "collect": "Take what processes have spooled into the store.",
    "ship": "Send the spool to a server or another folder.",
    "serve": "Serve the record over HTTP.",
    "token": "Make, list and revoke tokens for the server.",
    "ingest": "Append OpenLineage events from files.",
    "quarantine": "List, show and retry what was refused.",
    "migrate": "Copy the record from a SQLite file to a PostgreSQL database.",
    "backup": "Copy the record into a file, while it is in use.",
    "restore": "Put a copy of the record back, to where there is no store.",
    "recover": "Put on the record that the log lacks what it had signed, so that it goes on.",
    "sweep": "Close runs whose process died.",
    "manifest": "Show what is stated about systems, and put it on the record.",
    "scan": "Look for secrets and personal data in what is stored.",
    "reconcile": "Compare the orchestrator's own records with the store.",
    "doctor": "Say what is installed, off, stuck or unseen.",
}
"""Each command with the first line of its help: what the overview shows. A module and what it defines are called as the command."""


class Commands(TyperGroup):
    """The group of commands; whatever goes wrong in one ends here, never in a traceback."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Load the command that was asked for in place of its line in the overview."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name in COMMANDS else listed, rest

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
        except ImportError:
            raise  # the command line's own word for it says what to install
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("click", "typer"):
                raise
            _own_mistake(error)


def _load(name: str) -> Any:
    command = getattr(import_module(f"orchestrail.cli.{name}"), name)
    if not isinstance(command, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command()(command)
        command = alone
    return get_command(command)


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


def _listed() -> None:
    """Stand for a command that is not loaded."""


for _name, _help in COMMANDS.items():
    app.command(_name, help=_help)(_listed)
