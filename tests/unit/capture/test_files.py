"""Which files a step read and wrote, as the interpreter's audit hook saw them."""

# What is tested are these very calls.
# ruff: noqa: PTH104, PTH105, PTH108, PTH123, SIM115
from __future__ import annotations

import asyncio
import contextvars
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrail.capture import files
from orchestrail.capture.digest import MAX_BYTES
from orchestrail.capture.files import FileCapture, capturing, install, set_ignored

OLD = 1_600_000_000


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def captured(**limits):
    """Capture what the block opens; the list is filled when it ends."""
    install()
    capture = FileCapture(**limits)
    seen: list = []
    token = capturing.set(capture)
    try:
        yield seen
    finally:
        capturing.reset(token)
        seen += capture.close()
        assert capture.failures == 0


def put(path: Path, content: bytes = b"content") -> Path:
    """Write a file that is not new."""
    path.write_bytes(content)
    os.utime(path, (OLD, OLD))
    return path


def names(found) -> list[str]:
    return [Path(one.name).name for one in found]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_file_that_is_read_is_an_input(tmp_path):
    """Named by its absolute path, with digest and size, observed at read."""
    put(tmp_path / "in.csv", b"a,b\n")
    with captured() as seen, open("in.csv") as stream:
        stream.read()
    (one,), outputs, missing = seen
    assert (one.namespace, one.name, one.type, one.kind) == ("file", str(tmp_path / "in.csv"), "FILE", "data")
    assert (one.digest, one.bytes, one.observed, one.weak) == (sha256(b"a,b\n"), 4, "at_read", None)
    assert not outputs
    assert not missing


def test_a_file_that_is_written_is_an_output(tmp_path):
    """With the content it has when the step ends."""
    with captured() as seen:
        Path("out.csv").write_text("first")
        Path("out.csv").write_text("second")
    inputs, (one,), _ = seen
    assert not inputs
    assert (one.name, one.digest, one.bytes) == (str(tmp_path / "out.csv"), sha256(b"second"), 6)
    assert (one.observed, one.weak, one.kind) == ("at_write", None, "data")


def test_reading_what_the_step_wrote_is_no_input():
    """It comes from the step itself."""
    with captured() as seen:
        Path("x").write_text("1")
        Path("x").read_text()
    assert (names(seen[0]), names(seen[1])) == ([], ["x"])


def test_a_file_that_is_read_and_then_rewritten_is_both(tmp_path):
    """The input's digest is that of what was read, taken before the write."""
    put(tmp_path / "x", b"before")
    with captured() as seen:
        text = Path("x").read_text()
        Path("x").write_text(text + " and after")
    (read,), (written,), _ = seen
    assert (read.digest, read.bytes, read.weak) == (sha256(b"before"), 6, None)
    assert (written.digest, written.bytes) == (sha256(b"before and after"), 16)


@pytest.mark.parametrize("mode", ["a", "r+", "w", "w+", "a+"])
def test_every_way_of_changing_a_file_that_was_read_keeps_what_was_read(tmp_path, mode):
    """Truncated, appended to, changed in place."""
    put(tmp_path / "x", b"before")
    with captured() as seen:
        Path("x").read_text()
        with open("x", mode) as stream:
            stream.write("AFTER!!")
    (read,), (written,), _ = seen
    assert (read.digest, read.weak) == (sha256(b"before"), None)
    assert written.digest == sha256(Path("x").read_bytes())


def test_files_named_by_their_whole_path_are_read_before_they_change(tmp_path):
    """Whether they are data is decided later, what they were is not: overwritten, renamed, behind a link that is set anew."""
    old, new = put(tmp_path / "old", b"old"), put(tmp_path / "new", b"new")
    link = tmp_path / "link"
    link.symlink_to(old)
    moved, overwritten = put(tmp_path / "moved", b"moved"), put(tmp_path / "overwritten", b"before")
    with captured() as seen:
        for path in (link, moved, overwritten):
            open(str(path), "rb").close()
        overwritten.write_bytes(b"after")
        moved.rename(tmp_path / "there")
        link.unlink()
        link.symlink_to(new)
    inputs, outputs, _ = seen
    assert {Path(one.name).name: (one.digest, one.weak) for one in inputs} == {
        "link": (sha256(b"new"), "changed after it was opened"),
        "moved": (sha256(b"moved"), None),
        "overwritten": (sha256(b"before"), None),
    }
    assert {Path(one.name).name for one in outputs} == {"overwritten", "there"}


