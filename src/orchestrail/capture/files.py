"""The files that a step opens, seen by one audit hook of the interpreter or told by a library's observer (`observers`); their
digests are taken when the step ends.

The hook is installed once and cannot be removed; without a `FileCapture` in the context it reads one context variable and
returns. A file that is read before the step writes it is an input, a file that the step writes is an output, a file that the
step reads after it has written it is neither twice. Nothing here raises into an `open` of the user's code.

Left out: what belongs to the interpreter and installed packages, source and compiled Python files that are read, `/proc`,
`/sys`, `/dev`, `/etc`, time zones, locales and certificates, settings and credentials in the home folder, what is named by
`set_ignored` and `set_rules`, caches of libraries (of a snapshot in the cache of the Hugging Face hub, its repository is told
instead), log files that are written, folders that no observer tells of, pipes, sockets and devices, files that the step wrote and
that are gone when it ends, files that it opened for writing and left as they were, and empty `*.lock` files.

An output whose suffix is that of a model (`observers.models`) has the kind `model`. That says nothing of the library that wrote
it, and a reader of such a file is not said to read a model.

A folder that an observer tells of, a partitioned data set say, is one data set with the digest of its manifest (`digest`); the
files in it that were read or written with it are no data sets of their own.

What cannot be seen: files that a library without an observer opens in C without the interpreter (HDF5 say), files that another
program opens (that one ran is told), memory maps made and files opened before the step began. Threads and child processes are seen
where the run goes along (`orchestrail.joining`). Nothing is recorded here; that is the recorder's matter.
"""

# On a host's path pathlib costs several times as much a call.
# ruff: noqa: PTH100, PTH111, PTH112, PTH115, PTH116, PTH118, PTH208
from __future__ import annotations

import os
import re
import site
import stat
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from orchestrail.capture import dvc, given
from orchestrail.capture.digest import MAX_BYTES, FileDigest, digest_file, folder_identity, size_text
from orchestrail.capture.observers import hub, missed, models
from orchestrail.capture.observing import capturing
from orchestrail.capture.rules import Ruled, ruled_by
from orchestrail.capture.told import Facts, Told
from orchestrail.datasets import all_as_plugins_know
from orchestrail.model import DatasetRef, file_name

__all__ = ["Captured", "FileCapture", "capturing", "install", "set_ignored"]

MAX_FILES = 10_000
"""Distinct files that one run keeps; the rest is only counted as missing."""
MAX_RUN_BYTES = 4 << 30
"""Bytes that are read for digests at the end of one run."""
# Written by `logging` and its rotating handlers.
_LOG = re.compile(r"\.log(?:\.[\d_-]+)?$")
_NO_DATA_WHEN_READ = (".py", ".pyi", ".so", ".pyc")
_SYSTEM = (
    "/proc/", "/sys/", "/dev/", "/etc/", "/run/secrets/", "/var/run/secrets/", "/usr/share/zoneinfo/", "/usr/lib/zoneinfo/",
    "/usr/share/locale/", "/usr/lib/locale/", "/usr/share/i18n/", "/usr/lib/ssl/", "/usr/local/ssl/",
    "/usr/share/ca-certificates/", "/usr/local/share/ca-certificates/",
)  # fmt: skip
# Settings and credentials of other tools: a digest of them is nobody's data, and may help to guess what is in them.
_PERSONAL = (
    ".aws/", ".azure/", ".cache/matplotlib/", ".config/", ".docker/", ".gnupg/", ".kube/", ".ssh/",
)  # fmt: skip
_PERSONAL_FILES = (".netrc", ".pgpass")
_INSTALLED = ("/site-packages/", "/dist-packages/", "/__pycache__/")
_NOT_A_FILE = os.O_DIRECTORY | getattr(os, "O_PATH", 0)
# What `open` and `os.open` say where a file is opened for reading alone.
_READS = frozenset((None, "r", "rb"))
_MORE = os.O_ACCMODE | _NOT_A_FILE
# Kernel clocks move in ticks of up to 10 ms: two changes within one leave the same time of change.
_TICK_NS = 100_000_000

