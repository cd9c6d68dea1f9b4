"""The kit itself: what is broken on purpose is caught, by the scenario that is made for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrail.testing import Host
from orchestrail.testing.bench import Bench, bench
from orchestrail.testing.expectations import TRIALS


@dataclass(frozen=True, slots=True)
class Mutant:
    """One deliberately broken adapter: a patch that the host's process imports first.

    Attributes:
        name: what is wrong with it.
        scenario: the one that catches it.
        says: words of the complaint.
        patch: text of a module.
    """

    name: str
    scenario: str
    says: str
    patch: str


_RECORDER = (
    "from orchestrail.recorder import Recorder\nemit, start, finish = Recorder._emit, Recorder.start, Recorder.finish\n"
)
_EVENT = """
import json
from orchestrail.transport.spool import Spool
append = Spool.append
def altered(change):
    def write(self, body):
        event = json.loads(body)
        change(event, event["run"]["facets"])
        append(self, json.dumps(event).encode())
    Spool.append = write
"""
_SCRIPT = "import orchestrail_script\nfrom orchestrail_script import plugin\n"

MUTANTS = (
    Mutant(
        "the start is held back until the end",
        "killed",
        "die has 0 runs",
        _RECORDER
        + """
held = []
def late(self, event_type, *args, **facts):
    if event_type == "START":
        held.append((self, args, facts))
        return
    for who, earlier, known in held:
        emit(who, "START", *earlier, **known)
    held.clear()
    emit(self, event_type, *args, **facts)
Recorder._emit = late
""",
    ),
    Mutant(
        "a failure has no end",
        "failure",
        "no end",
        _RECORDER
        + """
def forget(self, run_id, state, **facts):
    if state != "FAIL":
        finish(self, run_id, state, **facts)
Recorder.finish = forget
""",
    ),
    Mutant(
        "the host's exception is replaced by another",
        "failure",
        "stderr is not what it was",
        """
from orchestrail.steps import StepRun
end = StepRun.end
def replace(self, error=None):
    end(self, error)
    if error is not None:
        raise RuntimeError("the step failed") from None
StepRun.end = replace
""",
    ),
    Mutant(
        "the error's text is left out",
        "failure",
        "the error is recorded as",
        _RECORDER
        + """
def silent(self, run_id, state, *, error=None, **facts):
    finish(self, run_id, state, error=type(error).__name__ if error else None, **facts)
Recorder.finish = silent
""",
    ),
    Mutant(
        "a line is printed",
        "success",
        "stdout is not what it was",
        _RECORDER
        + "Recorder.start = lambda self, begun: (print('recording', begun.job_name), start(self, begun))[1]\n",
    ),
    Mutant(
        "a person is named",
        "success",
        "a person is named as jane.doe",
        _EVENT + "altered(lambda event, facets: facets['orchestrail_run'].update(actor='jane.doe'))\n",
    ),
    Mutant(
        "a plain digest stands for who changed a run",
        "success",
        "a person is named as sha256:",
        _EVENT + "altered(lambda event, facets: facets['orchestrail_run'].update(changedBy='sha256:' + '0' * 64))\n",
    ),
    Mutant(
        "files that are read are left out",
        "success",
        "inputs of",
        """
from orchestrail.capture.files import FileCapture
FileCapture._notes_read = lambda self, name, identity=None: True
""",
    ),
    Mutant(
        "an event is lost on its way",
        "success",
        "not one START|no end",
        """
from orchestrail.transport.spool import Spool
append, count = Spool.append, iter(range(1000))
Spool.append = lambda self, body: append(self, body) if next(count) % 4 != 3 else None
""",
    ),
    Mutant(
        "the end does not fit the schema",
        "success",
        "orchestrail_run: ",
        _EVENT
        + """
@altered
def odd(event, facets):
    facets["orchestrail_run"]["attempt"] = "first"
""",
    ),
    Mutant(
        "runs of one job share an id",
        "mapped",
        "mapped runs",
        _SCRIPT
        + "orchestrail_script.new_run_id = lambda made={}, n=iter(range(9)), new=orchestrail_script.new_run_id: "
        "made.setdefault(min(next(n), 1), new())\n",
    ),
    Mutant(
        "the parent is taken for the root",
        "nested",
        "its root is stated as",
        _EVENT
        + """
@altered
def near(event, facets):
    if "parent" in facets:
        facets["parent"]["root"] = {"run": facets["parent"]["run"], "job": facets["parent"]["job"]}
""",
    ),
    Mutant(
        "the parent is lost in threads",
        "threads",
        "roots",
        _SCRIPT
        + """
import threading
of = orchestrail_script.current_open_run
orchestrail_script.current_open_run = lambda: of() if threading.current_thread() is threading.main_thread() else None
""",
    ),
    Mutant(
        "what is at work is kept in one place for all coroutines",
        "asynchronous",
        "what each wrote",
        """
from orchestrail.capture import files
class Everywhere:
    now = None
    def get(self, default=None):
        return self.now
    def set(self, value):
        self.now = value
    def reset(self, token):
        self.now = None
files.capturing = Everywhere()
""",
    ),
    Mutant(
        "a forked process writes into its parent's segment",
        "processes",
        "are numbered",
        """
import os
from orchestrail.transport.spool import Spool
Spool._after_fork_in_child = lambda self: self._lock.release()
""",
    ),
    Mutant(
        "a cancelled run is told as failed",
        "cancelled",
        "end of the step: FAIL",
        _RECORDER
        + """
def failed(self, run_id, state, **facts):
    finish(self, run_id, type(state)("FAIL") if state == "ABORT" else state, **facts)
