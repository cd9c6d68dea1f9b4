"""Plain Python on the record: real programs in real processes, with and without the decorator."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrail import trouble
from orchestrail.testing import schema_problems, spooled_events

Run = Callable[..., Any]
SPECIFICATION = Path(__file__).parents[4] / "shared" / "data" / "openlineage-spec"

PROCESS = """
    @orchestrail.preprocessing("double", version="1.2.0", serve_time=True)
    def double(rows, factor=2):
        return [row * factor for row in rows]

    @orchestrail.step(role="train")
    def train(rows):
        Path("model.bin").write_text(json.dumps(rows))
        orchestrail.record_output("model.bin", kind="model")
        orchestrail.record_metric("rows", len(rows), dataset="model.bin")
        orchestrail.record_check("not-empty", bool(rows), severity="error", kind="quality")
        return "model.bin"

    @audited(system="credit", environment="staging")
    def main(data):
        return train(double(json.loads(Path(data).read_text())))

    Path("in.json").write_text("[1, 2, 3]")
    print(main("in.json"), orchestrail.current_run())
"""


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_process_with_steps(run: Run, tmp_path: Path) -> None:
    """A root run, its steps with role, operation and version, and the files by digest."""
    outcome = run(PROCESS)
    assert (outcome.stdout, outcome.stderr, outcome.status) == ("model.bin None\n", "", 0)
    (_, start), (_, end) = root = outcome.of("program.main")
    assert [kind for kind, _ in root] == ["START", "COMPLETE"]
    assert start["run"]["facets"]["orchestrail_run"]["system"] == "credit"
    assert start["run"]["facets"]["orchestrail_run"]["environment"] == "staging"
    assert [d["name"] for d in end["inputs"]] == [str(tmp_path / "in.json")]
    assert end["inputs"][0]["facets"]["orchestrail_dataset"]["digest"] == sha256(tmp_path / "in.json")
    assert end["inputs"][0]["facets"]["orchestrail_dataset"]["observed"] == "at_read"

    (_, step), _ = outcome.of("program.main.double")
    facets = step["run"]["facets"]
    assert {k: facets["orchestrail_step"][k] for k in ("role", "operation", "version", "derived", "serveTime")} == {
        "role": "preprocess", "operation": "double", "version": "1.2.0", "derived": False, "serveTime": True,
    }  # fmt: skip
    assert facets["orchestrail_code"]["digest"].startswith("py-tokens-2:sha256:")
    assert facets["orchestrail_parameters"]["parameters"]["factor"] == {"type": "int", "value": 2}
    assert facets["parent"]["run"]["runId"] == facets["parent"]["root"]["run"]["runId"] == start["run"]["runId"]

    (_, trained) = outcome.of("program.main.train")[1]
    (model,) = trained["outputs"]
    assert model["facets"]["orchestrail_dataset"]["digest"] == sha256(tmp_path / "model.bin")
    assert model["facets"]["datasetType"]["datasetType"] == "MODEL"
    assert trained["run"]["facets"]["orchestrail_metrics"]["metrics"][0]["value"] == 3
    assert trained["run"]["facets"]["test"]["tests"][0]["status"] == "pass"


def test_every_event_fits_the_schemas(run: Run) -> None:
    """OpenLineage's, where they stand beside the project, and ours always."""
    outcome = run(PROCESS)
    assert len(outcome.events) == 6
    for event in outcome.events:
        assert schema_problems(event, SPECIFICATION if SPECIFICATION.is_dir() else None) == []


FAILURES = """
    class Odd(Exception): pass

    @audited
    def main():
        {body}

    main()
"""


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("raise Odd('with a text')", "FAIL"),
        ("sys.exit(7)", "ABORT"),
        ("raise KeyboardInterrupt", "ABORT"),
        ("return 1 / 0", "FAIL"),
    ],
)
def test_a_failure_is_the_hosts_own(run: Run, body: str, kind: str) -> None:
    """Exit status and exception are as without us; the record has the end with type and text."""
    with_us, without = run(FAILURES.format(body=body)), run(FAILURES.format(body=body), audited=False)
    assert (with_us.status, with_us.stdout) == (without.status, without.stdout)
    assert with_us.stderr.strip().splitlines()[-1:] == without.stderr.strip().splitlines()[-1:]
    (_, end) = with_us.of("program.main")[-1]
    assert end["eventType"] == kind
    assert end["run"]["facets"]["errorMessage"]["message"].split(":")[0] in (
        "Odd",
        "SystemExit",
        "KeyboardInterrupt",
        "ZeroDivisionError",
    )


KINDS = """
    @orchestrail.step(role="other")
    def plain(x): return x + 1

    @orchestrail.step(role="other")
    async def waits(x):
        Path(f"{x}.txt").write_text("x")
        await asyncio.sleep(0.01 * x)
        Path(f"{x}.more.txt").write_text("x")
        return x

    @orchestrail.step(role="other")
    def produces(n):
        yield from range(n)

    @audited
    async def main():
        together = await asyncio.gather(*(waits(x) for x in (3, 1, 2)))
        return plain(1), together, list(produces(3)), next(produces(9))

    @audited
    def stream():
        yield orchestrail.current_run() is not None

    print(asyncio.run(main()), list(stream()), main.__name__, asyncio.iscoroutinefunction(main))
"""


