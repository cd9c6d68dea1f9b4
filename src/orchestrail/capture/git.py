"""The git state of a folder: repository, commit, branch, whether files differ from the commit. Read-only, and quiet where there
is none.

Only `git` itself is run, with a time limit, without prompts, locks, hooks or credentials. Which code ran is `code`'s matter.
"""

# On a host's path pathlib costs several times as much a call.
# ruff: noqa: PTH116, PTH120
from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from orchestrail.capture.observing import unobserved

TIMEOUT = 2.0
"""Seconds that one call of git may take."""
VALID = 10.0
"""Seconds for which an answer is given again, so that the steps of one run do not each ask."""

_REMEMBERED = 1024
_INITIAL, _DETACHED = "(initial)", "(detached)"
_REMOTE = re.compile(r"remote\.(.+)\.url (.+)")


@dataclass(frozen=True, slots=True)
class GitFacts:
    """The git state of a folder.

    Attributes:
        repository: address of the remote `origin`, or of the first one, without user, password and query; None without a
            remote.
        commit: the commit checked out; None before the first one.
        branch: its branch; None where no branch is checked out.
        dirty: whether a tracked file differs from the commit, or the source file is not tracked; None where git took too long.
        root: top folder of the working tree.
    """

    repository: str | None
    commit: str | None
    branch: str | None
    dirty: bool | None
    root: Path


_STATUS = ("status", "--porcelain=v2", "--branch", "--untracked-files=no")
_REMOTES = ("config", "--get-regexp", r"^remote\..*\.url$")
_COMMIT = ("rev-parse", "--verify", "--quiet", "HEAD")
_BRANCH = ("symbolic-ref", "--quiet", "--short", "HEAD")
_SPECIAL, _ESCAPED = re.compile(r"[\\*?\[]"), r"\\\g<0>"
_NEVER = (float("-inf"), None)

_known: dict[tuple[Path, tuple[str, ...]], tuple[float, bytes | None]] = {}
"""By working tree and question what git answered, and when."""


def git_facts(folder: Path, source: Path | None = None, *, ask: bool = True) -> GitFacts | None:
    """Say which commit a folder is at.

    Args:
        folder: a folder inside the working tree.
        source: file whose being untracked makes the state dirty.
        ask: False where only the working tree is wanted: then git is not run, and the rest is None.

    Returns:
        None where there is no repository, no git, or git refuses (a folder that belongs to somebody else).
    """
    root = _root(folder)
    if root is None:
        return None
    if not ask:
        return GitFacts(None, None, None, None, root)
    with unobserved():
        return _ask(root, source)


def without_credentials(address: str) -> str:
    """Give a remote's address without user, password, query and fragment; `git@host:path` and plain paths stay as they are."""
    if "://" not in address:
        return address
    try:
        parts = urlsplit(address)
    except ValueError:
        return address.partition("://")[0] + "://"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _root(folder: Path) -> Path | None:
    above, below = os.path.realpath(folder), ""
    while above != below:
        try:
            os.stat(f"{above}/.git")
        except (FileNotFoundError, NotADirectoryError):
            above, below = os.path.dirname(above), above
        except OSError:  # nobody can tell whose this is
            return None
        else:
            return Path(above)
    return None


def _ask(root: Path, source: Path | None) -> GitFacts | None:
    inside = _inside(root, source)
    asked = [_STATUS, _REMOTES] if inside is None else [_STATUS, _REMOTES, _beside(inside)]
    status, remotes, *tracked = _answers(root, *asked)
    repository = _repository(_text(remotes))
    if status is None:
        commit = _text(_answers(root, _COMMIT)[0]).strip()
        branch = _text(_answers(root, _BRANCH)[0]).strip() if commit else ""
        return GitFacts(repository, commit, branch or None, None, root) if commit else None
    lines = _text(status).splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# ") and line.count(" ") > 1)
    commit, branch = heads.get("branch.oid", _INITIAL), heads.get("branch.head", _DETACHED)
    dirty: bool | None = any(not line.startswith("#") for line in lines)
    if inside is not None and not dirty:
        dirty = os.fsencode(inside) not in tracked[0].split(b"\0") if tracked[0] is not None else None
    return GitFacts(
        repository, None if commit == _INITIAL else commit, None if branch == _DETACHED else branch, dirty, root
    )


def _inside(root: Path, source: Path | None) -> str | None:
    """Give the path of a source file in its working tree, as git writes it; None where it is in none."""
    name, top = os.path.realpath(source or ""), f"{root}".rstrip("/") + "/"
    return name.removeprefix(top) if source is not None and name.startswith(top) else None


def _beside(inside: str) -> tuple[str, ...]:
    """Ask which files of a source file's folder are tracked: the steps of one run often lie in one folder."""
    folder = "".join(f"{part}/" for part in inside.split("/")[:-1])
    return "ls-files", "-z", "--", f":(glob){_SPECIAL.sub(_ESCAPED, folder)}*"


def _repository(remotes: str) -> str | None:
    found: dict[str, str] = dict(reversed(_REMOTE.findall(remotes)))
    name = "origin" if "origin" in found else next(iter(sorted(found)), None)
    return without_credentials(found[name]) if name is not None else None


def _text(answer: bytes | None) -> str:
    return (answer or b"").decode("utf-8", "replace")


def _answers(root: Path, *questions: tuple[str, ...]) -> list[bytes | None]:
    """Give git's answers, those of not long ago again; the others are asked side by side, because a run waits for them."""
    now = time.monotonic()
    answers = {question: _known.get((root, question), _NEVER) for question in questions}
    if asked := [question for question, (at, _) in answers.items() if now - at >= VALID]:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        for question, answer in zip(asked, _run(root, asked), strict=True):
            answers[question] = _known[root, question] = (now, answer)
    return [answer for _, answer in answers.values()]


def _run(root: Path, questions: Sequence[tuple[str, ...]]) -> list[bytes | None]:
    # Inside a git hook these point to the hook's repository, not to the step's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    return [_said_by(process) for process in [_started(root, question, environment) for question in questions]]


def _started(root: Path, question: tuple[str, ...], environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    # A repository may name a program as its file system monitor, and `status` would run it.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), *question]
    nowhere = subprocess.DEVNULL
    try:
        return subprocess.Popen(command, stdin=nowhere, stdout=subprocess.PIPE, stderr=nowhere, env=environment)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _said_by(process: subprocess.Popen[bytes] | None) -> bytes | None:
    if process is None:
        return None
    try:
        with process:
            try:
                answer, _ = process.communicate(timeout=TIMEOUT)
            except BaseException:  # nobody waits for a git that hangs: not who interrupts the program either
                process.kill()
                raise
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return answer if process.returncode == 0 else None