Identity = tuple[int, int, int, int]
"""Device, inode, size and time of the last change of a file; of a folder, size and latest change of all its files."""
_UNKNOWN: Identity = (0, 0, 0, 0)
_STARTS = frozenset(("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec"))
"""Audit events before another program begins."""
_PROGRAM = re.compile(r"[\w.+-]{1,100}")
# What libraries ask about the machine.
_READ_NO_DATA = frozenset(("ldconfig", "lscpu", "nvidia-smi", "uname"))
# Of SQLite and of DuckDB.
_LOGS = ("-wal", "-journal", ".wal")


class Captured(NamedTuple):
    """What one run read and wrote.

    Attributes:
        inputs: files read before the run wrote them, in the order of opening, then what observers told.
        outputs: files written, in the order of opening, then what observers told.
        not_captured: (what, reason) of what is known to be missing.
    """

    inputs: list[DatasetRef]
    outputs: list[DatasetRef]
    not_captured: list[tuple[str, str]]


@dataclass(slots=True, eq=False)
class _File:
    """What is known of one name.

    Attributes:
        place: where the content lies now; another name than the file's own after a rename.
        read: identity when it was opened for reading; None where it is no input.
        early: digest taken before the run changed it.
        written: opened for writing, or put here by a rename.
        before: device, inode and time of the last change of its status before it was opened for writing; None where nothing was
            there or where that cannot tell.
        folder: a folder that counts as one data set.
        database: a database, which stays open and whose changes may lie beside it.
    """

    place: str
    read: Identity | None = None
    early: FileDigest | None = None
    written: bool = False
    before: tuple[int, int, int] | None = None
    folder: bool = False
    database: bool = False


class _Rename(NamedTuple):
    """A rename that was announced; the hook runs before it, so whether it took place is seen later."""

    thread: int
    source: str
    target: str
    identity: Identity
    folder: bool