def test_a_file_opened_for_update_is_read_and_written(tmp_path):
    """`r+` reads what is there before it changes it."""
    put(tmp_path / "x", b"before")
    with captured() as seen, open("x", "r+b") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write(b"!")
    (read,), (written,), _ = seen
    assert (read.digest, written.digest) == (sha256(b"before"), sha256(b"before!"))


def test_an_appended_file_is_an_output_only(tmp_path):
    """The step never saw what was in it."""
    put(tmp_path / "log", b"a")
    with captured() as seen, open("log", "a") as stream:
        stream.write("b")
    assert (names(seen[0]), names(seen[1])) == ([], ["log"])
    assert seen[1][0].digest == sha256(b"ab")


def test_a_file_opened_for_writing_and_left_as_it_was_is_no_output(tmp_path):
    """Opening in append mode, or failing to create, writes nothing."""
    put(tmp_path / "x", b"same")
    time.sleep(0.15)
    with captured() as seen:
        open("x", "a").close()
        with pytest.raises(FileExistsError):
            open("x", "x")
    assert seen == [[], [], []]


def test_a_copy_with_the_times_of_the_original_is_an_output(tmp_path):
    """Writing the same content again, with the same times, is writing."""
    put(tmp_path / "x", b"same")
    shutil.copy2("x", "y")
    time.sleep(0.15)
    with captured() as seen:
        shutil.copy2("x", "y")
    assert (names(seen[0]), names(seen[1])) == (["x"], ["y"])


def test_low_level_opens_are_classified_by_their_flags(tmp_path):
    """`os.open` has no mode."""
    for name in ("r", "w", "rw", "t"):
        put(tmp_path / name, b"old")
    with captured() as seen:
        for name, flags in (("r", os.O_RDONLY), ("w", os.O_WRONLY), ("rw", os.O_RDWR), ("t", os.O_RDWR | os.O_TRUNC)):
            descriptor = os.open(name, flags)
            if name != "r":
                os.write(descriptor, b"new!")
            os.close(descriptor)
        os.close(os.open("made", os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.close(os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY))
    assert names(seen[0]) == ["r", "rw"]
    assert names(seen[1]) == ["w", "rw", "t", "made"]


def test_names_are_taken_in_every_form(tmp_path):
    """Text, bytes, paths, relative to where the process was, not normal, not in UTF-8; descriptors are left out."""
    folder = tmp_path / "a b"
    folder.mkdir()
    for name in ("1", "2", "3", "4"):
        put(folder / name)
    odd = os.fsdecode(b"caf\xe9")
    put(tmp_path / odd)
    with captured() as seen:
        open(str(folder / "1")).close()
        open(os.fsencode(folder / "2")).close()
        open(folder / "3").close()
        os.chdir(folder)
        open("../a b/./4").close()
        os.chdir(tmp_path)
        open(odd).close()
        descriptor = os.open("a b/1", os.O_RDONLY)
        open(descriptor).close()
    assert [one.name for one in seen[0]] == [*(f"{folder}/{n}" for n in "1234"), f"{tmp_path}/caf\\xe9"]
    assert all(one.digest == sha256(b"content") for one in seen[0])


def test_a_link_keeps_the_name_it_was_opened_by(tmp_path):
    """The digest is that of the content behind it."""
    put(tmp_path / "real", b"real")
    (tmp_path / "link").symlink_to("real")
    with captured() as seen:
        open("link").close()
    assert (names(seen[0]), seen[0][0].digest) == (["link"], sha256(b"real"))


def test_what_cannot_be_opened_is_nothing(tmp_path):
    """The user's error is the user's; the record has neither input nor output."""
    with captured() as seen:
        for name, mode, error in (
            ("nothing", "r", FileNotFoundError),
            ("no/where", "w", FileNotFoundError),
            (".", "w", IsADirectoryError),
            ("a\0b", "r", ValueError),
            ("", "r", FileNotFoundError),
            (None, "r", TypeError),
        ):
            with pytest.raises(error):
                open(name, mode)
    assert seen == [[], [], []]


def test_pipes_and_devices_are_nothing(tmp_path):
    """Reading them again would take their content or block."""
    os.mkfifo(tmp_path / "pipe")
    with captured() as seen:
        descriptor = os.open("pipe", os.O_RDWR | os.O_NONBLOCK)
        os.close(descriptor)
        open("/dev/null", "w").close()
        open("/proc/self/status").close()
    assert seen == [[], [], []]


def test_the_interpreters_own_files_are_left_out(tmp_path):
    """Modules, packages, their data, compiled files, the system's settings."""
    library = Path(os.__file__).parent
    package = tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / "package"
    package.mkdir(parents=True)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "steps.py").write_text("VALUE = 1\n")
    put(package / "data.csv")
    put(tmp_path / "__pycache__" / "x.pyc")
    put(tmp_path / "native.so")
    sys.path.insert(0, str(tmp_path))
    try:
        with captured() as seen:
            import steps  # noqa: F401

            for name in (library / "os.py", package / "data.csv", "__pycache__/x.pyc", "native.so", "/etc/passwd"):
                open(name, "rb").close()
    finally:
        sys.path.remove(str(tmp_path))
        del sys.modules["steps"]
    assert seen == [[], [], []]


