"""`check` and `gate` where the record is at a server: the same answer as there, and the exit codes of the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import httpx
import pytest
from serving import Serving


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file that a recorded run wrote."""
    path = tmp_path / "model.joblib"
    path.write_bytes(b"model")
    return path


@pytest.fixture
def there(server: Serving, made: ModuleType, model: Path) -> Serving:
    """A server with a run on its record that made a model."""
    written = made.dataset("/elsewhere/model.joblib", "model", kind="model")
    events = [made.event("START", 1), made.event("COMPLETE", 1, second=1, outputs=[written])]
    for event in events:
        sent = {"content": made.body(event), "headers": {"Content-Type": "application/json"}}
        httpx.post(f"{server.url}/api/v1/lineage", **sent).raise_for_status()
    return server


Typed = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize("asked", [["check"], ["gate", "MODEL"], ["check", "MODEL", "--profile", "operate"]])
def test_the_answer_is_that_of_the_store(
    there: Serving, command: Typed, tmp_path: Path, model: Path, asked: list[str]
) -> None:
    """In JSON, in words, in the forms of build servers, and by its exit code; nothing is made here."""
    home = tmp_path / "builder"
    words = [str(model) if word == "MODEL" else word for word in asked]
    forms = [f"--{form}={tmp_path / form}" for form in ("sarif", "junit")]
    afar = command(*words, "--json", *forms, ORCHESTRAIL_HOME=str(home), ORCHESTRAIL_URL=there.url)
    told = {form: (tmp_path / form).read_text() for form in ("sarif", "junit")}
    here = command(*words, "--json", *forms, ORCHESTRAIL_HOME=str(there.home))
    assert json.loads(afar.stdout) == json.loads(here.stdout)
    assert afar.returncode == here.returncode in (1, 3)
    assert told == {form: (tmp_path / form).read_text() for form in ("sarif", "junit")}
    in_words = command(*words, ORCHESTRAIL_HOME=str(home), ORCHESTRAIL_URL=there.url)
    assert in_words.stdout == command(*words, ORCHESTRAIL_HOME=str(there.home)).stdout
    assert there.url in in_words.stderr
    assert not home.joinpath("audit.db").exists()


def test_what_the_server_does_not_know_or_refuses_is_told_apart(
    there: Serving, command: Typed, tmp_path: Path, model: Path
) -> None:
    """Not recorded is 1, as where the store is; a server that is away or of another catalogue is 4."""
    at = {"ORCHESTRAIL_HOME": str(tmp_path / "builder"), "ORCHESTRAIL_URL": there.url}
    model.write_bytes(b"another")
    absent = command("gate", str(model), **at)
    assert (absent.returncode, "is not produced by a recorded run" in absent.stderr) == (1, True)
    ours = tmp_path / "ours.yaml"
    ours.write_text('id: ours\nversion: "1"\ntitle: Ours\n')
    other = command("check", ORCHESTRAIL_CATALOGUE=str(ours), **at)
    assert other.returncode == 4, other.stderr
    assert "ORCHESTRAIL_CATALOGUE" in other.stderr
    assert command("check", "--verify", **at).returncode == 2
    there.stop()
    assert command("check", **at).returncode == 4
