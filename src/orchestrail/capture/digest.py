"""Digests of files and folders on disk. What was opened, and by whom, is `files`' matter.

A file's digest is `sha256:` and the SHA-256 of its bytes. A folder's digest is `sha256:` and the SHA-256 of its manifest: the
line `orchestrail-manifest 1`, then for each regular file below it, sorted by its path's bytes, a line with the file's SHA-256,
a space and the path relative to the folder with `/` between its parts; a backslash and a line feed in a path are written `\\\\`
and `\\n`. Symbolic links are followed where they lead to a file, not where they lead to a folder; empty folders do not count.
"""

# On a host's path pathlib costs several times as much a call.
# ruff: noqa: PTH103, PTH105, PTH116, PTH118, PTH208
from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from orchestrail.capture.observing import unobserved

MAX_BYTES = 256 << 20
"""Files above this size are not read: a step must not wait for us."""
MAX_FILES = 10_000
"""Folders with more files than this get no digest."""

MAX_KEPT = 64
"""Databases that stay open after a digest, before those are closed that nobody uses."""

MIN_SHARED = 1 << 20
"""Files from this size are worth a look at what other processes found."""

_BLOCK = 1 << 20
_SLOTS = 3  # hexadecimal digits: 4,096 files of one line, whatever is digested
_REMEMBERED = 8192
_RECENT_NS = 2_000_000_000
_MANIFEST = b"orchestrail-manifest 1\n"


@dataclass(frozen=True, slots=True)
class FileDigest:
    """The digest of a file or folder at one moment.

    Attributes:
        digest: `sha256:...`, None where it was not taken.
        size: bytes; of a folder, of all its files.
        mtime_ns: last change of the file in nanoseconds since the epoch; of a folder, the latest of its files.
        inode: number of the file in its file system.
        device: number of its file system.
        weak: why the digest is absent or may not hold; None where it does.
        files: number of files in a folder, None for a file.
    """

    digest: str | None
    size: int
    mtime_ns: int
    inode: int
    device: int
    weak: str | None = None
    files: int | None = None

    @property
    def identity(self) -> tuple[int, int, int, int]:
        """Device, inode, size and time of the last change: what tells that the file is the same as before."""
        return self.device, self.inode, self.size, self.mtime_ns


# A process that closes any descriptor of a file loses all its POSIX locks on that file, those of another connection too
# (https://www.sqlite.org/howtocorrupt.html, section 2.2). So the one that a database was read with stays open, and is used again.
_DATABASES = ((0, b"SQLite format 3\0"), (8, b"DUCK"))
_kept: dict[tuple[int, int], int] = {}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EMPTY = f"sha256:{hashlib.sha256().hexdigest()}"

_Key = tuple[str, int, int, int, int, int]
_known: dict[_Key, str] = {}
_shared: str | None = None


def share(folder: str | os.PathLike[str]) -> None:
    """Have the digests of larger files remembered in a folder, for all processes that name the same one.

    Of a file a hash of what identifies it is kept there, and the digest; not its name.
    """
    global _shared
    _shared = os.path.join(os.fspath(folder), "digests")


def digest_file(
    path: str | os.PathLike[str], max_bytes: int = MAX_BYTES, progress: Callable[[int], object] | None = None
) -> FileDigest | None:
    """Take the digest of a regular file or of a folder.

    A file's digest is remembered by path, device, inode, size and both times of change, except where the file changed so shortly
    before that a later change might not move its times: in this process, and of larger files for others (`share`).

    Args:
        path: the file or folder; a symbolic link is followed.
        max_bytes: a larger file, or a folder with more in it, is not read.
        progress: called with the bytes of the file that were read.

    Returns:
        None where there is neither: nothing, a pipe, a socket, a device; nor where even its size cannot be known.
    """
    name = os.fspath(path)
    state = _stat(name)
    if state is None:
        return None
    if stat.S_ISDIR(state.st_mode):
        return digest_folder(name, max_bytes)
    with unobserved():
        return _digest_file(name, state, max_bytes, progress)


def digest_folder(
    path: str | os.PathLike[str],
    max_bytes: int = MAX_BYTES,
    max_files: int = MAX_FILES,
    without: Collection[str] = (),
) -> FileDigest | None:
    """Take the digest of a folder's manifest; the form is described in the module's docstring.

    Args:
        path: the folder.
        max_bytes: bound of all its files together.
        max_files: bound of their number.
        without: names of files at its top that are no part of it.

    Returns:
        None where there is no folder.
    """
    top = os.fspath(path)
    state = _stat(top)
    if state is None or not stat.S_ISDIR(state.st_mode):
        return None
    names = _files_below(top, max_files)
    if names is None:
        return _folder(state, 0, 0, 0, None, f"more than {max_files} files")
    manifest = hashlib.sha256(_MANIFEST)
    size = latest = count = 0
    left_out = {os.fsencode(name) for name in without}
    for relative, full in names:
        if relative in left_out:
            continue
        found = digest_file(full, max_bytes - size)
        if found is None:
            continue
        size, latest, count = size + found.size, max(latest, found.mtime_ns), count + 1
        if size > max_bytes:
            return _folder(state, size, latest, count, None, f"larger than {size_text(max_bytes)}")
        if found.digest is None or found.weak is not None:
            return _folder(state, size, latest, count, None, f"a file in it: {found.weak}")
        line = relative.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        manifest.update(b"%s %s\n" % (found.digest.removeprefix("sha256:").encode(), line))
    return _folder(state, size, latest, count, f"sha256:{manifest.hexdigest()}", None)


