"""What `doctor` says of adapters that are really installed: distributions of their own on the path of a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ADAPTER = """
from orchestrail.adapter import AdapterInfo, Gap, Problem, Severity, hookimpl

@hookimpl
def adapter_info():
    gaps = (Gap("dask_runner", upstream="its workers hear no events"), Gap("nested", todo="not looked at"))
    return AdapterInfo("{name}", "somehost", "{version}", "0.1.0", ">=2,<3", frozenset(), gaps)
"""
PROBLEM = """
@hookimpl
def adapter_problems(settings):
    return [Problem("namespaces-differ", Severity.WARNING, f"somehost says other than {settings.namespace}.", "Set one.")]
"""


@pytest.fixture
def install(tmp_path):
    """Install an adapter: a module and the entry point that names it."""
    folder = tmp_path / "site"

    def put(name: str, text: str) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}_plugin.py").write_text(textwrap.dedent(text))
        information = folder / f"orchestrail_{name}-0.1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: orchestrail-{name}\nVersion: 0.1.0\n")
        (information / "entry_points.txt").write_text(f"[orchestrail]\n{name} = {name}_plugin\n")
        return folder

    return put


@pytest.fixture
def doctor(tmp_path):
    """Ask the command in a process of its own, with the adapters on its path."""

    def ask(*arguments: str, code: int) -> str:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("orchestrail")), "doctor", *arguments],
            env=os.environ | {"PYTHONPATH": str(tmp_path / "site"), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return ask


def problems(document: str) -> dict[str, tuple[str, str]]:
    """Give severity and text of each problem by its code."""
    return {one["code"]: (one["severity"], one["what"]) for one in json.loads(document)["problems"]}


def test_an_adapter_that_cannot_be_imported_is_named_and_the_others_work(install, doctor):
    """A distribution whose module is broken takes nothing else along."""
    install("broken", "import no_such_host")
    install("healthy", ADAPTER.format(name="healthy", version="2.5"))
    document = doctor("--json", code=1)
    severity, what = problems(document)["adapter-failed"]
    assert severity == "error"
    assert "The adapter broken could not be loaded: ModuleNotFoundError: No module named 'no_such_host'" in what
    adapters = {adapter["name"]: adapter for adapter in json.loads(document)["adapters"]}
    assert adapters["healthy"]["host_version"] == "2.5"
    assert adapters["broken"]["failure"]


@pytest.mark.parametrize(
    ("version", "severity", "words", "code"),
    [("1.9", "error", "nothing is recorded", 1), ("3.0", "warning", "outside what the adapter", 0)],
    ids=["older", "newer"],
)
def test_a_host_outside_the_range_is_told(install, doctor, version, severity, words, code):
    """An older host is not recorded, a newer one may be recorded incompletely."""
    install("odd", ADAPTER.format(name="odd", version=version))
    found = problems(doctor("--json", code=code))["host-version"]
    assert found[0] == severity
    assert words in found[1]


def test_gaps_are_listed_with_their_reasons(install, doctor):
    """In words and in the document."""
    install("some", ADAPTER.format(name="some", version="2.1"))
    text = doctor(code=0)
    assert "gap: dask runner: its workers hear no events" in text
    assert "gap: nested: not looked at" in text
    gaps = next(one for one in json.loads(doctor("--json", code=0))["adapters"] if one["name"] == "some")["gaps"]
    assert gaps[0] == {"name": "dask_runner", "never": None, "upstream": "its workers hear no events", "todo": None}


def test_an_adapter_tells_what_stands_in_its_way(install, doctor):
    """It is asked with the settings; one that fails to answer is named, and does not stop the others."""
    install("some", ADAPTER.format(name="some", version="2.1") + PROBLEM)
    install("rude", ADAPTER.format(name="rude", version="2.1") + PROBLEM.replace("return", "raise ValueError or"))
    found = problems(doctor("--json", code=0))
    assert found["namespaces-differ"] == ("warning", "somehost says other than default.")
    assert found["adapter-failed"][1].startswith("The adapter rude failed to say")


def test_a_broken_adapter_beside_it_leaves_a_recorded_program_alone(install, tmp_path):
    """The program identifies a data set, for which every plugin is loaded: it goes on, and is recorded."""
    folder = install("broken", "raise SystemError('broken at import')")
    program = tmp_path / "program.py"
    program.write_text(
        "import orchestrail\n"
        "with orchestrail.serving(model='program.py', deployment='eu-1'):\n"
        "    orchestrail.record_input('program.py')\n"
        "print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
    assert list((tmp_path / "home" / "spool").glob("*.seg"))