def test_a_source_file_that_the_step_writes_is_an_output():
    """Generated code is a result; only reading it is the import system's business."""
    with captured() as seen:
        Path("generated.py").write_text("x = 1\n")
    assert names(seen[1]) == ["generated.py"]


def test_settings_and_credentials_in_the_home_folder_are_left_out(run, tmp_path):
    """What other tools keep there is no data of the step; what else is there may be."""
    for name in (".netrc", ".aws/credentials", ".cache/data.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        put(tmp_path / name)
    told = run(
        """
        import json
        from pathlib import Path
        from orchestrail.capture.files import FileCapture, capturing, install
        install()
        capture = FileCapture()
        token = capturing.set(capture)
        for name in (".netrc", ".aws/credentials", ".cache/data.csv"):
            Path(name).read_text()
        capturing.reset(token)
        print(json.dumps([Path(one.name).name for one in capture.close().inputs]))
        """,
        HOME=str(tmp_path),
    )
    assert told == ["data.csv"]


def test_ignored_folders_are_left_out(tmp_path, monkeypatch):
    """Our own home, an orchestrator's results; through a link too, and not a neighbour with a longer name."""
    monkeypatch.setattr(files, "_ignored", files._ignored)
    files._left_out.cache_clear()
    for name in ("home", "home2", "real"):
        (tmp_path / name).mkdir()
    (tmp_path / "linked").symlink_to("real")
    set_ignored([tmp_path / "home", "linked/"])
    with captured() as seen:
        for name in ("home/x", "home2/x", "real/x", "linked/x"):
            Path(name).write_text("1")
    assert [one.name for one in seen[1]] == [str(tmp_path / "home2" / "x")]
    set_ignored([])
    with captured() as seen:
        Path("home/x").read_text()
    assert names(seen[0]) == ["x"]


def test_temporary_files_are_left_out(tmp_path):
    """What the step wrote and removed again was for itself."""
    with captured() as seen:
        with tempfile.NamedTemporaryFile("w+") as stream:
            stream.write("x")
            stream.flush()
            Path(stream.name).read_text()
        with tempfile.TemporaryFile() as stream:
            stream.write(b"x")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "part").write_text("x")
        descriptor, name = tempfile.mkstemp()
        os.close(descriptor)
        os.unlink(name)
    assert seen == [[], [], []]