def test_functions_of_every_kind(run: Run, tmp_path: Path) -> None:
    """Coroutines at once do not mix, generators end when they end, and all stay what they are."""
    outcome = run(KINDS)
    assert outcome.stderr == ""
    assert outcome.stdout == run(KINDS, audited=False).stdout.replace("[False]", "[True]")
    waits = [event for kind, event in outcome.of("program.main.waits") if kind == "COMPLETE"]
    assert sorted(sorted(Path(d["name"]).name for d in event["outputs"]) for event in waits) == [
        ["1.more.txt", "1.txt"], ["2.more.txt", "2.txt"], ["3.more.txt", "3.txt"],
    ]  # fmt: skip
    assert [kind for kind, _ in outcome.of("program.main.produces")].count("COMPLETE") == 2
    assert [kind for kind, _ in outcome.of("program.stream")] == ["START", "COMPLETE"]


CHILD = """
    import subprocess

    @audited
    def child():
        return 1

    @audited
    def main():
        run = orchestrail.current_run()
        environment = dict(os.environ, **carrier(run), AS_CHILD="1")
        subprocess.run([sys.executable, __file__], env=environment, check=True)

    from orchestrail.adapter import environment_of as carrier
    child() if os.environ.get("AS_CHILD") else main()
"""


def test_a_child_process_hangs_under_its_parent(run: Run) -> None:
    """OpenLineage's variables carry parent and root to another process."""
    outcome = run(CHILD)
    (_, main), (_, child) = outcome.of("program.main")[0], outcome.of("program.child")[0]
    assert child["run"]["facets"]["parent"]["run"]["runId"] == main["run"]["runId"]
    assert child["run"]["facets"]["parent"]["root"]["run"]["runId"] == main["run"]["runId"]


SERVICE = """
    from concurrent.futures import ThreadPoolExecutor

    @orchestrail.preprocessing("double", version="1.2.0", serve_time=True)
    def double(rows):
        return [row * 2 for row in rows]

    Path("model.bin").write_text("model")
    with orchestrail.serving(model="model.bin", deployment="eu-1"):
        with ThreadPoolExecutor(4) as pool:
            print(sum(len(rows) for rows in pool.map(double, [[1]] * 50)))
"""


def test_a_service_states_its_model_and_preparation_once(run: Run, tmp_path: Path) -> None:
    """One run for the service; each way of preparing data once, from whichever thread; no run per request."""
    outcome = run(SERVICE)
    assert (outcome.stdout, outcome.stderr) == ("50\n", "")
    assert {event["job"]["name"] for event in outcome.events} == {"serving.eu-1"}
    stated = [
        event["run"]["facets"]["orchestrail_serving"] for kind, event in outcome.of("serving.eu-1") if kind == "RUNNING"
    ]
    assert stated[-1]["model"]["digest"] == sha256(tmp_path / "model.bin")
    (operation,) = stated[-1]["preparation"]
    assert (operation["operation"], operation["version"]) == ("double", "1.2.0")
    training = run(PROCESS.replace("def double(rows, factor=2)", "def double(rows)").replace("row * factor", "row * 2"))
    (_, step) = training.of("program.main.double")[0]
    assert operation["codeDigest"] == step["run"]["facets"]["orchestrail_code"]["digest"]


def test_without_a_recorded_run_the_words_do_nothing(run: Run) -> None:
    """Marked functions work as ever, and nothing is left."""
    outcome = run(PROCESS, audited=False)
    assert (outcome.stdout, outcome.stderr, outcome.events) == ("model.bin None\n", "", [])


def test_switched_off(run: Run) -> None:
    """ORCHESTRAIL_DISABLED leaves the program as it is and records nothing."""
    outcome = run(PROCESS, ORCHESTRAIL_DISABLED="true")
    assert (outcome.stdout, outcome.stderr, outcome.events) == ("model.bin None\n", "", [])


SECRETS = """
    @orchestrail.step(role="other")
    def connect(url, token, options):
        raise RuntimeError(f"cannot reach {url} with {token} and env {os.environ['SERVICE_PASSWORD']}; password={options['pw']}")

    @audited
    def main(api_key, config):
        Path(f"out-{config['db_password']}.txt").write_text("x")
        try:
            connect("postgres://me:MARKERurl1@host/db", "MARKERtoken2", {"pw": "MARKERpw3"})
        except RuntimeError as error:
            raise ValueError(str(error)) from error

    main("MARKERkey4", {"db_password": "MARKERdb5"})
"""


def test_planted_secrets_are_in_no_byte(run: Run) -> None:
    """Arguments, nested ones, URLs, the environment, exception texts, file names: nothing of them is on disk."""
    outcome = run(SECRETS, SERVICE_PASSWORD="MARKERenv6")
    assert outcome.status == 1
    assert len(outcome.events) == 4
    for path in outcome.home.rglob("*"):
        if path.is_file():
            assert not re.findall(rb"MARKER\w+", path.read_bytes()), path