class FileCapture:
    """Notes the files that the code of one run opens. No locks: every step is one atomic operation on a dictionary or list.

    Args:
        max_files: distinct files that are kept.
        max_file_bytes: larger files get no digest.
        max_run_bytes: bytes that are read for digests altogether.
    """

    def __init__(
        self, max_files: int = MAX_FILES, max_file_bytes: int = MAX_BYTES, max_run_bytes: int = MAX_RUN_BYTES
    ) -> None:
        self._max_files = max_files
        self._max_file_bytes = max_file_bytes
        self._max_run_bytes = max_run_bytes
        self._read_bytes = 0
        self._files: dict[str, _File] = {}
        self._renames: list[_Rename] = []
        self._later: dict[str, Identity] = {}
        self._apart: dict[str, None] = {}
        self._too_many = False
        self._closed = False
        self._process = _process
        self.known: set[tuple[object, ...]] = set()
        """What was given to `open` (path, mode, flags) and has nothing more to tell: the hook looks there first."""
        self.failures = 0
        self.told = Told()

    def opened(self, path: object, mode: object, flags: object) -> None:
        """Note a file that is about to be opened.

        Args:
            path: what was given to `open`: text, bytes or a path; descriptors are not noted.
            mode: the mode of `open`, None where `os.open` was called.
            flags: the flags for the system call.
        """
        if self._closed or self._process is not _process:
            return
        self._catch_up()
        name = _name(path)
        if name is None or not isinstance(flags, int):
            given.missed(self, path)
            return
        # A rename puts another set in its place: what was found out before is then not kept.
        known = self.known
        if self._notes(name, mode, flags) and name is path and not self._renames and len(known) < self._max_files:
            known.add((path, mode, flags))

    def puts_off(self, path: str, opening: tuple[object, ...]) -> bool:
        """Note a file that is about to be opened for reading alone, as most are, so that the `open` waits for one look at it only.

        What it is must be asked now; whether it is data can wait.

        Args:
            path: its absolute path.
            opening: what was given to `open`.

        Returns:
            False where it cannot wait.
        """
        if self._closed or self._renames or self._process is not _process or len(self.known) >= self._max_files:
            return False
        try:
            state = os.stat(path)
        except (OSError, ValueError):  # it will not be opened
            return True
        if stat.S_ISREG(state.st_mode):
            self._later.setdefault(path, (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
            self.known.add(opening)
        return True

    def _notes(self, name: str, mode: object, flags: int) -> bool:
        """Note a file that is about to be opened; say whether to open it like that again has nothing more to tell."""
        if flags & _NOT_A_FILE:
            return True
        if not flags & os.O_ACCMODE and not (isinstance(mode, str) and mode[:1] != "r"):
            return self._notes_read(name)
        if (out := _leaves_out(name)) or (out is None and _LOG.search(name)):
            return True
        self._writes(name, reads=flags & os.O_ACCMODE == os.O_RDWR and not flags & (os.O_TRUNC | os.O_EXCL))
        file = self._files.get(name)
        return file is not None and file.written

    def _notes_read(self, name: str, identity: Identity | None = None) -> bool:
        """Do the same for one that is opened for reading alone; its identity is asked for where it is not given."""
        if name in self._files and not self._renames:
            return True
        if out := _leaves_out(name):
            if isinstance(out, DatasetRef):
                self.told.reads(out)
            return True
        if out is None and name.endswith(_NO_DATA_WHEN_READ):
            return True
        self._reads(name, identity)
        return name in self._files

    def _catch_up(self) -> None:
        """Decide which of the files that were opened for reading are data, before anything depends on it."""
        if not self._later:
            return
        for path in list(self._later):
            identity, name = self._later.get(path), _name(path)
            if identity is not None and name is not None:  # else another thread was quicker
                self._notes_read(name, identity)
            self._later.pop(path, None)  # last: another thread that is about to write it looks here first

    def read(self, path: object, *, database: bool = False) -> Facts | None:
        """Note a file or folder that a library is about to read by itself.

        Args:
            path: the file or folder.
            database: True for the file of a database.

        Returns:
            What is known of it, to be filled in; None where it is no data.
        """
        name = self._observed(path)
        if name is None:
            self.opened(path, None, os.O_RDONLY)  # it may stand for something else
            return None
        if os.path.isdir(name):
            self._reads(name, folder=True)
        else:
            self.opened(name, None, os.O_RDONLY)
            self._mark(name, database=database)
        return self.told.facts(file_name(name), written=False)

    def written(self, path: object, *, folder: bool = False, database: bool = False) -> Facts | None:
        """Note a file or folder that a library is about to write by itself.

        Args:
            path: the file or folder.
            folder: True where it is a folder, or becomes one.
            database: True for the file of a database, which is read and changed, not replaced.

        Returns:
            As `read`.
        """
        name = self._observed(path)
        if name is None:
            return None
        if folder or os.path.isdir(name):
            self._writes(name, reads=False, folder=True)
        else:
            self.opened(name, None, os.O_RDWR if database else os.O_WRONLY)
            self._mark(name, database=database)
        return self.told.facts(file_name(name), written=True)

    def started(self, event: str, program: Any) -> None:
        """Note that a program begins in a process of its own, or in the place of this one: nothing in it is seen.

        Args:
            event: the interpreter's audit event.
            program: its path, of which the last part is kept; its arguments and the line of a shell may hold secrets.
        """
        if self._closed or self._process is not _process:
            return
        name = "sh" if event == "os.system" else file_name(given.path_text(program) or "").rpartition("/")[2]
        if name not in _READ_NO_DATA:
            self.told.misses(
                name if _PROGRAM.fullmatch(name) else "a program", "it ran in a process that is not recorded"
            )

    def sets_apart(self, folder: object) -> None:
        """Leave out what is in a folder: it is a data set of another name, which an observer tells."""
        name = _name(folder)
        if name is not None:
            self._apart[name] = None

    def leaves_out(self, path: object) -> bool:
        """Say whether a file or folder is none of the step's data."""
        name = _name(path)
        return name is None or bool(_leaves_out(name))

    def _observed(self, path: object) -> str | None:
        name = _name(path)
        if name is None or self._closed or self._process is not _process or self.leaves_out(name):
            return None
        return name

    def _mark(self, name: str, *, database: bool) -> None:
        file = self._files.get(name)
        if database and file is not None:
            file.database = True

    def renamed(self, source: object, target: object) -> None:
        """Note a file or folder that is about to be renamed: what was written at the old name is an output at the new one."""
        if self._closed or self._process is not _process:
            return
        old, new = _name(source), _name(target)
        for path in (source, target):
            given.missed(self, path)
        if old is None or new is None or (out := _leaves_out(new)) or (out is None and _LOG.search(new)):
            return
        if self._renames:
            self._settle(old, new)
        try:
            state = os.lstat(old)
        except (OSError, ValueError):
            return
        folder = stat.S_ISDIR(state.st_mode)
        if not folder and not stat.S_ISREG(state.st_mode):
            return
        self._catch_up()
        replaced = self._files.get(new)
        if replaced is not None:
            self._before_change(replaced)
        if len(self._renames) < self._max_files:
            self.known = set()
            self._renames.append(_Rename(threading.get_ident(), old, new, _identity(state), folder))

    def linked(self, source: object, target: object) -> None:
        """Note a hard link that is about to be made: the content has another name, which the step put there."""
        self.opened(source, None, os.O_RDONLY)
        self.opened(target, None, os.O_WRONLY)

    def close(self) -> Captured:
        """End the capture: take the digests and say what was read and written. Later opens are not noted."""
        captured = Captured([], [], [])
        if self._closed or self._process is not _process:
            return captured
        self._closed = True
        self._catch_up()
        if self._renames:
            self._settle()
        if self._files:
            self._close_files(captured)
        missed(self)
        self.told.join(*captured)
        if captured.inputs or captured.outputs:
            versions = dvc.Versions()
            for found in (captured.inputs, captured.outputs):
                found[:] = all_as_plugins_know([_as_dvc_knows(one, versions) for one in found])
        if self._too_many:
            captured.not_captured.append(("files", f"more than {self._max_files} files were opened"))
        if self.failures:
            captured.not_captured.append(("files", f"{self.failures} could not be noted"))
        self._files.clear()
        return captured

    def _close_files(self, captured: Captured) -> None:
        still_open = _open_for_writing() if any(file.written for file in self._files.values()) else frozenset()
        for name, file in list(self._files.items()):
            try:
                if file.read is not None:
                    self._close_input(name, file, file.read, captured)
                if file.written:
                    self._close_output(name, file, still_open, captured)
            except Exception:  # one odd file must not cost the others
                self.failures += 1
        self._leave_out_parts(captured)

    def _reads(self, name: str, identity: Identity | None = None, *, folder: bool = False) -> None:
        if self._renames:
            self._settle(name)
        if name in self._files:
            return
        if folder:
            self._keep(name, _File(name, folder_identity(name) or _UNKNOWN, folder=True))
            return
        if identity is None:
            try:
                state = os.stat(name)
            except (OSError, ValueError):
                return
            if not stat.S_ISREG(state.st_mode):
                return
            identity = _identity(state)
        self._keep(name, _File(name, identity))

    def _writes(self, name: str, *, reads: bool, folder: bool = False) -> None:
        if self._renames:
            self._settle(name)
        file = self._files.get(name)
        if file is not None and file.written:
            return
        try:
            state: os.stat_result | None = os.stat(name)
        except FileNotFoundError:
            state = None
        except (OSError, ValueError):
            return
        if state is not None and not stat.S_ISREG(state.st_mode) and not folder:
            return
        if file is None:
            file = self._keep(name, _File(name, folder=folder))
            if file is None:
                return
            if reads and state is not None and state.st_size:
                file.read = _identity(state)
        self._before_change(file)
        if state is not None and not folder and time.time_ns() - state.st_ctime_ns > _TICK_NS:
            file.before = _status(state)
        file.written = True

    def _keep(self, name: str, file: _File) -> _File | None:
        if len(self._files) >= self._max_files and name not in self._files:
            self._too_many = True
            return None
        return self._files.setdefault(name, file)

    def _before_change(self, file: _File) -> None:
        """Take the digest of an input while its content is still what was read."""
        if file.read is None or file.written:
            return
        found = self._digest(file)
        if found is not None and (file.early is None or found.identity == file.read):
            file.early = found

    def _settle(self, *names: str) -> None:
        """Follow the renames that took place: those of this thread or of the given names; all, where none is given."""
        thread = threading.get_ident()
        for rename in list(self._renames):
            over = not names or rename.thread == thread
            if not over and rename.source not in names and rename.target not in names:
                continue
            took_place = _is_at(rename.target, rename.identity)
            if not took_place and not over:
                # Another thread announced it, and has yet to do it.
                continue
            try:
                self._renames.remove(rename)
            except ValueError:  # another thread was quicker
                continue
            if not took_place:
                continue
            if rename.folder:
                below = rename.source + "/"
                for name in [name for name in list(self._files) if name.startswith(below) or name == rename.source]:
                    self._move(name, rename.target + name[len(rename.source) :])
            else:
                if rename.source not in self._files:
                    # Moved as it was found: the step took it from there and put it here.
                    self._keep(rename.source, _File(rename.source, read=rename.identity))
                self._move(rename.source, rename.target, made=True)

    def _move(self, source: str, target: str, *, made: bool = False) -> None:
        file = self._files.get(source)
        if file is None:
            return
        if file.written:
            file.written, made = False, True
            if file.read is None:
                del self._files[source]
        elif file.place == source:
            file.place = target
        if made:
            there = self._keep(target, _File(target, folder=file.folder, database=file.database))
            if there is not None:
                self.told.moved(file_name(source), file_name(target))
                there.place, there.written, there.before = target, True, None

    def _digest(self, file: _File) -> FileDigest | None:
        enough = self._read_bytes >= self._max_run_bytes
        found = digest_file(file.place, -1 if enough else self._max_file_bytes)
        if found is None or (found.files is not None) != file.folder:
            return None
        if enough:
            return replace(found, weak=f"more than {size_text(self._max_run_bytes)} were read for this run")
        self._read_bytes += found.size if found.digest is not None else 0
        return found

    def _leave_out_parts(self, captured: Captured) -> None:
        """Leave out the files that belong to a folder which is a data set itself."""
        read = [name for name, file in self._files.items() if file.folder and file.read is not None]
        written = [name for name, file in self._files.items() if file.folder and file.written]
        read, written = [*read, *self._apart], [*written, *self._apart]
        for found, folders in ((captured.inputs, read), (captured.outputs, written)):
            if folders:
                below = tuple(file_name(name) + "/" for name in folders)
                found[:] = [one for one in found if not one.name.startswith(below)]

    def _close_input(self, name: str, file: _File, read: Identity, captured: Captured) -> None:
        found = file.early or self._digest(file)
        if found is None:
            shut = _shut(file.place)
            if shut is not None:
                captured.not_captured.append((file_name(name), shut))
            elif not _temporary(name):
                captured.inputs.append(
                    _dataset(name, file, None, read[2], "at_read", "gone before its digest was taken")
                )
            return
        if found.weak is not None and found.weak.startswith("cannot be read"):
            captured.not_captured.append((file_name(name), found.weak))
            return
        weak = found.weak if found.identity == read else "changed after it was opened"
        if weak is None and file.database:
            weak = _beside(name)
        seen = _left_to_collector(found, read[1], read[3])
        captured.inputs.append(_dataset(name, file, found.digest, read[2], "at_read", weak, seen=seen))

    def _close_output(self, name: str, file: _File, still_open: frozenset[tuple[int, int]], captured: Captured) -> None:
        beside = _beside(name) if file.database else None
        try:
            untouched = beside is None and file.before is not None and _status(os.stat(file.place)) == file.before
        except OSError:
            return
        found = None if untouched else self._digest(file)
        if file.database and beside is None and found is not None and file.early is not None:
            # What a database wrote and took back leaves its file with other times and the same content.
            found = None if found.digest == file.early.digest else found
        if found is None or (found.size == 0 and name.endswith(".lock")):
            return
        if found.weak is not None and found.weak.startswith("cannot be read"):
            captured.not_captured.append((file_name(name), found.weak))
            return
        weak = found.weak
        if file.database:
            weak = weak or beside
        elif weak is None and (found.device, found.inode) in still_open:
            weak = "still open for writing when the step ended"
        kind, seen = models.kind_of(name), _left_to_collector(found, found.inode, found.mtime_ns)
        captured.outputs.append(_dataset(name, file, found.digest, found.size, "at_write", weak, kind, seen))


def _shut(place: str) -> str | None:
    """Say why nobody can tell whether a file is still there; None where it is known."""
    try:
        os.stat(place)
    except PermissionError as error:
        return f"cannot be read: {error.strerror}"
    except OSError:
        return None
    return None


def install() -> None:
    """Add the audit hook to this interpreter, once."""
    global _installed_hook
    if not _installed_hook:
        _installed_hook = True
        sys.addaudithook(_hook)


def set_ignored(prefixes: Iterable[str | os.PathLike[str]]) -> None:
    """Leave out what lies in these folders too: the orchestrail home and spool, an orchestrator's own files.

    Replaces what was set before.
    """
    global _ignored, _places
    added = []
    for prefix in prefixes:
        folder = os.path.abspath(os.fspath(prefix))
        added += [folder.rstrip("/") + "/", os.path.realpath(folder).rstrip("/") + "/"]
    _places = tuple(dict.fromkeys(added))
    _ignored = tuple(dict.fromkeys((*_always_ignored(), *added)))
    _left_out.cache_clear()


def set_rules(ignore: Iterable[str], include: Iterable[str]) -> None:
    """Leave out, or take in again, what the settings' patterns name; replaces what was set before.

    Args:
        ignore: patterns of what is no data (`rules`).
        include: patterns of what is data although a rule of this module leaves it out; not what `set_ignored` names.
    """
    global _ruled
    _ruled = ruled_by(ignore, include)


def ignored() -> tuple[str, ...]:
    """Give what `set_ignored` was given, for a process that takes part in a run."""
    return _places


def leave_out(folder: str) -> None:
    """Leave out the cache of a library from now on."""
    _caches.append(os.path.abspath(folder).rstrip("/") + "/")
    _left_out.cache_clear()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    capture = capturing.get()
    if capture is None:
        return
    try:
        if event == "open":
            path, mode, flags = args
            if type(path) is str:
                if args in capture.known:
                    return
                if path[:1] == "/" and mode in _READS and not flags & _MORE and capture.puts_off(path, args):
                    return
            capture.opened(path, mode, flags)
        elif event == "os.rename":
            capture.renamed(in_folder(args[0], args[2]), in_folder(args[1], args[3]))
        elif event == "os.link":
            capture.linked(in_folder(args[0], args[2]), in_folder(args[1], args[3]))
        elif event in _STARTS:
            capture.started(event, args[0])
    except Exception:  # an exception here would be raised by the user's `open`
        capture.failures += 1


def in_folder(path: Any, descriptor: Any) -> Any:
    """Give a path that is relative to a folder descriptor as a whole one; -1 stands for the working folder.

    Returns:
        None where the descriptor is none of a folder that can be named.
    """
    if descriptor == -1:
        return path
    text = given.path_text(path)
    try:
        return path if text is None else os.path.join(os.readlink(f"/proc/self/fd/{descriptor}"), text)
    except OSError:
        return None


def _name(path: object) -> str | None:
    if type(path) is not str:
        path = given.path_text(path)
        if path is None:
            return None
    if path[:1] != "/" or "/." in path or "//" in path or path[-1:] == "/":
        try:
            return os.path.abspath(path)
        except OSError:  # the working folder is gone
            return None
    return path


def _leaves_out(name: str) -> bool | DatasetRef | None:
    """Say whether a file is no data, or which it stands for; False where the settings say that it is, None where nothing speaks."""
    if _ruled is not None and (ruled := _ruled(name)) is not None and not (name + "/").startswith(_places):
        return ruled
    return (_left_out(name.rpartition("/")[0]) or name in _personal_files) or None


@lru_cache(maxsize=1024)
def _left_out(folder: str) -> bool | DatasetRef:
    """Say whether the files of a folder are no data, or which data set they stand for; most opens are in a few folders."""
    below = folder + "/"
    if below.startswith((*_ignored, *_caches)) or any(part in below for part in _INSTALLED):
        return True
    return hub.in_cache(folder)


def _temporary(name: str) -> bool:
    return name.startswith(_temporary_folder) and _TEMPORARY.match(name, len(_temporary_folder)) is not None


def _identity(state: os.stat_result) -> Identity:
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


def _is_at(name: str, identity: Identity) -> bool:
    try:
        state = os.lstat(name)
    except (OSError, ValueError):
        return False
    return (state.st_dev, state.st_ino) == identity[:2]


def _status(state: os.stat_result) -> tuple[int, int, int]:
    # Copying a file with its times sets back the time of change, but not that of its status.
    return state.st_dev, state.st_ino, state.st_ctime_ns


def _left_to_collector(found: FileDigest, inode: int, mtime_ns: int) -> str | None:
    """Give what tells the collector that a file which was not read, because of its size alone, is still the same."""
    return f"{inode}:{mtime_ns}" if found.digest is None and found.files is None else None


def _dataset(
    name: str,
    file: _File,
    digest: str | None,
    size: int,
    observed: str,
    weak: str | None,
    kind: str = "data",
    seen: str | None = None,
) -> DatasetRef:
    return DatasetRef(
        "file",
        file_name(name),
        digest=digest,
        kind=kind,
        kind_source="inferred" if kind == "model" else None,
        observed=observed,
        weak=weak,
        type="DIRECTORY" if file.folder else "FILE",
        bytes=size,
        seen=seen,
    )


def _as_dvc_knows(dataset: DatasetRef, versions: dvc.Versions) -> DatasetRef:
    if dataset.namespace != "file" or dataset.version or dataset.weak or dataset.digest is None:
        return dataset
    version = versions.of(dataset.name, dataset.bytes or 0)
    return dataset if version is None else replace(dataset, version=version)


def _beside(name: str) -> str | None:
    """Say what of a database's content is not in its file when the step ends."""
    for suffix in _LOGS:
        with suppress(OSError):
            if os.stat(name + suffix).st_size:
                return "a log beside the database holds a part of its content"
    return None


def _open_for_writing() -> frozenset[tuple[int, int]]:
    """Give device and inode of the files that this process holds open for writing: their content may not all be on disk."""
    found = set()
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return frozenset()
    for descriptor in descriptors:
        try:
            state = os.fstat(int(descriptor))
            if not stat.S_ISREG(state.st_mode):  # most of a host's are sockets
                continue
            if os.lstat(f"/proc/self/fd/{descriptor}").st_mode & stat.S_IWUSR:
                found.add((state.st_dev, state.st_ino))
        except (OSError, ValueError):
            continue
    return frozenset(found)


def _always_ignored() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib", "include")]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    folders += [os.path.realpath(folder) for folder in folders]
    home = os.path.expanduser("~").rstrip("/")
    personal = (f"{home}/{name}" for name in _PERSONAL)
    return (*_SYSTEM, *personal, *(folder.rstrip("/") + "/" for folder in dict.fromkeys(folders)))


def _after_fork() -> None:
    global _process
    _process = object()


_installed_hook = False
_ignored = _always_ignored()
_places: tuple[str, ...] = ()
_ruled: Ruled | None = None
_caches: list[str] = []
_personal_files = frozenset(os.path.join(os.path.expanduser("~"), name) for name in _PERSONAL_FILES)
_temporary_folder = tempfile.gettempdir().rstrip("/") + "/"
_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}")
# A forked child inherits the context, and with it a capture that the parent closes: what the child opens is not the parent's to
# tell.
_process = object()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