def test_a_temporary_file_of_somebody_else_is_left_out():
    """A child process left it, the step read and removed it."""
    descriptor, name = tempfile.mkstemp()
    os.write(descriptor, b"x")
    os.close(descriptor)
    with captured() as seen:
        Path(name).read_text()
        os.unlink(name)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["touch", f"{folder}/part"], check=True)
            Path(folder, "part").read_text()
    assert seen == [[], [], [("touch", "it ran in a process that is not recorded")]]


def test_an_input_that_is_gone_is_kept_without_a_digest(tmp_path):
    """That it was read is known; what was in it is not any more."""
    put(tmp_path / "inbox.csv", b"12345")
    with captured() as seen:
        Path("inbox.csv").read_text()
        Path("inbox.csv").unlink()
    (one,) = seen[0]
    assert (one.digest, one.bytes, one.weak) == (None, 5, "gone before its digest was taken")


def test_an_input_that_somebody_else_changes_is_weak(tmp_path, run):
    """The digest at the end may not be what the step read."""
    put(tmp_path / "x", b"before")
    with captured() as seen:
        Path("x").read_text()
        run("open('x', 'w').write('after!'); print(1)")
    (one,), outputs, _ = seen
    assert (one.digest, one.weak, one.bytes) == (sha256(b"after!"), "changed after it was opened", 6)
    assert not outputs


def test_an_input_that_somebody_else_replaces_is_weak(tmp_path, run):
    """Also with the same size and the same time of change: it is another file."""
    put(tmp_path / "x", b"before")
    put(tmp_path / "y", b"other!")
    with captured() as seen:
        Path("x").read_text()
        run("import os; os.rename('y', 'x'); print(1)")
    assert seen[0][0].weak == "changed after it was opened"


def test_a_file_that_replaces_its_target_is_an_output_under_its_final_name(tmp_path):
    """Write beside, then put in place: the usual way of writing whole files."""
    put(tmp_path / "model.json", b"old")
    with captured() as seen:
        Path("model.json.tmp").write_text("new")
        os.replace("model.json.tmp", "model.json")
        Path("model.json").read_text()
    assert (names(seen[0]), names(seen[1])) == ([], ["model.json"])
    assert seen[1][0].digest == sha256(b"new")


def test_an_input_that_is_replaced_keeps_what_was_read(tmp_path):
    """Its digest is taken before the rename."""
    put(tmp_path / "x", b"old")
    with captured() as seen:
        text = Path("x").read_text()
        Path("x.new").write_text(text + "+")
        Path("x.new").replace("x")
    (read,), (written,), _ = seen
    assert (read.digest, read.weak) == (sha256(b"old"), None)
    assert (written.name, written.digest) == (str(tmp_path / "x"), sha256(b"old+"))


def test_renames_are_followed_along_a_chain(tmp_path):
    """Each name but the last one was on the way."""
    (tmp_path / "d").mkdir()
    with captured() as seen:
        Path("a").write_text("1")
        os.rename("a", "b")
        shutil.move("b", "c")
        shutil.move("c", "d")
        Path("a").write_text("2")
    assert sorted((Path(one.name).relative_to(tmp_path).as_posix(), one.digest) for one in seen[1]) == [
        ("a", sha256(b"2")),
        ("d/c", sha256(b"1")),
    ]
    assert not seen[0]


def test_a_folder_that_is_renamed_takes_its_files_along(tmp_path):
    """A data set written as a folder is put in place at once."""
    (tmp_path / "part").mkdir()
    put(tmp_path / "part" / "given", b"0")
    with captured() as seen:
        Path("part/given").read_text()
        Path("part/1").write_text("1")
        Path("partial").write_text("p")
        os.rename("part", "whole")
    assert sorted(one.name for one in seen[1]) == [str(tmp_path / "partial"), str(tmp_path / "whole" / "1")]
    assert [(one.name, one.digest, one.weak) for one in seen[0]] == [
        (str(tmp_path / "part" / "given"), sha256(b"0"), None)
    ]