def test_killed_in_the_middle_the_start_is_there(environment: dict[str, str], tmp_path: Path) -> None:
    """After kill -9 the beginning is on disk, and says who owned it."""
    text = (
        "import time\nfrom orchestrail_script import audited\n"
        "@audited\ndef main():\n    print('in', flush=True)\n    time.sleep(60)\nmain()\n"
    )
    (tmp_path / "program.py").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    (start,) = spooled_events(tmp_path / "home" / "spool")
    assert start["eventType"] == "START"
    assert start["run"]["facets"]["orchestrail_run"]["owner"]["pid"] == process.pid
    assert start["run"]["facets"]["orchestrail_run"]["closedBy"] == "process"


@pytest.mark.parametrize(
    "broken",
    [{"ORCHESTRAIL_HOME": "/proc/nowhere"}, {"ORCHESTRAIL_MODE": "nonsense"}, {"ORCHESTRAIL_SPOOL": "/dev/null/spool"}],
    ids=["home", "settings", "spool"],
)
def test_broken_recording_leaves_the_program_alone(run: Run, broken: dict[str, str]) -> None:
    """A home that cannot be made, settings that cannot be used, a spool that cannot be written: the program does not notice."""
    outcome = run(PROCESS, **broken)
    assert (outcome.stdout.split()[0], outcome.stderr, outcome.status) == ("model.bin", "", 0)
    if "ORCHESTRAIL_HOME" not in broken:
        assert trouble.read(outcome.home)


def test_facts_stated_wrongly_are_noted_not_raised(run: Run) -> None:
    """A wrong role, a metric that is no number, a fact after the end: the program goes on, `doctor` can tell."""
    outcome = run(
        """
        @audited
        def main():
            orchestrail.record_input("program.py", role="nonsense")
            orchestrail.record_metric("auc", "high")
            orchestrail.record_output(object())
            return 3

        print(main())
        """
    )
    assert (outcome.stdout, outcome.stderr) == ("3\n", "")
    notes = {note["where"]: note["error"] for note in trouble.read(outcome.home)}
    assert "nonsense" in notes["record_input"]
    assert "no number" in notes["record_metric"]
    (_, end) = outcome.of("program.main")[-1]
    (output,) = end["outputs"]
    assert output["facets"]["orchestrail_dataset"]["digest"] is None
    assert output["facets"]["orchestrail_dataset"]["weak"]
    json.dumps(output)


HELPERS = {
    "preparation/__init__.py": "from .cleaning import clean\n",
    "preparation/cleaning.py": "from .text import strip\n\ndef clean(rows):\n    return [strip(row) for row in rows]\n",
    "preparation/text.py": "def strip(row):\n    # both ends\n    return row.strip()\n",
}
DECLARED = """
    from preparation import clean

    @orchestrail.preprocessing("clean", version="1.0.0")
    def declared(rows):
        return clean(rows)

    @orchestrail.preprocessing("clean-again")
    def derived(rows):
        return clean(rows)

    @audited
    def main():
        return derived(declared([" a "]))

    main()
"""


def test_one_line_two_modules_away_is_another_version(run: Run, tmp_path: Path) -> None:
    """A derived version changes with it, a declared one does not and its code shows; with a comment nothing changes."""
    (tmp_path / "preparation").mkdir()

    def versions(**changes: str) -> dict[str, tuple[str, bool, str]]:
        for path, text in HELPERS.items():
            (tmp_path / path).write_text(changes.get(Path(path).stem, text))
        found = {}
        for name in ("declared", "derived"):
            events = run(DECLARED).of(f"program.main.{name}")
            facets = [event for kind, event in events if kind == "START"][-1]["run"]["facets"]
            step, code = facets["orchestrail_step"], facets["orchestrail_code"]
            found[name] = (step["version"], step["derived"], code["digest"])
        return found

    before = versions()
    assert versions(text=HELPERS["preparation/text.py"].replace("both", "its two")) == before
    after = versions(text=HELPERS["preparation/text.py"].replace("strip()", "rstrip()"))
    assert before["declared"][:2] == after["declared"][:2] == ("1.0.0", False)
    assert before["declared"][2] != after["declared"][2]
    assert (before["derived"][0], before["derived"][1]) == (before["derived"][2], True)
    assert before["derived"][0] != after["derived"][0]


def test_what_the_digest_does_not_cover_is_told(run: Run) -> None:
    """A module that is imported by a computed name is followed nowhere, and the record says so."""
    outcome = run("""
        import importlib

        @audited
        def main(name="json"):
            return importlib.import_module(name).dumps(1)

        main()
    """)
    (_, end) = outcome.of("program.main")[-1]
    (missing,) = end["run"]["facets"]["orchestrail_capture"]["notCaptured"]
    assert missing == {"what": "code", "reason": "imports by computed names are not followed: program"}
