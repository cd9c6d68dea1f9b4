"""The git state of a folder: repository, commit, branch, whether files differ from the commit. Read-only, and quiet where there
is none.

Only `git` itself is run, with a time limit, without prompts, locks, hooks or credentials. Which code ran is `code`'s matter.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
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


_known: dict[tuple[Path, tuple[str, ...]], tuple[float, str | None]] = {}
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
    try:
        folder = folder.resolve()
        return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    except (OSError, RuntimeError):
        return None


def _ask(root: Path, source: Path | None) -> GitFacts | None:
    status = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        commit = (_git(root, "rev-parse", "--verify", "--quiet", "HEAD") or "").strip()
        if not commit:
            return None
        branch = (_git(root, "symbolic-ref", "--quiet", "--short", "HEAD") or "").strip()
        return GitFacts(_repository(root), commit, branch or None, None, root)
    lines = status.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# ") and line.count(" ") > 1)
    commit, branch = heads.get("branch.oid", _INITIAL), heads.get("branch.head", _DETACHED)
    dirty = any(not line.startswith("#") for line in lines) or _untracked(root, source)
    return GitFacts(
        _repository(root),
        None if commit == _INITIAL else commit,
        None if branch == _DETACHED else branch,
        dirty,
        root,
    )


def _untracked(root: Path, source: Path | None) -> bool:
    if source is None:
        return False
    try:
        inside = source.resolve().relative_to(root)
    except (OSError, RuntimeError, ValueError):
        return False
    return not _git(root, "ls-files", "-z", "--", f":(literal){inside}")


def _repository(root: Path) -> str | None:
    found = _REMOTE.findall(_git(root, "config", "--get-regexp", r"^remote\..*\.url$") or "")
    remotes: dict[str, str] = dict(reversed(found))
    name = "origin" if "origin" in remotes else next(iter(sorted(remotes)), None)
    return without_credentials(remotes[name]) if name is not None else None


def _git(root: Path, *arguments: str) -> str | None:
    key = root, arguments
    known = _known.get(key)
    if known is not None and time.monotonic() - known[0] < VALID:
        return known[1]
    answer = _run(root, *arguments)
    if len(_known) >= _REMEMBERED:
        _known.clear()
    _known[key] = (time.monotonic(), answer)
    return answer


def _run(root: Path, *arguments: str) -> str | None:
    # Inside a git hook these point to the hook's repository, not to the step's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    # A repository may name a program as its file system monitor, and `status` would run it.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), *arguments]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