def test_a_file_that_the_step_only_moves_is_taken_from_there_and_put_here(tmp_path):
    """Promoting a model is reading one name and writing another."""
    put(tmp_path / "candidate.pkl", b"model")
    put(tmp_path / "read.csv", b"data")
    with captured() as seen:
        os.rename("candidate.pkl", "production.pkl")
        Path("read.csv").read_text()
        shutil.move("read.csv", "done.csv")
    assert [(Path(one.name).name, one.digest, one.weak) for one in seen[0]] == [
        ("candidate.pkl", sha256(b"model"), None),
        ("read.csv", sha256(b"data"), None),
    ]
    assert [(Path(one.name).name, one.digest) for one in seen[1]] == [
        ("production.pkl", sha256(b"model")),
        ("done.csv", sha256(b"data")),
    ]


def test_a_name_that_another_file_takes_after_a_rename_counts_anew(tmp_path):
    """Opened as often before as it may be: what is known of a name goes with the file that had it."""
    first, second = tmp_path / "first", tmp_path / "second"
    with captured() as seen:
        for mode in ("w", "r", "r", "w", "r"):
            first.open(mode).close()
        first.write_text("made")
        os.rename(first, second)
        subprocess.run([sys.executable, "-c", f"open({str(first)!r}, 'w').write('from elsewhere')"], check=True)
        for _ in range(2):
            assert first.read_text() == "from elsewhere"
    assert names(seen[0]) == ["first"]
    assert names(seen[1]) == ["second"]
    assert seen[0][0].digest == sha256(b"from elsewhere")


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("rwam"), st.sampled_from("abc"), st.sampled_from("abc")), max_size=12))
def test_what_is_known_of_an_opening_changes_nothing(actions):
    """Files are opened and renamed in any order: the hook that remembers tells what one tells that does not."""

    class Forgetful(FileCapture):
        known = property(lambda self: set(), lambda self, value: None)

    install()
    found = []
    for kind in (FileCapture, Forgetful):
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            for name in "ab":
                put(Path(folder, name), name.encode())
            capture = kind()
            token = capturing.set(capture)
            try:
                for action, name, other in actions:
                    with suppress(FileNotFoundError):
                        if action == "m":
                            os.rename(f"{folder}/{name}", f"{folder}/{other}")
                        else:
                            with open(f"{folder}/{name}", action) as file:
                                file.write(other) if action != "r" else file.read()
            finally:
                capturing.reset(token)
            inputs, outputs, missing = capture.close()
            assert not missing
            found.append([[(Path(one.name).name, one.digest, one.weak) for one in side] for side in (inputs, outputs)])
    assert found[0] == found[1]


def test_a_rename_that_fails_changes_nothing(tmp_path):
    """The hook runs before the rename; whether it took place is looked at afterwards."""
    (tmp_path / "folder").mkdir()
    put(tmp_path / "x", b"x")
    with captured() as seen:
        Path("made").write_text("1")
        with pytest.raises(OSError, match="folder"):
            os.rename("made", "folder")
        with pytest.raises(FileNotFoundError):
            os.rename("nothing", "y")
        with pytest.raises(FileNotFoundError):
            os.rename("x", "no/where")
        Path("x").read_text()
    assert (names(seen[0]), names(seen[1])) == (["x"], ["made"])


def test_a_move_to_another_file_system_is_seen_as_the_copy_that_it_is(tmp_path):
    """There the rename fails and the file is copied."""
    elsewhere = Path("/dev/shm")
    assert elsewhere.stat().st_dev != tmp_path.stat().st_dev
    folder = Path(tempfile.mkdtemp(dir=elsewhere))
    try:
        put(folder / "far", b"far")
        with captured() as seen:
            shutil.move(folder / "far", tmp_path / "near")
            Path("made").write_text("1")
            shutil.move("made", folder / "gone")
    finally:
        shutil.rmtree(folder)
    assert names(seen[1]) == ["near"]
    assert seen[1][0].digest == sha256(b"far")


