"""Files that are odd: what the record holds of each, and that none hurts the host."""

# What is tested are these very calls.
# ruff: noqa: PTH101, PTH116, PTH211, PTH105, PTH108, PTH123, SIM115
from __future__ import annotations

import hashlib
import mmap
import os
import socket
import threading
from pathlib import Path

import pytest


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def old(name: str, content: bytes = b"content") -> Path:
    """Write a file that is not new."""
    file = Path(name)
    file.write_bytes(content)
    os.utime(file, (1_600_000_000, 1_600_000_000))
    return file


@pytest.mark.parametrize(
    "name",
    [
        "/dev/null",
        "/dev/zero",
        "/dev/urandom",
        "/proc/self/status",
        "/proc/self/mem",
        "/sys/kernel/mm/transparent_hugepage/enabled",
    ],
)
def test_devices_and_the_kernels_files_are_no_data(observed, name):
    """Read and written; nothing is read from them for a digest, which would never end."""
    with observed() as seen:
        with open(name, "rb") as file:
            if "mem" not in name:
                file.read(10)
        if name == "/dev/null":
            with open(name, "wb") as file:
                file.write(b"x")
    assert (seen.inputs, seen.outputs, seen.missing) == ([], [], [])


def test_a_pipe_is_no_data_and_nobody_waits_for_it(observed):
    """A named pipe that another thread writes; the step's end does not open it again."""
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(b"x"))
    writer.start()
    with observed() as seen:
        assert open("pipe", "rb").read() == b"x"
    writer.join()
    assert (seen.inputs, seen.outputs, seen.missing) == ([], [], [])


def test_a_pipe_in_the_place_of_a_file(observed):
    """The step read a file, and a pipe took its name: the end of the step does not wait for a writer."""
    old("data")
    with observed() as seen:
        open("data", "rb").read()
        os.unlink("data")
        os.mkfifo("data")
    (one,) = seen.inputs
    assert (one.digest, one.weak) == (None, "gone before its digest was taken")


def test_a_socket_is_no_data(observed):
    """It cannot be opened; the host has its own error."""
    with observed() as seen, socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        with pytest.raises(OSError, match="No such device"):
            open("socket", "rb")
    assert (seen.inputs, seen.outputs) == ([], [])


def test_a_folder_is_no_file(observed, tmp_path):
    """Opened as a descriptor, and by mistake as a file."""
    with observed() as seen:
        os.close(os.open(tmp_path, os.O_RDONLY))
        os.close(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))
        with pytest.raises(IsADirectoryError):
            open(tmp_path)
        with pytest.raises(IsADirectoryError):
            open(tmp_path, "w")
    assert (seen.inputs, seen.outputs, seen.missing) == ([], [], [])


def test_a_file_that_nobody_may_read_any_more(observed, monkeypatch):
    """The step read it, and then its rights were taken: told, with the reason. Root may read all: there it is refused by hand."""
    old("data")
    with observed() as seen:
        open("data", "rb").read()
        os.chmod("data", 0)
        if os.geteuid() == 0:
            opening = os.open

            def refuse(path, *args, **kwargs):
                if str(path).endswith("/data"):
                    raise PermissionError(13, "Permission denied", path)
                return opening(path, *args, **kwargs)

            monkeypatch.setattr(os, "open", refuse)
    assert (seen.inputs, seen.outputs) == ([], [])
    assert [(Path(what).name, why) for what, why in seen.missing] == [("data", "cannot be read: Permission denied")]


def test_a_link_is_the_file_that_it_leads_to(observed, tmp_path):
    """Named as the step named it, with the content behind it; a link that leads nowhere, or in a circle, is nothing."""
    old("data")
    os.symlink("data", "link")
    os.symlink("nothing", "broken")
    os.symlink("circle", "circle")
    with observed() as seen:
        open("link", "rb").read()
        for name in ("broken", "circle"):
            with pytest.raises(OSError, match=r"No such file|Too many levels"):
                open(name, "rb")
        Path("out").write_bytes(b"x")
        os.symlink("out", "current")
    assert [(one.name, one.digest) for one in seen.inputs] == [(str(tmp_path / "link"), sha256(b"content"))]
    assert seen.names()[1] == ["out"]


def test_a_hard_link_is_one_more_name(observed):
    """Two names of one content that are read are two inputs; a link that the step makes is an output, made of an input."""
    old("a")
    os.link("a", "b")
    with observed() as seen:
        open("a", "rb").read()
        open("b", "rb").read()
        os.link("a", "c")
        here = os.open(".", os.O_RDONLY)
        os.link("a", "d", dst_dir_fd=here)
        os.rename("d", "e", src_dir_fd=here, dst_dir_fd=here)
        os.close(here)
    assert seen.names() == (["a", "b"], ["c", "e"])
    assert {one.digest for one in (*seen.inputs, *seen.outputs)} == {sha256(b"content")}


def test_a_file_that_is_deleted_before_the_end(observed):
    """Read: named, without a digest. Written: it is no result of the step."""
    old("read")
    with observed() as seen:
        open("read", "rb").read()
        os.unlink("read")
        Path("written").write_bytes(b"x")
        os.unlink("written")
    (one,) = seen.inputs
    assert (one.digest, one.weak) == (None, "gone before its digest was taken")
    assert seen.outputs == []


def test_an_atomic_replacement(observed):
    """What was written under another name is the output; the file that it replaced, and that was read, keeps its own digest."""
    old("data", b"before")
    with observed() as seen:
        open("data", "rb").read()
        Path("data.tmp").write_bytes(b"after")
        os.replace("data.tmp", "data")
    assert [(Path(one.name).name, one.digest, one.weak) for one in seen.inputs] == [("data", sha256(b"before"), None)]
    assert [(Path(one.name).name, one.digest) for one in seen.outputs] == [("data", sha256(b"after"))]


