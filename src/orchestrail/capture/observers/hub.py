"""The hub of Hugging Face: what its addresses and the folders of its cache are called, at which commit.

A repository is one data set: namespace `hf://datasets` or `hf://models`, its name `owner/name`, and the commit as its version.
Another revision, a branch say, is named as it was given and is weak, since it may move on. Files of a snapshot in the cache stand
for their repository at the snapshot's commit; all else in the cache (blobs, references, locks) is nobody's data.
"""

from __future__ import annotations

import re

from orchestrail.model import DatasetRef

MOVES = "a revision that is no commit may move on"
UNTOLD = "the address names no revision"

_COMMIT = re.compile(r"[0-9a-f]{40}")
_CACHED = re.compile(
    r"/(dataset|model|space)s--([^/]+?)(?:--([^/]+))?/(?:snapshots/([0-9a-f]{40})|snapshots|blobs|refs|\.no_exist)(?=/|$)"
)
_KINDS = ("buckets", "datasets", "kernels", "spaces")


def at_address(rest: str, observed: str) -> DatasetRef:
    """Name the repository of an address.

    Args:
        rest: what follows `hf://`.
        observed: `at_read` or `at_write`.
    """
    parts = rest.strip("/").split("/")
    kind = parts.pop(0) if parts[0] in _KINDS and len(parts) > 1 else "models"
    # A branch may have a slash in its name, which an address then writes `%2F`.
    name, _, revision = "/".join(parts[:2]).partition("@")
    return _repository(kind, name, revision or None, observed)


def in_cache(folder: str) -> DatasetRef | bool:
    """Say whether a folder is one of the cache, and which repository its files stand for where it is one of a snapshot."""
    found = _CACHED.search(folder)
    if found is None:
        return False
    kind, owner, name, commit = found.groups()
    return True if commit is None else _repository(f"{kind}s", f"{owner}/{name}" if name else owner, commit, "at_read")


def _repository(kind: str, name: str, revision: str | None, observed: str) -> DatasetRef:
    weak = UNTOLD if revision is None else None if _COMMIT.fullmatch(revision) else MOVES
    return DatasetRef(
        f"hf://{kind}",
        name,
        version=revision,
        kind="model" if kind == "models" else "data",
        observed=observed,
        weak=weak,
        type="MODEL" if kind == "models" else "DIRECTORY",
    )