def test_a_rename_that_another_thread_has_only_announced_is_not_lost(tmp_path):
    """Between the hook and the rename itself, another thread may open the target."""
    put(tmp_path / "x", b"old")
    with captured() as seen:
        Path("x.new").write_text("new")
        capture = capturing.get()
        context = contextvars.copy_context()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(context.run, capture.renamed, "x.new", "x").result()
        Path("x").read_text()
        token = capturing.set(None)
        os.rename("x.new", "x")
        capturing.reset(token)
    assert [(Path(one.name).name, one.digest) for one in seen[1]] == [("x", sha256(b"new"))]


def test_one_odd_file_does_not_cost_the_others(tmp_path, monkeypatch):
    """Whatever goes wrong with it when the digests are taken."""
    for name in ("a", "b"):
        put(tmp_path / name)
    real = files.digest_file

    def odd(path: str, *limits: int) -> object:
        if path.endswith("/a"):
            raise RuntimeError("odd")
        return real(path, *limits)

    monkeypatch.setattr(files, "digest_file", odd)
    install()
    capture = FileCapture()
    token = capturing.set(capture)
    for name in ("a", "b"):
        Path(name).read_text()
    capturing.reset(token)
    inputs, _, missing = capture.close()
    assert names(inputs) == ["b"]
    assert missing == [("files", "1 could not be noted")]


def test_copies_read_one_file_and_write_another(tmp_path):
    """`shutil` copies in the kernel, but opens both."""
    put(tmp_path / "x", b"x")
    with captured() as seen:
        shutil.copyfile("x", "y")
        shutil.copy2("x", "z")
    assert (names(seen[0]), names(seen[1])) == (["x"], ["y", "z"])


def test_an_output_that_is_still_open_is_weak():
    """Part of it may still be in the buffer."""
    with captured() as seen:
        stream = open("open.csv", "w")
        stream.write("buffered")
        Path("closed.csv").write_text("x")
        kept = open("closed.csv")
    stream.close()
    kept.close()
    assert {Path(one.name).name: one.weak for one in seen[1]} == {
        "open.csv": "still open for writing when the step ended",
        "closed.csv": None,
    }


@pytest.mark.parametrize("name", ["m.joblib", "m.PKL", "m.onnx", "m.safetensors", "m.pickle", "a.keras"])
def test_an_output_with_the_suffix_of_a_model_is_one(name):
    """The input side makes no such claim: the declaration does."""
    with captured() as seen:
        Path(name).write_bytes(b"m")
    assert (seen[1][0].kind, seen[1][0].type) == ("model", "FILE")
    with captured() as seen:
        Path(name).read_bytes()
    assert seen[0][0].kind == "data"


def test_an_empty_lock_file_is_no_output():
    """It is left behind and says nothing."""
    with captured() as seen:
        Path("x.lock").touch()
        Path("full.lock").write_text("versions")
        Path("empty.csv").touch()
    assert names(seen[1]) == ["full.lock", "empty.csv"]


def test_large_files_are_named_without_a_digest(tmp_path):
    """One that is too large, and the one after which a run has read enough."""
    for name, size in (("a", 4), ("b", 9), ("c", 4), ("d", 4), ("e", 2)):
        put(tmp_path / name, b"x" * size)
    with captured(max_file_bytes=8, max_run_bytes=10) as seen:
        for name in "abcde":
            Path(name).read_text()
    assert [(Path(one.name).name, one.digest is not None, one.weak) for one in seen[0]] == [
        ("a", True, None),
        ("b", False, "larger than 8 bytes"),
        ("c", True, None),
        ("d", True, None),
        ("e", False, "more than 10 bytes were read for this run"),
    ]


def test_a_large_input_that_is_rewritten_says_that_it_was_too_large(tmp_path):
    """Its digest cannot be taken before the write, and afterwards it is another file."""
    with (tmp_path / "x").open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    os.utime(tmp_path / "x", (OLD, OLD))
    with captured() as seen:
        with open("x") as stream:
            stream.read(1)
        Path("x").write_text("small")
    assert (seen[0][0].digest, seen[0][0].weak, seen[0][0].bytes) == (None, "larger than 256 MB", MAX_BYTES + 1)
    assert seen[1][0].digest == sha256(b"small")


