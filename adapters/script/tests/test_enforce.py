"""Enforce mode: a run that misses a requirement is refused before a line of the user's runs; in record mode it is only told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrail import trouble
from orchestrail.testing import schema_problems

Run = Callable[..., Any]

KINDS = {
    "plain": ("def {name}(x):\n    mark('{name}')\n    return x", "{name}(1)"),
    "coroutine": ("async def {name}(x):\n    mark('{name}')\n    return x", "asyncio.run({name}(1))"),
    "generator": ("def {name}(x):\n    mark('{name}')\n    yield x", "list({name}(1))"),
    "stream": (
        "async def {name}(x):\n    mark('{name}')\n    yield x",
        "asyncio.run(drain({name}(1)))",
    ),
}
HEAD = """
def mark(name):
    with open("ran", "a") as file:
        file.write(name + " ")

async def drain(items):
    return [item async for item in items]

def attempt(call):
    try:
        call()
        print("went on")
    except orchestrail.RequirementNotMet as refusal:
        print([finding.requirement for finding in refusal.findings], refusal)
"""


def ran(folder: Path) -> list[str]:
    """Which of the user's functions ran, as far as their body."""
    path = folder / "ran"
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_without_a_version_is_refused_before_it_runs(run: Run, tmp_path: Path, kind: str) -> None:
    """A marked function of any kind: the caller gets the refusal, the body nothing, the record both."""
    body, call = (part.format(name="impute") for part in KINDS[kind])
    program = (
        f"{HEAD}\n@orchestrail.preprocessing('impute')\n{body}\n\n@audited(mode='enforce')\n"
        f"def main():\n    mark('main')\n    attempt(lambda: {call})\n\nmain()\n"
    )
    outcome = run(program)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("['PREP-01'] program.main.impute was refused before it ran.")
    assert ran(tmp_path) == ["main"]
    (begun, start), (ended, end) = outcome.of("program.main.impute")
    assert (begun, ended) == ("START", "FAIL")
    (finding,) = start["run"]["facets"]["orchestrail_requirements"]["findings"]
    assert (finding["requirement"], finding["verdict"]) == ("PREP-01", "fail")
    assert "PREP-01" in end["run"]["facets"]["errorMessage"]["message"]
    assert [kind for kind, _ in outcome.of("program.main")] == ["START", "COMPLETE"]
    assert all(schema_problems(event, None) == [] for event in outcome.events)


