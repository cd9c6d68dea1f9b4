"""Where a run ran: Python, platform, processor, memory, graphics cards, installed distributions, and what kind of session.

No environment variables, no user names, no host name, no paths. Which code ran is `code`'s matter.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from orchestrail.capture.observing import unobserved

_RECENT_NS = 2_000_000_000
_FORMAT = 1

_known: dict[tuple[str, ...], dict[str, Any]] = {}


def environment_facts(cache: Path | None = None) -> dict[str, Any]:
    """Describe the environment of this process, once.

    Two digests are in it. `distributionsDigest`: SHA-256 over the lines `name==version` sorted by name. `digest`: SHA-256 over
    the JSON text, keys sorted and without spaces, of all the rest but `memoryBytes`, which differs a little from boot to boot, and
    `session`.

    Args:
        cache: folder in which the distributions of each entry of `sys.path` are kept, for as long as the entry does not change.

    Returns:
        The content of the facet `orchestrail_environment`: digest, python, platform, cpu, memoryBytes, gpus, distributions
        (version by name), distributionsDigest, session (`notebook`, `console`, `pytest`; None for a program).
    """
    key = tuple(sys.path)
    facts = _known.get(key)
    if facts is None:
        with unobserved():
            facts = _facts(cache)
        _known.clear()
        _known[key] = facts
    return dict(facts)


def _facts(cache: Path | None) -> dict[str, Any]:
    system = os.uname()
    distributions = _distributions(cache)
    lines = "".join(f"{name}=={version}\n" for name, version in distributions.items())
    facts: dict[str, Any] = {
        "python": {"implementation": sys.implementation.name, "version": platform.python_version()},
        "platform": {"system": system.sysname, "release": system.release, "machine": system.machine},
        "cpu": {"count": os.cpu_count(), "model": _field(Path("/proc/cpuinfo"), "model name")},
        "gpus": _gpus(),
        "distributions": distributions,
        "distributionsDigest": _digest(lines),
    }
    digest = _digest(json.dumps(facts, sort_keys=True, separators=(",", ":")))
    return {"digest": digest, "memoryBytes": _memory(), "session": _session(), **facts}


def _distributions(cache: Path | None) -> dict[str, str]:
    """Give version by name; of a name that is there twice, the one that Python would import."""
    prefix = hashlib.sha256(f"{sys.prefix}\0{sys.version}".encode()).hexdigest()[:16]
    file = cache / f"environment-{prefix}.json" if cache is not None else None
    before = _load(file)
    now: dict[str, Any] = {}
    found: dict[str, str] = {}
    for entry in reversed(list(dict.fromkeys(sys.path))):
        changed = _changed(entry or ".")
        kept = before.get(entry)
        if entry and changed is not None and isinstance(kept, dict) and kept.get("changed") == changed:
            installed: dict[str, str] = kept["installed"]
        else:
            installed = _installed(entry)
        # An entry that changed just now may change again without its time of change moving on.
        if entry and installed and changed is not None and time.time_ns() - changed > _RECENT_NS:
            now[entry] = {"changed": changed, "installed": installed}
        found |= installed
    if file is not None and any(before.get(entry) != kept for entry, kept in now.items()):
        _save(file, before | now)
    return dict(sorted(found.items()))


def _installed(entry: str) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        for distribution in metadata.distributions(path=[entry]):
            named = _named(distribution)
            if named is not None:
                found.setdefault(*named)
    except Exception:  # a finder of anybody's
        return found
    return found


def _named(distribution: metadata.Distribution) -> tuple[str, str] | None:
    try:
        return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower(), str(distribution.version)
    except Exception:  # a broken or half removed installation says nothing
        return None


def _changed(entry: str) -> int | None:
    try:
        return Path(entry).stat().st_mtime_ns
    except (OSError, ValueError):
        return None


def _load(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        document = json.loads(file.read_bytes())
        entries = document["entries"] if document["format"] == _FORMAT else {}
        return {
            entry: kept
            for entry, kept in entries.items()
            if isinstance(kept["changed"], int)
            and all(isinstance(one, str) for pair in kept["installed"].items() for one in pair)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _save(file: Path, entries: dict[str, Any]) -> None:
    temporary = file.with_suffix(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"format": _FORMAT, "entries": entries}))
        temporary.replace(file)
    except OSError:  # without a cache it takes longer, no more
        return


def _session() -> str | None:
    """Say whether a person is trying something out: what is run so can seldom be run again as it was."""
    if "ipykernel" in sys.modules:
        return "notebook"
    if "PYTEST_CURRENT_TEST" in os.environ:
        return "pytest"
    return "console" if hasattr(sys, "ps1") or sys.flags.interactive else None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None


def _gpus() -> list[dict[str, str]]:
    try:
        cards = sorted(Path("/proc/driver/nvidia/gpus").iterdir())
    except OSError:
        return []
    models = [_field(card / "information", "Model") for card in cards]
    return [{"model": model} for model in models if model is not None]


def _field(file: Path, name: str) -> str | None:
    """Read the first `name : value` line of one of the kernel's files."""
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == name:
                    return value.strip() or None
    except OSError:
        return None
    return None


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'backslashreplace')).hexdigest()}"