def test_more_files_than_are_kept_are_said_to_be_missing(tmp_path):
    """Memory is bounded, and the record says so."""
    for number in range(5):
        put(tmp_path / str(number))
    with captured(max_files=3) as seen:
        for number in range(5):
            Path(str(number)).read_text()
        Path("0").read_text()
        Path("new").write_text("1")
    assert (names(seen[0]), names(seen[1])) == (["0", "1", "2"], [])
    assert seen[2] == [("files", "more than 3 files were opened")]


@pytest.mark.parametrize("shut", ["kept/secret", "kept"])
def test_a_file_that_only_the_step_may_read_is_said_to_be_missing(run, tmp_path, shut):
    """The right to read it, or to look into its folder, was given up before the step ended: it is not said to be gone."""
    for parent in (tmp_path, *tmp_path.parents):
        if str(parent).startswith(str(Path(tempfile.gettempdir()) / "pytest-")):
            parent.chmod(0o755)
    (tmp_path / "kept").mkdir()
    put(tmp_path / "kept" / "secret").chmod(0o400)
    told = run(f"""
        import json, os
        from orchestrail.capture.files import FileCapture, capturing, install
        install()
        capture = FileCapture()
        token = capturing.set(capture)
        open("kept/secret").close()
        capturing.reset(token)
        os.chmod({shut!r}, 0)
        if os.geteuid() == 0:
            os.seteuid(65534)
        print(json.dumps(capture.close()))
    """)
    (tmp_path / shut).chmod(0o700)
    assert told == [[], [], [[str(tmp_path / "kept" / "secret"), "cannot be read: Permission denied"]]]


def test_nothing_is_captured_outside_a_capture(tmp_path):
    """Before it, after it, in another context, and once it is closed."""
    put(tmp_path / "x")
    install()
    capture = FileCapture()
    open("x").close()
    token = capturing.set(capture)
    contextvars.Context().run(Path("x").read_text)
    capturing.reset(token)
    Path("x").read_text()
    assert capture.close() == ([], [], [])
    capturing.set(capture)
    open("x").close()
    capturing.set(None)
    assert capture.close() == ([], [], [])


def test_captures_of_nested_runs_are_kept_apart(tmp_path):
    """The inner run's files are the inner run's."""
    for name in "abc":
        put(tmp_path / name)
    with captured() as outer:
        open("a").close()
        with captured() as inner:
            open("b").close()
        open("c").close()
    assert (names(outer[0]), names(inner[0])) == (["a", "c"], ["b"])


def test_coroutines_are_kept_apart(tmp_path):
    """Interleaved runs in one thread each see their own files."""
    install()

    async def step(number: int):
        capture = FileCapture()
        capturing.set(capture)
        for part in range(3):
            Path(f"{number}-{part}").write_text("x")
            await asyncio.sleep(0)
        return names(capture.close().outputs)

    async def both():
        return await asyncio.gather(*(asyncio.create_task(step(number)) for number in range(20)))

    assert asyncio.run(both()) == [[f"{number}-{part}" for part in range(3)] for number in range(20)]


def test_threads_that_carry_the_context_are_captured(tmp_path):
    """Many at once, on the same files and on others, none lost."""
    for number in range(50):
        put(tmp_path / f"in{number}", b"%d" % number)

    def work(number: int) -> None:
        for other in range(50):
            Path(f"in{other}").read_text()
        Path(f"tmp{number}").write_text(str(number))
        os.replace(f"tmp{number}", f"out{number}")

    with captured() as seen, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(contextvars.copy_context().run, work, number) for number in range(40)]:
            done.result()
    assert sorted(names(seen[0])) == sorted(f"in{number}" for number in range(50))
    assert sorted((Path(one.name).name, one.digest) for one in seen[1]) == sorted(
        (f"out{number}", sha256(str(number).encode())) for number in range(40)
    )
    assert all(one.weak is None for one in seen[0])


