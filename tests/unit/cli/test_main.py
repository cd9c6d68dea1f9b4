"""The process around the commands: what is missing, what breaks off, what goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from filelock import FileLock

from orchestrail.cli.app import COMMANDS
from orchestrail.operations import open_record
from orchestrail.settings import load_settings

MAIN = "from orchestrail.cli import main; main()"


def _as_from_a_terminal() -> None:
    """Let an interrupt through: what a shell starts in the background ignores it, and so would a child of these tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def process(*arguments, code=MAIN, **options):
    """Start the command in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    options = {"preexec_fn": _as_from_a_terminal, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(command, text=True, **options)


@pytest.mark.parametrize("missing", ["typer", "sqlalchemy", "rich"])
def test_with_the_base_alone_it_says_what_to_install(missing):
    """The runtime half is installed in a host's environment without the command line's libraries: exit code 2."""
    started = process("runs", code=f"import sys; sys.modules[{missing!r}] = None; {MAIN}")
    output, errors = started.communicate()
    assert (started.returncode, output) == (2, "")
    assert f"It needs {missing}" in errors
    assert "pip install 'orchestrail[audit]'" in errors
    assert "Traceback" not in errors


def test_libraries_of_another_version_are_told(tmp_path):
    """A host may hold a SQLAlchemy that lacks what we need: exit code 2, and advice."""
    (tmp_path / "sqlalchemy.py").write_text("")
    started = process("runs", code=f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {MAIN}")
    output, errors = started.communicate()
    assert (started.returncode, output) == (2, "")
    assert "in another version (sqlalchemy)" in errors
    assert "Traceback" not in errors


def test_an_interrupt_ends_with_130():
    """Ctrl-C while the command waits for the spool: quiet, and no traceback."""
    home = load_settings().home
    home.mkdir(parents=True)
    with FileLock(home / "collect.lock"):
        started = process("collect")
        deadline = time.monotonic() + 180
        while not (home / "audit.db").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        # Pressed until it is heard: Python drops an interrupt that falls into the clean-up of an object.
        # Not sooner than the process may take to end: a second one while it ends is another way to go.
        while started.poll() is None and time.monotonic() < deadline:
            started.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                started.wait(timeout=30)
        output, errors = started.communicate(timeout=120)
    assert (started.returncode, output) == (130, "")
    assert "Traceback" not in errors


def test_a_reader_that_goes_away_is_no_error(made, spooled):
    """`orchestrail runs --json | head` ends quietly."""
    spooled(*[made.event("START", number, job="j" * 90_000) for number in range(1, 60)])
    started = process("runs", "--json")
    started.stdout.read(10)
    started.stdout.close()
    errors = started.stderr.read()
    assert started.wait() == 141
    assert errors == ""


def test_symbols_do_not_break_a_plain_terminal(made, spooled):
    """Where the output can hold ASCII alone, signs are replaced."""
    spooled(made.event("COMPLETE", 1, job="tränen"))
    started = process("runs", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    output, errors = started.communicate()
    assert (started.returncode, errors) == (0, "")
    assert "? COMPLETE" in output


def test_a_mistake_of_ours_is_told_without_a_traceback(run, monkeypatch):
    """Even what nobody thought of ends in a message and an exit code."""

    def fail(*_):
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setattr("orchestrail.cli.runs.settings_of", fail)
    result = run("runs", "--json")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "ZeroDivisionError" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["runs", "--nonsense"], ["nonsense"], ["show"], ["runs", "--state", "lost"]])
def test_wrong_use_is_exit_code_2(run, arguments):
    """An unknown option or command, or an argument that is missing."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


def test_every_command_has_help_and_the_version_is_told(run):
    """Names of the contract."""
    assert COMMANDS.keys() >= {
        "demo",
        "runs",
        "show",
        "trace",
        "verify",
        "checkpoint",
        "collect",
        "ship",
        "ingest",
        "sweep",
    }
    for name, says in COMMANDS.items():
        result = run(name, "--help")
        assert result.exit_code == 0
        usage, _, first = result.stdout.splitlines()[:3]
        assert (usage.split()[:3], first.strip()) == (["Usage:", "root", name], says)
    assert run("--version").stdout.startswith("orchestrail ")


@pytest.mark.parametrize("asked", ["--help", "--version", "rnus"])
def test_no_command_is_loaded_that_is_not_asked_for(asked):
    """Overview, version and a slip of the finger do without the libraries of the commands."""
    code = f"""
import atexit, sys
atexit.register(lambda: print("loaded", sorted({{"sqlalchemy", "orchestrail.cli.record"}} & sys.modules.keys())))
{MAIN}
"""
    output, errors = process(asked, code=code).communicate()
    assert output.splitlines()[-1] == "loaded []"
    said = {
        "--help": "Compare the orchestrator's own records",
        "--version": "orchestrail ",
        "rnus": "Did you mean 'runs'?",
    }
    assert said[asked] in output + errors


def test_a_store_of_a_later_version_is_exit_code_4(run, monkeypatch):
    """Nothing is changed in it."""
    import sqlite3

    settings = load_settings()
    open_record(settings, create=True)
    with sqlite3.connect(settings.home / "audit.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    result = run("runs", "--json")
    assert (result.exit_code, result.stdout) == (4, "")
    assert "Upgrade" in result.stderr


def test_the_demo_says_what_it_needs(run, monkeypatch, tmp_path):
    """Without Prefect there is nothing to run: exit code 2, and no folder is left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "prefect", None)
    result = run("demo")
    assert result.exit_code == 2
    assert "prefect" in result.stderr
    assert not list(tmp_path.iterdir())
