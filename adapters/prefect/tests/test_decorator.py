"""The decorator: it gives back the same object, keeps its type, pickles with it, and can be taken off again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from prefect import flow, task
from prefect.context import ContextModel, FlowRunContext, TaskRunContext
from prefect.events.worker import EventsWorker
from prefect.flows import Flow

from orchestrail import guard
from orchestrail.adapter import deactivate
from orchestrail.errors import ConfigurationError
from orchestrail_prefect import audited
from orchestrail_prefect.hooks import EVENTS, StateHook, hook_list, options_of

LISTS = [hook_list(event) for event in EVENTS]
PATCHED = [
    *((Flow, name) for name in LISTS),
    *((context, name) for context in (FlowRunContext, TaskRunContext) for name in ("__enter__", "__exit__")),
    (EventsWorker, "send"),
]


@pytest.fixture(autouse=True)
def _recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ORCHESTRAIL_HOME", str(tmp_path / "home"))
    yield
    deactivate("prefect")


def make(**options: Any) -> Flow[..., Any]:
    @flow(**options)
    def example(a: int, b: str = "x") -> str:
        """Say something."""
        return b * a

    return example


def ours(subject: Any) -> list[StateHook]:
    return [hook for name in LISTS for hook in vars(subject)[name] if isinstance(hook, StateHook)]


def test_the_same_flow_comes_back() -> None:
    """Name, version, parameters and function are untouched; one hook of ours stands first on each list."""
    plain, subject = make(), make()
    assert audited(subject) is subject
    for name in ("name", "version", "parameters", "description"):
        assert getattr(subject, name) == getattr(plain, name), name
    assert subject.fn.__name__ == "example"
    assert [hook.event for hook in ours(subject)] == list(EVENTS)


def test_lists_of_the_users_stay_theirs() -> None:
    """A list that several flows were given gets nothing of ours; their hooks stay, behind ours."""

    def mine(flow: Any, flow_run: Any, state: Any) -> None:
        """Do nothing."""

    shared = [mine]
    first, second = make(on_completion=shared), make(on_completion=shared)
    audited(first)
    assert shared == [mine]
    assert second.on_completion_hooks == [mine]
    assert first.on_completion_hooks[1:] == [mine]


def test_decorated_twice_there_is_one_hook() -> None:
    """The outer decorator's options win, the inner's stay where the outer says nothing."""
    subject = make()
    audited(system="outer")(audited(system="inner", environment="staging")(subject))
    assert len(ours(subject)) == len(EVENTS)
    options = options_of(subject)
    assert options is not None
    assert (options.system, options.environment, options.inherited) == ("outer", "staging", False)


def test_copies_keep_the_options() -> None:
    """`with_options` copies the lists; a hook of the user's on one of them leaves ours on the others."""
    copy = audited(system="kept")(make()).with_options(name="copy", on_failure=[print])
    assert copy.on_failure_hooks[1:] == [print]
    assert [hook.options.system for hook in ours(copy)] == ["kept"] * len(EVENTS)


def test_it_pickles_by_value() -> None:
    """As task runners and remote flows do it: hooks and options arrive, and the process that gets them is attached."""
    sent = cloudpickle.dumps(audited(system="sent")(make()))
    deactivate("prefect")
    assert "on_running_hooks" not in vars(Flow)
    arrived = cloudpickle.loads(sent)
    assert [hook.options.system for hook in ours(arrived)] == ["sent"] * len(EVENTS)
    assert "on_running_hooks" in vars(Flow)
    assert len(sent) < 6000


def test_letting_go_leaves_prefect_as_it_was() -> None:
    """Attached twice it is attached once; uninstalled, no class and no flow has anything of ours."""
    deactivate("prefect")
    before = [(owner, name, vars(owner).get(name), getattr(owner, name, None)) for owner, name in PATCHED]
    first, second = audited(make()), audited(make())
    assert [vars(owner).get(name) for owner, name in PATCHED] != [own for _, _, own, _ in before]
    deactivate("prefect")
    assert [(owner, name, vars(owner).get(name), getattr(owner, name, None)) for owner, name in PATCHED] == before
    assert ours(first) == ours(second) == []
    assert first.on_running_hooks == []


def test_switched_off_it_attaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hook on the flow, no change of Prefect."""
    deactivate("prefect")
    monkeypatch.setenv("ORCHESTRAIL_DISABLED", "true")
    assert ours(audited(make())) == []
    assert "on_running_hooks" not in vars(Flow)


def test_an_unknown_prefect_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a later release has not what we attach to, nothing is attached, and doctor gets to know."""
    deactivate("prefect")
    monkeypatch.delattr(ContextModel, "__exit__")
    assert ours(audited(make())) == []
    assert [name for owner, name in PATCHED if name in vars(owner) and owner is not Flow] == []
    assert "on_running_hooks" not in vars(Flow)
    (trouble,) = guard.swallowed
    assert isinstance(trouble[1], AttributeError)
    guard.swallowed.clear()


def test_wrong_use_is_said_at_once() -> None:
    """Above a task, or with a mode that is none."""

    @task
    def step() -> None:
        """Do nothing."""

    with pytest.raises(ConfigurationError, match="above a task"):
        audited(step)
    wrong: dict[str, Any] = {"mode": "strict"}
    with pytest.raises(ConfigurationError, match="mode"):
        audited(**wrong)


TYPED = """
from prefect import flow
from orchestrail_prefect import audited

@audited
@flow
def plain(a: int, b: str = "x") -> str:
    return b * a

@audited(system="s", environment="e", mode="enforce")
@flow
def with_options(a: int) -> int:
    return a

@flow
@audited
def below(a: int) -> float:
    return a / 2

reveal_type(plain)
reveal_type(with_options)
reveal_type(with_options(1))
reveal_type(below(1))
plain("wrong")
audited(mode="strict")
"""


def test_types_stay(tmp_path: Path) -> None:
    """mypy sees the flow's own signature, above and below, and still refuses what is wrong."""
    (tmp_path / "typed.py").write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "typed.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    revealed = [line.partition("Revealed type is ")[2] for line in done.stdout.splitlines() if "Revealed" in line]
    wrong = [line for line in done.stdout.splitlines() if ": error:" in line]
    flows = ['"prefect.flows.Flow[[a: int, b: str =], str]"', '"prefect.flows.Flow[[a: int], int]"']
    assert revealed == [*flows, '"int"', '"float"'], done.stdout
    assert len(wrong) == 2, done.stdout
    assert "plain" in TYPED.splitlines()[int(wrong[0].split(":")[1]) - 1]
    assert "strict" in TYPED.splitlines()[int(wrong[1].split(":")[1]) - 1]