def test_a_forked_child_opens_its_own_files(tmp_path):
    """What a child opens is not told by the parent, and a fork in the middle of an open holds nothing up."""
    for name in "abc":
        put(tmp_path / name)
    stop = threading.Event()

    def busy(context: contextvars.Context) -> None:
        while not stop.is_set():
            context.run(Path("a").read_text)

    with captured() as seen:
        worker = threading.Thread(target=busy, args=(contextvars.copy_context(),))
        worker.start()
        for _ in range(20):
            child = os.fork()
            if not child:
                inherited = capturing.get()
                open("b").close()
                own = FileCapture()
                capturing.set(own)
                open("c").close()
                right = names(own.close().inputs) == ["c"] and inherited.close() == ([], [], [])
                os._exit(0 if right else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        stop.set()
        worker.join()
    assert names(seen[0]) == ["a"]


def test_the_hook_is_installed_once(run):
    """An audit hook cannot be removed, so a second one must not come."""
    told = run("""
        import json, sys
        from orchestrail.capture import files
        added = []
        sys.addaudithook(lambda event, args: added.append(event) if event == "sys.addaudithook" else None)
        for _ in range(5):
            files.install()
        print(json.dumps(len(added)))
    """)
    assert told == 1


def test_a_failure_of_ours_does_not_reach_the_open(tmp_path, monkeypatch):
    """Whatever goes wrong in the hook, the file is opened, and the record says that something is missing."""
    put(tmp_path / "x", b"x")
    install()
    capture = FileCapture()

    def broken(*args: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(capture, "_reads", broken)
    token = capturing.set(capture)
    assert Path("x").read_bytes() == b"x"
    sys.audit("open", 1)
    sys.audit("open", object(), object(), object())
    sys.audit("os.rename")
    capturing.reset(token)
    assert capture.close() == ([], [], [("files", "3 could not be noted")])


def test_odd_audit_events_are_harmless():
    """Any code may raise audit events with any arguments."""

    class Hostile(os.PathLike):
        def __fspath__(self):
            raise ValueError("no")

    install()
    capture = FileCapture()
    token = capturing.set(capture)
    for args in (
        ("x", "r", "flags"),
        (b"\xff", 3, None),
        (7, "r", 0),
        (True, "r", 0),
        (Hostile(), "r", 0),
        ("x" * 10_000, "w", 1),
    ):
        sys.audit("open", *args)
    sys.audit("os.rename", 1, None, -1, -1)
    sys.audit("os.rename", "x", Hostile(), -1, -1)
    capturing.reset(token)
    inputs, outputs, missing = capture.close()
    assert (inputs, outputs) == ([], [])
    assert [what for what, _ in missing] == ["a path"]


def test_an_interrupt_in_the_hook_reaches_the_user(tmp_path, monkeypatch):
    """What a host throws into a thread to end it is not ours to keep."""
    put(tmp_path / "x")
    install()
    capture = FileCapture()

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(capture, "_reads", interrupted)
    token = capturing.set(capture)
    with pytest.raises(KeyboardInterrupt):
        open("x")
    capturing.reset(token)


def test_a_finalizer_that_opens_files_while_digests_are_taken_is_harmless(tmp_path):
    """Garbage may be collected at any moment, also in the middle of ours."""
    import gc

    class Opens:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            Path("late").write_text("x")

    for number in range(30):
        put(tmp_path / str(number))
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        with captured() as seen:
            for number in range(30):
                Opens()
                Path(str(number)).read_text()
    finally:
        gc.set_threshold(*before)
    assert {f"{number}" for number in range(30)} <= set(names(seen[0]))


def test_a_removed_working_folder_is_harmless(tmp_path, monkeypatch):
    """A relative name then leads nowhere."""
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with captured() as seen, pytest.raises(FileNotFoundError):
        open("x", "w")
    assert seen == [[], [], []]
    os.chdir(tmp_path)


def test_a_step_waits_little_for_many_files(tmp_path):
    """Two thousand small files are noted and digested within seconds."""
    for number in range(2000):
        put(tmp_path / str(number), b"%d" % number)
    began = time.monotonic()
    with captured() as seen:
        for number in range(2000):
            open(str(number)).close()
    assert len(seen[0]) == 2000
    assert time.monotonic() - began < 20