def test_a_file_that_changes_while_the_step_reads(observed):
    """Somebody else writes to it: the digest is marked."""
    old("data")
    with observed() as seen:
        open("data", "rb").read(3)
        writer = os.fork()
        if writer == 0:
            try:
                Path("data").write_bytes(b"other content")
            finally:
                os._exit(0)
        os.waitpid(writer, 0)
    (one,) = seen.inputs
    assert one.weak == "changed after it was opened"


@pytest.mark.parametrize(
    "name", [b"caf\xe9.csv", b"line\nbreak.csv", b"\x01\x7f.csv", b"tab\tand 'quotes' \".csv", "日本.csv".encode()]
)
def test_odd_names(observed, name):
    """No UTF-8, control characters, line breaks: printable text, one input and one output, with digests."""
    with observed() as seen, open(name, "wb") as file:
        file.write(b"x")
    with observed() as again:
        open(os.fsdecode(name), "rb").read()
    (written,), (read,) = seen.outputs, again.inputs
    assert written.name == read.name
    assert written.digest == read.digest == sha256(b"x")
    written.name.encode("utf-8")
    assert ("\\xe9" in written.name) == (b"\xe9" in name and not name.startswith("日".encode()))


def test_a_file_without_a_name(observed, tmp_path):
    """`O_TMPFILE`: nothing, until it is given a name; then it is an output."""
    with observed() as seen:
        nameless = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR)
        os.write(nameless, b"never named")
        os.close(nameless)
    assert (seen.inputs, seen.outputs, seen.missing) == ([], [], [])
    with observed() as seen:
        nameless = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR)
        os.write(nameless, b"named")
        os.link(f"/proc/self/fd/{nameless}", tmp_path / "out", src_dir_fd=0)  # or the symbolic link itself is meant
        os.close(nameless)
    assert [(Path(one.name).name, one.digest) for one in seen.outputs] == [("out", sha256(b"named"))]
    assert seen.inputs == []


def test_a_file_relative_to_a_folder(observed, tmp_path):
    """`dir_fd`: by the path in that folder, not by a file of the same name in the working folder."""
    (tmp_path / "folder").mkdir()
    old("folder/data", b"right")
    old("data", b"wrong")
    folder = os.open("folder", os.O_RDONLY)
    with observed() as seen:
        os.close(os.open("data", os.O_RDONLY, dir_fd=folder))
        os.close(os.open("out", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
        with pytest.raises(FileNotFoundError):
            os.open("missing", os.O_RDONLY, dir_fd=folder)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.open("data", os.O_RDONLY, dir_fd=9999)
    os.close(folder)
    assert [(one.name, one.digest) for one in seen.inputs] == [(str(tmp_path / "folder/data"), sha256(b"right"))]
    assert [one.name for one in seen.outputs] == [str(tmp_path / "folder/out")]


def test_appending(observed):
    """The output is the whole file; what stood there before is not said to be read."""
    old("data", b"before ")
    with observed() as seen, open("data", "ab") as file:
        file.write(b"after")
    assert (seen.inputs, [one.digest for one in seen.outputs]) == ([], [sha256(b"before after")])


def test_a_file_that_is_read_and_changed(observed):
    """In place: as it was read is an input, as it is at the end an output."""
    old("data", b"before")
    with observed() as seen, open("data", "r+b") as file:
        assert file.read() == b"before"
        file.write(b" after")
    assert [one.digest for one in seen.inputs] == [sha256(b"before")]
    assert [one.digest for one in seen.outputs] == [sha256(b"before after")]


def test_a_file_that_is_written_and_read_back(observed):
    """By the same step: an output alone."""
    with observed() as seen:
        Path("data").write_bytes(b"x")
        Path("data").read_bytes()
    assert seen.names() == ([], ["data"])


def test_memory_maps(observed):
    """Read through one, and written through one that is still open."""
    old("in", b"x" * 5000)
    old("out", b"y" * 5000)
    with observed() as seen:
        with open("in", "rb") as file:
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:10]
        with open("out", "r+b") as file:
            mapped = mmap.mmap(file.fileno(), 0)
            mapped[:1] = b"z"
    assert [(Path(one.name).name, one.digest) for one in seen.outputs] == [("out", sha256(b"z" + b"y" * 4999))]
    assert ("in", sha256(b"x" * 5000)) in [(Path(one.name).name, one.digest) for one in seen.inputs]
    mapped.close()


def test_a_sparse_file_costs_the_step_nothing(observed):
    """Ten gigabytes of holes are neither read nor waited for."""
    started = int(Path("/proc/self/io").read_text().split()[1])
    with observed() as seen:
        with open("sparse", "wb") as file:
            file.truncate(10 << 30)
        open("sparse", "rb").read(1)
    assert int(Path("/proc/self/io").read_text().split()[1]) - started < 10 << 20
    (one,) = seen.outputs
    assert (one.digest, one.weak, one.bytes) == (None, "larger than 256 MB", 10 << 30)
    assert one.seen == f"{os.stat('sparse').st_ino}:{os.stat('sparse').st_mtime_ns}"


def test_paths_that_cannot_be(observed):
    """Too long, with a null, empty, a number, nothing that is a path: the host's own errors, and nothing on the record."""
    with observed() as seen:
        for path, kind in (("x" * 5000, OSError), ("a\0b", ValueError), ("", FileNotFoundError), (3.5, TypeError)):
            with pytest.raises(kind):
                open(path)
        reading, writing = os.pipe()
        os.close(writing)
        open(reading, "rb").close()
    assert (seen.inputs, seen.outputs, seen.missing) == ([], [], [])
