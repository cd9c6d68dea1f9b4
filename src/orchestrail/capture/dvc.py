"""The version that DVC gives a file or folder, where it is the content that was seen: `dvc:` and DVC's own MD5.

What DVC says stands beside the data: in `<name>.dvc`, in the `dvc.lock` of a folder above, or in the name itself of what lies in
DVC's cache. It says what was there when DVC last looked, which need not be what is there now; so the MD5 is taken of the content as
it is, and only one that is the same is named. Files of DVC 3 are understood (`hash: md5`); those of DVC 2 hash text differently.

Nothing is imported and no other file is read. No YAML parser is at hand: what DVC writes is read line by line, and what does not
look like it is not understood.
"""

# On a host's path pathlib costs several times as much a call.
# ruff: noqa: PTH113, PTH118, PTH120, PTH123, PTH206
from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress

from orchestrail.capture.observing import unobserved

MAX_BYTES = 64 << 20
"""Larger files and folders are not read a second time, and get no version of DVC."""
MAX_FILES = 1000
"""Nor are folders with more files."""
MAX_TEXT = 1 << 20
"""Longer files of DVC are not read."""

_ENTRY = re.compile(r"^(\s*)(- )?(\w+):(?:\s+(.*))?$")
_CACHED = re.compile(r"/files/md5/([0-9a-f]{2})/([0-9a-f]{30})$")
_MD5 = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


class Versions:
    """Looks versions up for one run; each file of DVC is read once."""

    def __init__(self) -> None:
        self._said: dict[str, dict[str, str]] = {}

    def of(self, name: str, size: int) -> str | None:
        """Give DVC's version of a file or folder.

        Args:
            name: its absolute path.
            size: its bytes.

        Returns:
            `dvc:` and the MD5, which is that of the content; None where DVC says nothing of it, or something else.
        """
        said = self._says(name)
        if said is None or size > MAX_BYTES:
            return None
        with unobserved(), suppress(OSError):
            found = _md5_of_folder(name) if said.endswith(".dir") else _md5(name)
            return f"dvc:{said}" if found == said else None
        return None

    def _says(self, name: str) -> str | None:
        cached = _CACHED.search(name)
        if cached is not None:
            return cached[1] + cached[2]
        folder = os.path.dirname(name)
        beside = self._read(f"{name}.dvc", folder).get(name)
        while beside is None and folder != "/":
            beside = self._read(os.path.join(folder, "dvc.lock"), folder).get(name)
            folder = os.path.dirname(folder)
        return beside

    def _read(self, file: str, folder: str) -> dict[str, str]:
        """Read what a file of DVC says: MD5 by absolute path."""
        if file not in self._said:
            said: dict[str, str] = {}
            for entry in entries(_text(file)) if os.path.isfile(file) else ():
                if entry.get("hash") == "md5" and _MD5.fullmatch(entry.get("md5", "")) and "path" in entry:
                    said[os.path.normpath(os.path.join(folder, entry["path"]))] = entry["md5"]
            self._said[file] = said
        return self._said[file]


def entries(text: str) -> Iterator[dict[str, str]]:
    """Give the entries of all lists in a file of DVC, each with its plain fields."""
    entry: dict[str, str] = {}
    depth = -1
    for line in text.splitlines():
        found = _ENTRY.match(line)
        if found is None:
            continue
        indent, dash, key, value = found.groups()
        place = len(indent) + (2 if dash else 0)
        if dash or place != depth:
            if entry:
                yield entry
            entry, depth = {}, place if dash else -1
        if place == depth and value is not None:
            entry[key] = _plain(value)
    if entry:
        yield entry


def _text(file: str) -> str:
    with unobserved(), suppress(OSError, UnicodeDecodeError), open(file, encoding="utf-8") as stream:
        return stream.read(MAX_TEXT)
    return ""


def _plain(value: str) -> str:
    value = value.strip()
    if value.startswith('"'):
        with suppress(ValueError):
            return str(json.loads(value))
    if value.startswith("'") and value.endswith("'") and len(value) > 1:
        return value[1:-1].replace("''", "'")
    return value


def _md5(name: str) -> str:
    with open(name, "rb") as stream:
        return hashlib.file_digest(stream, _new_md5).hexdigest()


def _new_md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _md5_of_folder(name: str) -> str | None:
    """Take the MD5 of a folder as DVC does: of the list of its files as JSON, sorted by their parts."""
    files = []
    for folder, _, names in os.walk(name):
        for one in names:
            full = os.path.join(folder, one)
            files.append((os.path.relpath(full, name).split(os.sep), full))
        if len(files) > MAX_FILES:
            return None
    listed = [{"md5": _md5(full), "relpath": "/".join(parts)} for parts, full in sorted(files)]
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest()}.dir"