def folder_identity(path: str, max_files: int = MAX_FILES) -> tuple[int, int, int, int] | None:
    """Give what `FileDigest.identity` of a folder is, without reading a file: sizes and times of change tell.

    Returns:
        None where there is no folder, or where there are more than `max_files` in it.
    """
    state = _stat(path)
    names = _files_below(path, max_files)
    if state is None or names is None:
        return None
    states = [found for _, full in names if (found := _stat(full)) is not None and stat.S_ISREG(found.st_mode)]
    latest = max((found.st_mtime_ns for found in states), default=0)
    return state.st_dev, state.st_ino, sum(found.st_size for found in states), latest


def size_text(size: int) -> str:
    """Give a number of bytes for people."""
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size} bytes"


def _files_below(top: str, max_files: int) -> list[tuple[bytes, str]] | None:
    """List (path relative to the folder, path) of the files in a folder, sorted; None where there are more than `max_files`."""
    names: list[tuple[bytes, str]] = []
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in files:
            full = os.path.join(folder, name)
            names.append((os.fsencode(os.path.relpath(full, top)), full))
        if len(names) > max_files:
            return None
    return sorted(names)


def _folder(
    state: os.stat_result, size: int, latest: int, count: int, digest: str | None, weak: str | None
) -> FileDigest:
    return FileDigest(digest, size, latest, state.st_ino, state.st_dev, weak, count)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _digest_file(
    path: str, state: os.stat_result, max_bytes: int, progress: Callable[[int], object] | None
) -> FileDigest | None:
    started = time.time_ns()
    if not stat.S_ISREG(state.st_mode):
        return None
    if state.st_size > max_bytes:
        return _result(None, state, f"larger than {size_text(max_bytes)}")
    if state.st_size == 0:
        return _result(_EMPTY, state)
    known = _known.get(_key(path, state)) or _found(_key(path, state))
    if known is not None:
        return _result(known, state)
    descriptor = _kept.get((state.st_dev, state.st_ino))
    keep = descriptor is not None
    try:
        if descriptor is None:
            # Without O_NONBLOCK a pipe that took the file's place would hold the step up.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return None
    except OSError as error:
        return _result(None, state, f"cannot be read: {os.strerror(error.errno or 0)}")
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return None
        hashed = hashlib.sha256()
        read = 0
        while block := os.pread(descriptor, _BLOCK, read):
            if read == 0 and not keep and _is_database(block):
                if len(_kept) >= MAX_KEPT:
                    _let_go()
                _kept[before.st_dev, before.st_ino] = descriptor
                keep = True
            hashed.update(block)
            read += len(block)
            if progress is not None:
                progress(read)
            if read > max_bytes:
                return _result(None, before, f"larger than {size_text(max_bytes)}")
        after = os.fstat(descriptor)
    except OSError as error:
        return _result(None, state, f"cannot be read: {os.strerror(error.errno or 0)}")
    finally:
        if not keep:
            os.close(descriptor)
    digest = f"sha256:{hashed.hexdigest()}"
    if _key(path, before) != _key(path, after) or read != after.st_size:
        return _result(digest, after, "changed while it was read")
    if started - max(before.st_mtime_ns, before.st_ctime_ns) > _RECENT_NS:
        _remember(_key(path, before), digest)
    return _result(digest, before)


def _is_database(start: bytes) -> bool:
    return any(start.startswith(mark, at) for at, mark in _DATABASES)


def _let_go() -> None:
    """Close the databases that nobody else in this process holds open: on those it has no locks."""
    held: Counter[tuple[int, int]] = Counter()
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(OSError, ValueError):
            state = os.fstat(int(descriptor))
            held[state.st_dev, state.st_ino] += 1
    for identity in [identity for identity in list(_kept) if held[identity] == 1]:
        os.close(_kept.pop(identity))


def _key(path: str, state: os.stat_result) -> _Key:
    return path, state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns, state.st_size


def _result(digest: str | None, state: os.stat_result, weak: str | None = None) -> FileDigest:
    return FileDigest(digest, state.st_size, state.st_mtime_ns, state.st_ino, state.st_dev, weak)


def _place(key: _Key) -> tuple[str, str]:
    """Give the file that may hold a digest, and what it begins with if it does."""
    identity = hashlib.sha256("\0".join(map(str, key)).encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(_shared or "", identity[:_SLOTS]), identity


def _found(key: _Key) -> str | None:
    if _shared is None or key[-1] < MIN_SHARED:
        return None
    place, identity = _place(key)
    with suppress(OSError, ValueError):
        with open(place, encoding="ascii") as file:  # noqa: PTH123
            found, digest = file.read(200).split()
        if found == identity and _DIGEST.fullmatch(digest):
            return _known.setdefault(key, digest)
    return None


def _tell_others(key: _Key, digest: str) -> None:
    place, identity = _place(key)
    made = f"{place}.{os.getpid()}-{threading.get_ident()}"
    with suppress(OSError):
        os.makedirs(_shared or "", mode=0o700, exist_ok=True)
        with open(made, "x", encoding="ascii") as file:  # noqa: PTH123
            file.write(f"{identity} {digest}\n")
        os.replace(made, place)


def _remember(key: _Key, digest: str) -> None:
    # No lock: a fork while another thread held it would leave the child waiting for ever.
    if len(_known) >= _REMEMBERED:
        _known.clear()
    _known[key] = digest
    if _shared is not None and key[-1] >= MIN_SHARED:
        _tell_others(key, digest)
