"""The git state of a folder, from real repositories."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrail.capture import git
from orchestrail.capture.git import git_facts, without_credentials

ODD_GIT = """
if "status" in sys.argv:
    import os
    open(os.environ["ORCHESTRAIL_TEST_PID"], "w").write(str(os.getpid()))
    time.sleep(600)
elif "config" in sys.argv:
    sys.stdout.write("remote.origin.url https://host.example/" + "r" * 500_000)
else:
    print("0" * 40)
"""


def call(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    git._known.clear()
    monkeypatch.setattr(git, "TIMEOUT", 120)  # a git that is slow because the machine is busy is waited for
    monkeypatch.setattr(git, "VALID", 600.0)


@pytest.fixture
def repository(tmp_path) -> Path:
    """A repository with one commit of one file."""
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    call(top, "init", "--quiet", "--initial-branch", "trunk")
    (top / "sub" / "steps.py").write_text("x = 1\n")
    call(top, "add", ".")
    call(top, "commit", "--quiet", "--message", "First")
    return top


def test_a_clean_folder_is_at_its_commit(repository):
    """Commit, branch, root, and nothing dirty; from a folder below the top too."""
    facts = git_facts(repository / "sub", repository / "sub" / "steps.py")
    assert facts == git.GitFacts(None, call(repository, "rev-parse", "HEAD"), "trunk", False, repository.resolve())


def test_a_changed_file_is_dirty(repository):
    """Changed, staged, or removed."""
    (repository / "sub" / "steps.py").write_text("x = 2\n")
    assert git_facts(repository).dirty is True
    call(repository, "add", ".")
    git._known.clear()
    assert git_facts(repository).dirty is True


def test_an_untracked_file_is_dirty_only_where_it_is_the_source(repository):
    """Data beside the code is no change of the code; the step's own file is, ignored or not."""
    (repository / "data.csv").write_text("1")
    (repository / ".gitignore").write_text("local.py\n")
    (repository / "local.py").write_text("x = 1\n")
    (repository / "new*.py").write_text("x = 1\n")
    assert git_facts(repository).dirty is False
    assert git_facts(repository, repository / "sub" / "steps.py").dirty is False
    assert git_facts(repository, repository / "new*.py").dirty is True
    assert git_facts(repository, repository / "local.py").dirty is True
    assert git_facts(repository, Path(os.__file__)).dirty is False


def test_a_folder_without_a_repository_has_no_facts(tmp_path):
    """Nor one that is not there, nor one that only looks like a repository."""
    assert git_facts(tmp_path) is None
    assert git_facts(tmp_path / "nothing" / "below") is None
    (tmp_path / "fake" / ".git").mkdir(parents=True)
    assert git_facts(tmp_path / "fake") is None


def test_a_repository_before_its_first_commit_has_no_commit(tmp_path):
    """The branch is there already."""
    call(tmp_path, "init", "--quiet", "--initial-branch", "trunk")
    facts = git_facts(tmp_path)
    assert (facts.commit, facts.branch, facts.dirty) == (None, "trunk", False)


def test_a_detached_head_has_no_branch(repository):
    """A commit checked out by itself, as in most automated builds."""
    call(repository, "checkout", "--quiet", "--detach")
    facts = git_facts(repository)
    assert facts.branch is None
    assert facts.commit == call(repository, "rev-parse", "HEAD")


def test_a_worktree_is_a_working_tree_of_its_own(repository, tmp_path):
    """There `.git` is a file."""
    call(repository, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    facts = git_facts(tmp_path / "side" / "sub")
    assert (facts.branch, facts.root) == ("side", (tmp_path / "side").resolve())


def test_the_repository_is_named_without_credentials(repository):
    """`origin` first; user, password and query are nobody's business."""
    call(repository, "remote", "add", "backup", "https://backup.example/r.git")
    assert git_facts(repository).repository == "https://backup.example/r.git"
    call(repository, "remote", "add", "origin", "https://me:secret@host.example:8443/team/r.git?token=secret")
    git._known.clear()
    assert git_facts(repository).repository == "https://host.example:8443/team/r.git"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://token@host.example/r", "https://host.example/r"),
        ("https://u:p%40ss@host.example/r#x", "https://host.example/r"),
        ("https://u:p@ss@host.example/r", "https://host.example/r"),
        ("ssh://git@host.example:22/r.git", "ssh://host.example:22/r.git"),
        ("git@host.example:team/r.git", "git@host.example:team/r.git"),
        ("/srv/git/r.git", "/srv/git/r.git"),
        ("https://[broken/r", "https://"),
    ],
)
def test_credentials_are_stripped_from_every_form(address, expected):
    """What cannot be understood is cut off."""
    assert without_credentials(address) == expected


