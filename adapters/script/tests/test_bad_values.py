"""What a program hands over may be of any kind and size: its run goes on as without us, and its start is on the record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]

VALUES = """
import datetime, functools

class Called(BaseException): pass

def called(*_, **__): raise Called

names = ("repr", "str", "len", "iter", "eq", "hash", "bool", "fspath", "float", "int", "format", "getattr", "getattribute")
Rude = type("Rude", (), {f"__{name}__": called for name in names} | {"__class__": property(called)})
Zone = type("Zone", (datetime.tzinfo,), {"utcoffset": called})

def recursive():
    found = []
    found += [found, {"again": found}]
    return found

values = [Rude(), [Rude()], recursive(), float("nan"), 10**5000, "\\ud800", datetime.datetime(2026, 1, 1, tzinfo=Zone()),
          {"rows": ["x" * 100_000_000]}, bytes(100_000_000), lambda: 1, open("program.py"), sys.modules, {Rude: 1}]

@orchestrail.step(role="other")
def take(value, token, **more):
    return type(value).__name__

@audited
def main(*values):
    return [take(value, token=value, seed=3) for value in values]

print(main(*values))
"""


def test_values_of_any_kind_and_size_leave_the_run_as_it_was(run: Run) -> None:
    """Rude, lying, recursive, of 100 MB, or none that can be written down: each step has its start, end and other facts."""
    outcome, control = run(VALUES), run(VALUES, audited=False)
    assert (outcome.stdout, outcome.stderr, outcome.status) == (control.stdout, control.stderr, control.status)
    assert outcome.status == 0
    assert not (outcome.home / "trouble").read_text().strip()
    begun = [event for kind, event in outcome.of("program.main.take") if kind == "START"]
    assert len(begun) == 13
    assert len(outcome.of("program.main.take")) == 26
    for event in begun:
        parameters = event["run"]["facets"]["orchestrail_parameters"]["parameters"]
        assert parameters["token"]["value"] == "[redacted]"
        assert parameters["more"]["value"] == {"seed": 3}


STATED = """
class Seven:
    def __index__(self): return 7

@audited
def main():
    orchestrail.record_output(orchestrail.DatasetRef("file", "/counted", rows=Seven()))
    for name, rows, fields in (("/nan", float("nan"), ()), ("/fields", 1, (("a", int),)), (None, 1, ())):
        orchestrail.record_output(orchestrail.DatasetRef("file", name, rows=rows, fields=fields))
    orchestrail.record_check("digits", True, expected=10**5000)
    orchestrail.record_metric("loss", float("nan"))

main()
"""


def test_what_is_stated_and_cannot_be_written_costs_that_statement_alone(run: Run) -> None:
    """The end of the run is on the record with all other statements, and doctor is told of the rest."""
    outcome = run(STATED)
    _, (kind, end) = outcome.of("program.main")
    assert kind == "COMPLETE"
    ((name, rows),) = [(one["name"], one["facets"]["orchestrail_dataset"]["rows"]) for one in end["outputs"]]
    assert (name, rows) == ("/counted", 7)
    assert [one["value"] for one in end["run"]["facets"]["orchestrail_metrics"]["metrics"]] == ["nan"]
    assert "record_output" in (outcome.home / "trouble").read_text()


ERRORS = """
class Odd(Exception):
    def __str__(self): raise ValueError("no text")

class Ending(Exception):
    def __str__(self): raise SystemExit(3)

@orchestrail.step(role="other")
def fails(error): raise error

@audited
def main():
    texts = ("x" * 50_000_000, "\\ud800", float("nan"), "password=hunter22 " + "x" * 900)
    for error in (Odd(), Ending(), *map(ValueError, texts)):
        try: fails(error)
        except Exception as caught: print(caught is error)

main()
"""


def test_errors_with_any_text_are_recorded(run: Run) -> None:
    """A text that cannot be had, one of 50 MB, one that is no UTF-8: the type is always there, a dump of data never."""
    outcome = run(ERRORS)
    assert (outcome.stdout, outcome.stderr, outcome.status) == ("True\n" * 6, "", 0)
    texts = [
        event["run"]["facets"]["errorMessage"]["message"]
        for kind, event in outcome.of("program.main.fails")
        if kind == "FAIL"
    ]
    assert texts[:3] == ["Odd", "Ending", "ValueError: [50,000,012 characters, not kept]"]
    assert texts[3:5] == ["ValueError: \ud800", "ValueError: nan"]
    assert texts[5].startswith("ValueError: password=[redacted] xxx")
    assert len(texts[5]) <= 1000


NAMES = """
@audited
def main(name, path):
    os.write(os.open(path, os.O_WRONLY | os.O_CREAT), b"x")
    with open(path + b"2", "w") as file: file.write("y")
    orchestrail.record_output(path.decode("utf-8", "surrogateescape"))
    raise ValueError(name)

try: main("\\ud800", b"caf\\xe9.csv")
except ValueError: pass
"""


def test_names_that_are_no_utf_8_come_through_to_the_reader(run: Run, environment: dict[str, str]) -> None:
    """A file's name in Latin-1, a lone surrogate in a parameter and in an error: collected, shown, nothing in quarantine."""
    outcome = run(NAMES)
    assert [kind for kind, _ in outcome.of("program.main")] == ["START", "FAIL"]
    run_id = outcome.of("program.main")[0][1]["run"]["runId"]
    command = str(Path(sys.executable).with_name("orchestrail"))
    for arguments in (["show", run_id], ["show", run_id, "--json"], ["trace", run_id], ["doctor", "--json"]):
        done = subprocess.run([command, *arguments], env=environment, capture_output=True, timeout=300)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    assert json.loads(done.stdout)["problems"] == []
