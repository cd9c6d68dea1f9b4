"""Where a run ran: Python, platform, processor, memory, container, installed distributions, and what kind of session. Graphics
cards and container are looked at in `machine`.

Of environment variables those that the settings name, and no others; no user names, no host name, no paths. Which code ran is
`code`'s matter.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from orchestrail.capture import machine
from orchestrail.capture.observing import unobserved
from orchestrail.redaction import redact

VARIABLES = (
    "BLIS_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG", "CUDA_LAUNCH_BLOCKING", "CUDA_VISIBLE_DEVICES", "LANG", "LC_ALL", "MKL_CBWR",
    "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NVIDIA_TF32_OVERRIDE", "OMP_DYNAMIC", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "PYTHONHASHSEED", "PYTHONOPTIMIZE", "TF_CUDNN_DETERMINISTIC",
    "TF_DETERMINISTIC_OPS", "TF_ENABLE_ONEDNN_OPTS", "TZ", "XLA_FLAGS",
)  # fmt: skip
"""Environment variables that are recorded unless the settings name others: what they say can change a result, and is no secret."""
MAX_VARIABLE = 1000
"""Characters of a variable's value that are kept."""

_RECENT_NS = 2_000_000_000
_FORMAT = 2
_NOT_IN_DIGEST = ("memoryBytes", "session", "limits", "container")

_known: dict[tuple[str | None, ...], dict[str, Any]] = {}


def environment_facts(
    cache: Path | None = None, *, variables: Iterable[str] = VARIABLES, image: str | None = None
) -> dict[str, Any]:
    """Describe the environment of this process; what does not change is read once.

    Two digests are in it. `distributionsDigest`: SHA-256 over the lines `name==version` sorted by name. `digest`: SHA-256 over
    the JSON text, keys sorted and without spaces, of all the rest but what differs from start to start of the same: `memoryBytes`,
    `session`, `limits` and `container`.

    Args:
        cache: folder in which the distributions of each entry of `sys.path` are kept, for as long as the entry does not change.
        variables: names of the environment variables that are told, without secrets.
        image: the container image as the settings name it.

    Returns:
        The content of the facet `orchestrail_environment`: digest, python, platform, cpu, memoryBytes, limits (what the process
        may use), gpus (None where nothing could tell), container (None outside of one), variables, distributions (version by
        name), distributionsDigest, origins (of those that did not come from a package index), session (`notebook`, `console`,
        `pytest`; None for a program).
    """
    key = (*sys.path, image)
    fixed = _known.get(key)
    if fixed is None:
        with unobserved():
            fixed = _fixed(cache, image)
        _known.clear()
        _known[key] = fixed
    told = redact({name: os.environ[name] for name in sorted(set(variables)) if name in os.environ})
    # Redacted each time: a secret may have become known since.
    facts = fixed | {"origins": redact(fixed["origins"]), "container": redact(fixed["container"])}
    facts["variables"] = {name: value[:MAX_VARIABLE] for name, value in told.items()}
    named = {name: fact for name, fact in facts.items() if name not in _NOT_IN_DIGEST}
    return {"digest": _digest(json.dumps(named, sort_keys=True, separators=(",", ":"))), **facts}


def _fixed(cache: Path | None, image: str | None) -> dict[str, Any]:
    system = os.uname()
    distributions, origins = _distributions(cache)
    lines = "".join(f"{name}=={version}\n" for name, version in distributions.items())
    return {
        "memoryBytes": machine.memory(),
        "session": _session(),
        "limits": machine.limits(),
        "container": machine.container(image),
        "python": {"implementation": sys.implementation.name, "version": platform.python_version()},
        "platform": {
            "system": system.sysname,
            "release": system.release,
            "machine": system.machine,
            "distribution": machine.distribution(),
            "libc": machine.libc(),
        },
        "cpu": {"count": os.cpu_count(), "model": machine.field(Path("/proc/cpuinfo"), "model name")},
        "gpus": machine.gpus(),
        "distributions": distributions,
        "distributionsDigest": _digest(lines),
        "origins": origins,
    }


Installed = dict[str, str]
Origins = dict[str, dict[str, str]]


def _distributions(cache: Path | None) -> tuple[Installed, Origins]:
    """Give version and origin by name; of a name that is there twice, those of the one that Python would import."""
    prefix = hashlib.sha256(f"{sys.prefix}\0{sys.version}".encode()).hexdigest()[:16]
    file = cache / f"environment-{prefix}.json" if cache is not None else None
    before = _load(file)
    now: dict[str, Any] = {}
    found: Installed = {}
    origins: Origins = {}
    for entry in reversed(list(dict.fromkeys(sys.path))):
        changed = _changed(entry or ".")
        kept = before.get(entry)
        if not (entry and changed is not None and isinstance(kept, dict) and kept.get("changed") == changed):
            installed, from_elsewhere = _installed(entry)
            kept = {"changed": changed, "installed": installed, "origins": from_elsewhere}
        # An entry that changed just now may change again without its time of change moving on.
        if entry and kept["installed"] and changed is not None and time.time_ns() - changed > _RECENT_NS:
            now[entry] = kept
        found |= kept["installed"]
        origins = {name: one for name, one in origins.items() if name not in kept["installed"]} | kept["origins"]
    if file is not None and any(before.get(entry) != kept for entry, kept in now.items()):
        _save(file, before | now)
    return dict(sorted(found.items())), dict(sorted(origins.items()))


def _installed(entry: str) -> tuple[Installed, Origins]:
    found: Installed = {}
    origins: Origins = {}
    try:
        for distribution in metadata.distributions(path=[entry]):
            named = _named(distribution)
            if named is not None and named[0] not in found:
                found[named[0]] = named[1]
                origin = _origin(distribution)
                if origin is not None:
                    origins[named[0]] = origin
    except Exception:  # a finder of anybody's
        return found, origins
    return found, origins


def _origin(distribution: metadata.Distribution) -> dict[str, str] | None:
    """Say where a distribution came from that an installer did not take from an index (PEP 610); no path, no credentials."""
    try:
        told = json.loads(distribution.read_text("direct_url.json") or "null")
        if told is None:
            return None
        address = _address(told["url"])
        if "dir_info" in told:
            return {"kind": "editable" if told["dir_info"].get("editable") else "folder"}
        if "vcs_info" in told:
            return {"kind": str(told["vcs_info"]["vcs"]), "commit": str(told["vcs_info"]["commit_id"])} | address
        hashes = told.get("archive_info", {}).get("hashes", {})
        return {"kind": "archive"} | {name: str(hashes[name]) for name in ("sha256",) if name in hashes} | address
    except Exception:  # a file of anybody's
        return {"kind": "unknown"}


def _address(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {}
    return {"url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"}


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
            and all(isinstance(one, str) for origin in kept["origins"].values() for one in origin.values())
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


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'backslashreplace')).hexdigest()}"
