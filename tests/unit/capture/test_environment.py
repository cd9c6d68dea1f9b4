"""The facts of the environment: what is in them, what never is, and when they are read again."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from orchestrail.capture import environment
from orchestrail.capture.environment import environment_facts

OLD = 1_600_000_000


@pytest.fixture(autouse=True)
def _forget():
    environment._known.clear()
    yield
    environment._known.clear()


def install(folder: Path, name: str, version: str) -> None:
    """Lay down what an installer leaves of a distribution."""
    place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    os.utime(folder, (OLD, OLD))


def test_facts_describe_this_machine_and_this_python():
    """As Python itself tells them."""
    facts = environment_facts()
    assert facts["python"] == {"implementation": "cpython", "version": platform.python_version()}
    assert facts["platform"] == {
        "system": "Linux",
        "release": platform.release(),
        "machine": platform.machine(),
        "distribution": platform.freedesktop_os_release()["PRETTY_NAME"],
        "libc": " ".join(platform.libc_ver()),
    }
    assert facts["limits"]["usableCpus"] == len(os.sched_getaffinity(0))
    assert facts["cpu"]["count"] == os.cpu_count()
    assert facts["memoryBytes"] > 1 << 20
    assert isinstance(facts["gpus"], list)
    assert facts["distributions"]["pytest"] == metadata.version("pytest")
    assert list(facts["distributions"]) == sorted(facts["distributions"])


def test_digests_are_as_documented():
    """Both can be computed from the facts."""
    facts = environment_facts()
    lines = "".join(f"{name}=={version}\n" for name, version in facts["distributions"].items())
    assert facts["distributionsDigest"] == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    passing = ("digest", "memoryBytes", "session", "limits", "container")
    rest = {key: value for key, value in facts.items() if key not in passing}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    assert facts["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_nothing_of_the_person_or_the_host_is_in_it(monkeypatch, tmp_path):
    """No variables, no names, no paths."""
    monkeypatch.setenv("PLANTED", "planted-marker-123")
    text = json.dumps(environment_facts(tmp_path))
    assert "planted-marker-123" not in text
    assert socket.gethostname() not in text or len(socket.gethostname()) < 4
    assert str(Path.home()) not in text
    assert sys.prefix not in text
    assert f'"{getpass.getuser()}"' not in text


def test_every_process_gives_the_same_facts(run, tmp_path):
    """With and without a cache, whatever the hash seed."""
    program = "import json\nfrom orchestrail.capture.environment import environment_facts\nfrom pathlib import Path\n"
    cached = program + "print(json.dumps(environment_facts(Path('cache'), variables=())))"
    facts = [run(program + "print(json.dumps(environment_facts(variables=())))", PYTHONHASHSEED="1")]
    facts += [run(cached, PYTHONHASHSEED=seed) for seed in "23"]
    assert facts[0] == facts[1] == facts[2]
    assert list((tmp_path / "cache").glob("environment-*.json"))


def test_an_installed_distribution_changes_the_digests(tmp_path, monkeypatch):
    """Its name in the usual form; of two of one name, the one that Python would import."""
    before = environment_facts()
    install(tmp_path / "one", "Some_Made.Up", "1.0")
    install(tmp_path / "two", "some-made-up", "2.0")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "one"), str(tmp_path / "two"), *sys.path])
    after = environment_facts()
    assert after["distributions"]["some-made-up"] == "1.0"
    assert after["digest"] != before["digest"]
    assert after["distributionsDigest"] != before["distributionsDigest"]


def test_a_folder_is_read_again_once_it_changes(tmp_path, monkeypatch):
    """The cache on disk holds for as long as the folder's time of change stays."""
    folder, cache = tmp_path / "site", tmp_path / "cache"
    install(folder, "made", "1.0")
    monkeypatch.setattr(sys, "path", [str(folder)])

    def version() -> str:
        environment._known.clear()
        return environment_facts(cache)["distributions"]["made"]

    assert version() == "1.0"
    (folder / "made-1.0.dist-info").rename(folder / "gone")
    os.utime(folder, (OLD, OLD))
    assert version() == "1.0"
    install(folder, "made", "2.0")
    os.utime(folder, (OLD + 1, OLD + 1))
    assert version() == "2.0"


def test_a_folder_that_changed_just_now_is_not_cached(tmp_path, monkeypatch):
    """An installer may still be at work."""
    folder, cache = tmp_path / "site", tmp_path / "cache"
    install(folder, "made", "1.0")
    os.utime(folder)
    monkeypatch.setattr(sys, "path", [str(folder)])
    assert environment_facts(cache)["distributions"] == {"made": "1.0"}
    assert not cache.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2}', '{"format": 2, "entries": {"x": 3}}', '{"format": 9, "entries": {}}', "\0"]
)
def test_a_damaged_cache_is_written_anew(tmp_path, text):
    """It only ever saves time."""
    facts = environment_facts(tmp_path)
    (file,) = tmp_path.glob("environment-*.json")
    whole = file.read_text()
    file.write_text(text)
    environment._known.clear()
    assert environment_facts(tmp_path) == facts
    assert file.read_text() == whole


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    """A file stands where the folder should be."""
    (tmp_path / "cache").write_text("")
    assert environment_facts(tmp_path / "cache") == environment_facts()


ORIGINS = {
    "editable-one": ({"url": "file:///home/somebody/secret", "dir_info": {"editable": True}}, {"kind": "editable"}),
    "folder-one": ({"url": "file:///home/somebody/secret", "dir_info": {}}, {"kind": "folder"}),
    "git-one": (
        {
            "url": "https://user:planted-marker-9@git.example/a/b.git?token=planted-marker-9",
            "vcs_info": {"vcs": "git", "commit_id": "ab12"},
        },
        {"kind": "git", "commit": "ab12", "url": "https://git.example/a/b.git"},
    ),
    "wheel-one": (
        {
            "url": "https://files.example/x.whl?sig=planted-marker-9#sha256=1",
            "archive_info": {"hash": "sha256=cd", "hashes": {"sha256": "cd"}},
        },
        {"kind": "archive", "sha256": "cd", "url": "https://files.example/x.whl"},
    ),
    "odd-one": ([1], {"kind": "unknown"}),
    "from-an-index": (None, None),
}


def test_what_did_not_come_from_an_index_is_named_without_path_and_credentials(tmp_path, monkeypatch):
    """As installers note it; read again from the cache."""
    folder = tmp_path / "site"
    for name, (told, _) in ORIGINS.items():
        install(folder, name, "1.0")
        if told is not None:
            (folder / f"{name.replace('-', '_')}-1.0.dist-info" / "direct_url.json").write_text(json.dumps(told))
    os.utime(folder, (OLD, OLD))
    monkeypatch.setattr(sys, "path", [str(folder)])
    expected = {name: origin for name, (_, origin) in sorted(ORIGINS.items()) if origin is not None}
    for _ in range(2):
        facts = environment_facts(tmp_path / "cache")
        assert facts["origins"] == expected
        assert "planted-marker-9" not in json.dumps(facts)
        assert "somebody" not in json.dumps(facts)
        environment._known.clear()
    (cached,) = (tmp_path / "cache").iterdir()
    assert "planted-marker-9" not in cached.read_text()


def test_variables_are_those_that_the_settings_name(monkeypatch):
    """Read at each start; without secrets, cut, and part of the digest."""
    for name, value in {
        "OMP_NUM_THREADS": "3",
        "OTHER": "planted-1",
        "MY_TOKEN": "planted-2",
        "LONG": "x" * 5000,
    }.items():
        monkeypatch.setenv(name, value)
    facts = environment_facts()
    assert facts["variables"]["OMP_NUM_THREADS"] == "3"
    assert "planted" not in json.dumps(facts)
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    changed = environment_facts()
    assert (changed["variables"]["OMP_NUM_THREADS"], changed["digest"] != facts["digest"]) == ("4", True)
    told = environment_facts(variables=("OTHER", "MY_TOKEN", "LONG", "NOT_SET"))["variables"]
    assert told == {"LONG": "x" * 1000, "MY_TOKEN": "[redacted]", "OTHER": "planted-1"}


def test_a_broken_installation_is_left_out(tmp_path, monkeypatch):
    """No metadata, no name, a file in place of a folder."""
    install(tmp_path, "made", "1.0")
    (tmp_path / "empty-1.0.dist-info").mkdir()
    (tmp_path / "nameless-1.0.dist-info").mkdir()
    (tmp_path / "nameless-1.0.dist-info" / "METADATA").write_text("Version: 1\n")
    (tmp_path / "file-1.0.dist-info").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "nothing"), ""])
    assert environment_facts()["distributions"] == {"made": "1.0"}


def test_reading_the_environment_is_not_captured(capture):
    """The files are ours, not the step's."""
    environment_facts()
    assert capture.close() == ([], [], [])


def test_the_caller_may_change_what_it_gets():
    """It does not change what the next one gets."""
    environment_facts().clear()
    assert environment_facts()["python"]


ASK = "from orchestrail.capture.environment import environment_facts; print(environment_facts()['session'])"


@pytest.mark.parametrize(
    ("arguments", "typed", "test", "session"),
    [
        (["-c", ASK], "", "", "None"),
        (["-i", "-q"], ASK, "", "console"),
        (["-c", f"import ipykernel; {ASK}"], "", "", "notebook"),
        (["-c", ASK], "", "tests/test_flow.py::test_it (call)", "pytest"),
    ],
    ids=["program", "console", "notebook", "pytest"],
)
def test_the_session_tells_a_trial_from_a_program(tmp_path, arguments, typed, test, session):
    """In a process of each kind; of a notebook's kernel only its name is there."""
    (tmp_path / "ipykernel.py").write_text("")
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    surroundings |= {"PYTHONPATH": str(tmp_path)} | ({"PYTEST_CURRENT_TEST": test} if test else {})
    done = subprocess.run(
        [sys.executable, *arguments], input=f"{typed}\n", env=surroundings, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == session