def test_an_answer_is_given_again_for_a_while(repository, monkeypatch):
    """The steps of one run do not each ask git; a long-lived worker does again."""
    before = git_facts(repository)
    (repository / "sub" / "steps.py").write_text("x = 2\n")
    assert git_facts(repository) == before
    monkeypatch.setattr(git, "VALID", 0.0)
    assert git_facts(repository).dirty is True


def test_without_git_there_are_no_facts(repository, monkeypatch, capfd):
    """And nothing is printed."""
    monkeypatch.setenv("PATH", str(repository))
    assert git_facts(repository) is None
    assert capfd.readouterr() == ("", "")


def test_a_slow_git_does_not_hold_a_step_up(repository, monkeypatch, tmp_path):
    """The commit is still found; whether files differ is unknown."""
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\ncase "$*" in *status*) exec sleep 600;; esac\nexec {real} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "TIMEOUT", 8)  # for the other questions
    began = time.monotonic()
    facts = git_facts(repository)
    assert time.monotonic() - began < 300
    assert (facts.commit, facts.branch, facts.dirty) == (call(repository, "rev-parse", "HEAD"), "trunk", None)


def test_a_git_that_does_not_say_what_is_tracked_leaves_the_state_unknown(repository, monkeypatch, tmp_path):
    """Nobody knows then whether the source is the commit's."""
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    odd = tmp_path / "bin" / "git"
    odd.parent.mkdir()
    odd.write_text(f'#!/bin/sh\ncase "$*" in *ls-files*) exit 1;; esac\nexec {real} "$@"\n')
    odd.chmod(0o755)
    monkeypatch.setenv("PATH", f"{odd.parent}:{os.environ['PATH']}")
    assert git_facts(repository / "sub", repository / "sub" / "steps.py").dirty is None
    (repository / "sub" / "steps.py").write_text("x = 2\n")
    git._known.clear()
    assert git_facts(repository / "sub", repository / "sub" / "steps.py").dirty is True


def test_programs_named_by_the_repository_are_not_run(repository, tmp_path):
    """A file system monitor is a program of the repository's choice."""
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    monitor.chmod(0o755)
    call(repository, "config", "core.fsmonitor", str(monitor))
    assert git_facts(repository).branch == "trunk"
    assert not (tmp_path / "ran").exists()


def test_variables_of_a_git_hook_do_not_lead_elsewhere(repository, tmp_path, monkeypatch):
    """A step that runs inside a hook of another repository."""
    call(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    assert git_facts(repository).branch == "trunk"


def test_asking_writes_nothing(repository):
    """No lock and no refreshed index."""
    (repository / "sub" / "steps.py").touch()
    before = {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")}
    git_facts(repository)
    assert {path: path.stat().st_mtime_ns for path in (repository / ".git").rglob("*")} == before


def test_what_is_the_same_for_all_files_of_a_tree_is_asked_once(repository, monkeypatch):
    """Its state and its remotes; of each folder which files in it are tracked."""
    asked = []
    run = git._run
    monkeypatch.setattr(git, "_run", lambda root, them: asked.extend(one[0] for one in them) or run(root, them))
    for place in ("sub/steps.py", "sub/other.py", "top.py"):
        git_facts((repository / place).parent, repository / place)
    assert sorted(asked) == ["config", "ls-files", "ls-files", "status"]


@pytest.mark.parametrize("folder", ["", "sub", "a*b", "[ab]", "b\\[x", "ü", os.fsdecode(b"\xff")])
def test_a_source_is_looked_for_in_its_own_folder(repository, folder):
    """Whatever that is called; a file of the same name in another folder is another one."""
    (repository / folder / "within").mkdir(parents=True, exist_ok=True)
    (repository / folder / "within" / "mine.py").write_text("x = 1\n")
    for other in ("aab", "a"):
        (repository / other).mkdir()
        (repository / other / "mine.py").write_text("x = 1\n")
    call(repository, "add", ".")
    call(repository, "commit", "--quiet", "--message", "More")
    mine = repository / folder / "mine.py"
    mine.write_text("x = 1\n")
    assert git_facts(mine.parent, mine).dirty is True
    call(repository, "add", ".")
    call(repository, "commit", "--quiet", "--message", "Mine")
    git._known.clear()
    assert git_facts(mine.parent, mine).dirty is False


def test_a_git_that_says_much_and_one_that_never_ends_are_waited_for_together(repository, monkeypatch, tmp_path):
    """What the one says is read whole, and the other is not left behind as a process."""
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f"#!{sys.executable}\nimport sys, time\n{ODD_GIT}")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "TIMEOUT", 8)  # for the one that says much
    monkeypatch.setenv("ORCHESTRAIL_TEST_PID", str(tmp_path / "pid"))
    assert git_facts(repository).repository == f"https://host.example/{'r' * 500_000}"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