Recorder.finish = failed
""",
    ),
    Mutant(
        "nobody knows whose process a run lives in",
        "killed",
        "runs that the sweep closed",
        _EVENT
        + """
@altered
def elsewhere(event, facets):
    facets["orchestrail_run"]["owner"]["host"] = "elsewhere"
""",
    ),
    Mutant(
        "the host waits for the server",
        "sink_down",
        "connected to the server",
        _RECORDER
        + """
import os, socket, urllib.parse
def sent(self, begun):
    address = urllib.parse.urlsplit(os.environ["ORCHESTRAIL_URL"])
    socket.create_connection((address.hostname, address.port), timeout=5).close()
    return start(self, begun)
if "ORCHESTRAIL_URL" in os.environ:
    Recorder.start = sent
""",
    ),
    Mutant(
        "the text of an exception is not redacted",
        "secrets",
        "a secret is in",
        """
import sys
import orchestrail.adapter
for module in [module for name, module in sys.modules.items() if name.startswith("orchestrail")]:
    for name in ("redact", "redact_message"):
        if hasattr(module, name):
            setattr(module, name, lambda found, *_: found)
""",
    ),
    Mutant(
        "findings are dropped",
        "requirement_recorded",
        "findings at its start",
        "from orchestrail import enforcement\nenforcement.examine = lambda *known: ()\n",
    ),
    Mutant(
        "a refusal comes after user code",
        "requirement_enforced",
        "user code ran",
        """
from orchestrail import steps, wrapping
from orchestrail.errors import RequirementNotMet
begin = steps.begin
class Later:
    def __init__(self, refusal):
        self.refusal = refusal
    def end(self, error=None):
        raise self.refusal
def late(function, args, kwargs):
    try:
        return begin(function, args, kwargs)
    except RequirementNotMet as refusal:
        return Later(refusal)
steps.begin = late
""",
    ),
    Mutant(
        "an exception of ours gets out",
        "full_disk",
        "exit status 1",
        "from orchestrail.guard import guard\nguard.__exit__ = lambda self, *error: False\n",
    ),
    Mutant(
        "trouble is not told",
        "full_disk",
        "`orchestrail doctor` tells no trouble",
        "from orchestrail import trouble\ntrouble.note = lambda *facts, **more: None\n",
    ),
    Mutant(
        "the second installation records once more",
        "installed_twice",
        "more than one end|not one START",
        _RECORDER
        + _SCRIPT
        + """
installed = []
def again(recorder, settings):
    installed.append(recorder)
    if len(installed) > 1:
        Recorder._emit = lambda self, *args, **facts: (emit(self, *args, **facts), emit(self, *args, **facts))[0]
plugin.adapter_install = again
""",
    ),
    Mutant(
        "uninstalled, it goes on recording",
        "uninstalled",
        "runs of the step after",
        _SCRIPT + "plugin.was_let_go = lambda: False\n",
    ),
    Mutant(
        "the signature of a function is lost",
        "unchanged",
        "stdout is not what it was",
        """
import functools
from orchestrail import wrapping
wraps = functools.wraps
def forget(function):
    def decorate(wrapper):
        decorated = wraps(function)(wrapper)
        del decorated.__wrapped__
        return decorated
    return decorate
class Functools:
    wraps = staticmethod(forget)
wrapping.functools = Functools
""",
    ),
    Mutant(
        "what a function gives is handed on as a copy",
        "unchanged",
        "stdout is not what it was",
        """
import orchestrail_script
from orchestrail import wrapping
wrap = wrapping.wrap
def copied(function, begin):
    wrapper = wrap(function, begin)
    if function.__name__ != "talk":
        return wrapper
    import functools
    return functools.wraps(function)(lambda value: (wrapper(value), object())[1])
orchestrail_script.wrap = copied
""",
    ),
)


@pytest.fixture(scope="module")
def sound(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench with the adapter as it is, whose control runs the mutants share."""
    with bench(host, tmp_path_factory.mktemp("sound")) as made:
        yield made


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_adapter_is_caught(mutant: Mutant, sound: Bench, tmp_path: Path) -> None:
    """The scenario fails and says what is wrong; that it holds for the adapter as it is, `test_conformance` shows."""
    with (
        bench(sound.host, tmp_path, injected=mutant.patch, sound=sound) as broken,
        pytest.raises(AssertionError, match=mutant.says),
    ):
        TRIALS[mutant.scenario](broken)


SUITE = """
from pathlib import Path
import pytest
from orchestrail.testing import ConformanceSuite, Host
from orchestrail.testing.bench import bench as opened

class Script(Host):
    adapter = "script"
    program = Path({program!r})

class TestConformance(ConformanceSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, tmp_path_factory):
        with opened(Script(), tmp_path_factory.mktemp("bench"), injected={patch!r}) as made:
            yield made
"""
DECLARED = """
from orchestrail.adapter import Gap
from orchestrail_script import plugin
plugin.GAPS = (Gap({name!r}, never="so it is said"),)
"""


@pytest.mark.parametrize(
    ("gap", "told"), [("mapped", "XPASS(strict)"), ("mappd", "The gap mappd names no scenario. mapped does.")]
)
def test_a_gap_is_not_declared_without_need(gap: str, told: str, host: Host, tmp_path: Path) -> None:
    """One that holds fails the suite, and so does one whose name is misspelt."""
    suite = SUITE.format(program=str(host.program), patch=DECLARED.format(name=gap))
    (tmp_path / "test_declared.py").write_text(suite)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "mapped", "test_declared.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stdout
    assert told in done.stdout