def test_a_refusal_is_shown_without_the_ways_it_came(run: Run) -> None:
    """The traceback leads from the user's call to the message, through the wrappers and nothing else of ours."""
    step = "@orchestrail.preprocessing('impute')\ndef impute(x): pass\n"
    program = f"{step}\n@audited(mode='enforce')\ndef main(): impute(1)\n\nmain()\n"
    shown = run(program).stderr
    assert shown.count("Traceback") == 1
    assert "orchestrail.errors.RequirementNotMet: program.main.impute was refused before it ran. PREP-01" in shown
    files = {Path(line.split('"')[1]).name for line in shown.splitlines() if line.startswith("  File ")}
    assert files == {"program.py", "wrapping.py"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_root_run_that_leaves_no_evidence_is_refused(run: Run, tmp_path: Path, kind: str) -> None:
    """An audited function of any kind whose START cannot be written, in enforce mode."""
    body, call = (part.format(name="main") for part in KINDS[kind])
    (tmp_path / "spool").write_text("no folder")
    program = f"{HEAD}\n@audited\n{body}\n\nattempt(lambda: {call})\n"
    outcome = run(program, ORCHESTRAIL_SPOOL=str(tmp_path / "spool"), ORCHESTRAIL_MODE="enforce")
    assert (outcome.status, outcome.stderr, ran(tmp_path)) == (0, "", [])
    refusal = f"RUN-LC-01: its start is not on the record: File exists ({tmp_path / 'spool'})."
    assert outcome.stdout == (
        f"['RUN-LC-01'] program.main was refused before it ran. {refusal} "
        "Mend what keeps the run from being recorded; `orchestrail doctor` names it.\n"
    )
    assert any("not spooled" in note["error"] for note in trouble.read(outcome.home))


def test_in_record_mode_the_run_goes_on_and_the_start_tells(run: Run, tmp_path: Path) -> None:
    """The finding is the same; nothing else happens."""
    body, call = (part.format(name="impute") for part in KINDS["plain"])
    program = (
        f"{HEAD}\n@orchestrail.step(role='preprocess')\n{body}\n\n"
        f"@audited\ndef main():\n    attempt(lambda: {call})\n\nmain()\n"
    )
    outcome = run(program)
    assert (outcome.stdout, ran(tmp_path)) == ("went on\n", ["impute"])
    (_, start), (ended, _) = outcome.of("program.main.impute")
    assert ended == "COMPLETE"
    (finding,) = start["run"]["facets"]["orchestrail_requirements"]["findings"]
    assert finding["field"] == "preprocessing.operation"


def test_a_run_that_misses_nothing_is_not_refused(run: Run, tmp_path: Path) -> None:
    """Enforce mode is silent where there is nothing to refuse: no facet, no difference."""
    program = f"""{HEAD}
@orchestrail.preprocessing("impute", version="1.0.0")
def impute(x): mark("impute")

@orchestrail.step(role="train")
def train(x): mark("train")

@audited(mode="enforce")
def main(): impute(1); train(2)

main()
"""
    outcome = run(program)
    assert (outcome.stdout, outcome.stderr, ran(tmp_path)) == ("", "", ["impute", "train"])
    assert not [event for event in outcome.events if "orchestrail_requirements" in event["run"]["facets"]]


def test_only_what_is_named_is_enforced(run: Run, tmp_path: Path) -> None:
    """`ORCHESTRAIL_ENFORCE` names the requirements that refuse; the others are told."""
    body, call = (part.format(name="impute") for part in KINDS["plain"])
    program = f"{HEAD}\n@orchestrail.preprocessing('impute')\n{body}\n\n@audited\ndef main():\n    {call}\n\nmain()\n"
    outcome = run(program, ORCHESTRAIL_MODE="enforce", ORCHESTRAIL_ENFORCE="PREP-03")
    assert (outcome.status, ran(tmp_path)) == (0, ["impute"])
    (_, start), _ = outcome.of("program.main.impute")
    assert start["run"]["facets"]["orchestrail_requirements"]


def test_a_training_step_whose_arguments_cannot_be_told_is_refused(run: Run, tmp_path: Path) -> None:
    """PREP-03: what does not fit the signature has no names; the body would not have run either."""
    body, call = "def train(x):\n    mark('train')", "train(1, 2)"
    program = (
        f"{HEAD}\n@orchestrail.step(role='train')\n{body}\n\n"
        f"@audited(mode='enforce')\ndef main():\n    attempt(lambda: {call})\n\nmain()\n"
    )
    outcome = run(program)
    assert outcome.stdout.startswith("['PREP-03'] program.main.train was refused before it ran."), outcome
    assert ran(tmp_path) == []


def test_a_mode_that_is_none_is_refused_where_it_is_written(run: Run) -> None:
    """A slip of the pen must not pass for `record`."""
    outcome = run("@audited(mode='enfroce')\ndef main(): pass\n")
    assert outcome.status == 1
    assert "'enfroce' is no mode of recording. Use `record` or `enforce`." in outcome.stderr


UNRECORDED = {
    "settings": {"ORCHESTRAIL_MODE": "enforce", "ORCHESTRAIL_DISABLED": "perhaps"},
    "requirement": {"ORCHESTRAIL_MODE": "enforce", "ORCHESTRAIL_ENFORCE": "NO-SUCH"},
}


@pytest.mark.parametrize("broken", UNRECORDED.values(), ids=UNRECORDED)
def test_where_recording_cannot_begin_enforce_refuses(run: Run, tmp_path: Path, broken: dict[str, str]) -> None:
    """Settings that cannot be used leave no evidence of any run."""
    outcome = run(f"{HEAD}\n@audited\ndef main(): mark('main')\n\nattempt(main)\n", **broken)
    assert outcome.stdout.startswith("['RUN-LC-01'] program.main was refused")
    assert ran(tmp_path) == []


def test_what_is_no_function_is_recorded_and_refused_alike(run: Run, tmp_path: Path) -> None:
    """A partial, an object that can be called, and a function whose signature cannot be had."""
    program = f"""{HEAD}
import functools

class Signature:
    def __get__(self, *_): raise RuntimeError("no signature")

class Callable_:
    __signature__ = Signature()
    def __call__(self, x): mark("object"); return x

def plain(x, y): mark("partial"); return x

print(audited(functools.partial(plain, 1))(2), audited(Callable_())(3))
"""
    outcome = run(program, ORCHESTRAIL_MODE="enforce")
    assert (outcome.stdout, outcome.stderr, ran(tmp_path)) == ("1 3\n", "", ["partial", "object"])
    jobs = dict.fromkeys(event["job"]["name"] for event in outcome.events)
    assert list(jobs) == ["program.plain", "program.Callable_"]
    (tmp_path / "ran").unlink()
    (tmp_path / "spool").write_text("no folder")
    outcome = run(program, ORCHESTRAIL_MODE="enforce", ORCHESTRAIL_SPOOL=str(tmp_path / "spool"))
    assert outcome.status == 1
    assert "program.plain was refused before it ran." in outcome.stderr
    assert ran(tmp_path) == []


def test_switched_off_refuses_nothing(run: Run, tmp_path: Path) -> None:
    """The switch is somebody's decision, which `doctor` tells of; it works in enforce mode too."""
    program = f"{HEAD}\n@audited(mode='enforce')\ndef main(): mark('main')\n\nmain()\n"
    outcome = run(program, ORCHESTRAIL_DISABLED="true", ORCHESTRAIL_MODE="enforce")
    assert (outcome.status, outcome.stderr, ran(tmp_path)) == (0, "", ["main"])


def test_a_service_that_cannot_be_recorded_is_refused(run: Run, tmp_path: Path) -> None:
    """And leaves nothing behind: a marked function called afterwards is just the call."""
    (tmp_path / "spool").write_text("no folder")
    program = f"""{HEAD}
@orchestrail.preprocessing("double", version="1.0.0")
def double(x): return 2 * x

def serve():
    with orchestrail.serving(model="program.py", deployment="eu-1"):
        mark("serve")

attempt(serve)
print(double(2))
"""
    outcome = run(program, ORCHESTRAIL_SPOOL=str(tmp_path / "spool"), ORCHESTRAIL_MODE="enforce")
    assert outcome.stdout.splitlines()[0].startswith("['RUN-LC-01'] serving.eu-1 was refused")
    assert outcome.stdout.splitlines()[1] == "4"
    assert ran(tmp_path) == []


def test_the_refusal_keeps_its_findings_on_the_way_through_another_process(run: Run) -> None:
    """Pools pickle what their workers raise."""
    program = f"""{HEAD}
from concurrent.futures import ProcessPoolExecutor

@orchestrail.preprocessing("impute")
def impute(x): return x

@audited(mode="enforce")
def main(): return impute(1)

if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        attempt(lambda: pool.submit(main).result())
"""
    outcome = run(program)
    assert outcome.stdout.startswith("['PREP-01'] program.main.impute was refused before it ran. PREP-01:"), outcome


def test_the_record_tells_what_was_missed(run: Run, tmp_path: Path, environment: dict[str, str]) -> None:
    """`show` has a line for it, `--json` the finding."""
    program = f"""{HEAD}
@orchestrail.preprocessing("impute")
def impute(x): return x

@audited
def main(): return impute(1)

main()
"""
    outcome = run(program)
    run_id = outcome.of("program.main")[0][1]["run"]["runId"]
    shown = command(environment, "show", run_id)
    assert "PREP-01  the preparation step declares no version" in shown
    document = json.loads(command(environment, "show", run_id, "--json"))
    (step,) = (one for one in document["runs"] if one["job"]["name"] == "program.main.impute")
    assert step["findings"] == [
        {
            "requirement": "PREP-01",
            "verdict": "fail",
            "reason": "the preparation step declares no version",
            "field": "preprocessing.version",
        }
    ]
    assert document["root"]["findings"] == []


def command(environment: dict[str, str], *arguments: str) -> str:
    """Type a command of ours in a process of its own."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("orchestrail")), *arguments],
        env=environment | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout
