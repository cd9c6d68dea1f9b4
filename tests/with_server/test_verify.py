"""Verification against a server and of one: what its log is, from afar, typed as a user types it."""

from __future__ import annotations

import http.server
import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrail.cli.app import app
from orchestrail.operations import open_record
from orchestrail.settings import load_settings
from orchestrail.testing.stores import rewrite, spooled


def grow(home: Path, *numbers: int) -> None:
    """Append events to the store of a home."""
    with open_record(load_settings(home=home), create=True) as store:
        store.append([spooled(number) for number in numbers])


@pytest.fixture
def command() -> Callable[..., Any]:
    """Type a command, in this process: many are typed here, and starting one takes longer than what it does."""
    return lambda *arguments, **environment: CliRunner().invoke(app, arguments, env=environment)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the server, with a log of 300 events."""
    grow(tmp_path / "server", *range(300))
    return tmp_path / "server"


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    """A copy of it, as somebody else keeps one."""
    return shutil.copytree(home, tmp_path / "copy")


@pytest.fixture
def auditor(home: Path, tmp_path: Path) -> Path:
    """A home that holds the pinned key of that log, and nothing else."""
    keys = tmp_path / "auditor" / "keys"
    keys.mkdir(parents=True)
    for pinned in (home / "keys").glob("*.pub"):
        shutil.copy(pinned, keys)
    return keys.parent


def said(done: Any) -> Any:
    """Read what a command printed, with how it ended."""
    return done.exit_code, json.loads(done.stdout)


def test_a_copy_is_held_against_the_server(home: Path, copy: Path, serve: Any, command: Any) -> None:
    """The same log, a log that grew at the server since, and one that grew here: the longer one begins with the shorter one."""
    server = serve(home=home)
    verify = ["verify", "--home", str(copy), "--against", server.url]
    assert "It begins with the log of 300 events" in command(*verify).stdout
    with open_record(load_settings(home=home)) as store:
        store.append([spooled(number) for number in range(300, 700)])
        head = store.checkpoint()
    code, found = said(command(*verify, "--json"))
    assert (code, found["size"]) == (0, 300)
    assert found["against"] == {"size": 700, "root_hash": head.root_hash.hex(), "consistent": True}
    assert "The log of 700 events there begins with it: 400 events more" in command(*verify).stdout
    shutil.copytree(home, copy, dirs_exist_ok=True)
    grow(copy, 700, 701)
    code, found = said(command(*verify, "--json"))
    assert (code, found["size"], found["against"]["size"]) == (0, 702, 700)


def test_two_histories_of_one_key_are_told(home: Path, copy: Path, serve: Any, command: Any) -> None:
    """The server's log is the longer or the shorter one, and another one from some entry on."""
    grow(copy, 1000, 1001)
    grow(home, 2000, 2001, 2002)
    server = serve(home=home)
    code, found = said(command("verify", "--home", str(copy), "--against", server.url, "--json"))
    assert (code, found["against"]["consistent"]) == (1, False)
    assert found["problems"] == ["against size 303: the log there does not begin with the 302 entries of this one"]
    grow(copy, 1003, 1004)
    code, found = said(command("verify", "--home", str(copy), "--against", server.url, "--json"))
    assert (code, found["problems"]) == (1, ["against size 303: the log up to there does not have the signed root"])


def test_the_log_of_a_server_is_recomputed_from_afar(
    home: Path, auditor: Path, serve: Any, command: Any, tmp_path: Path
) -> None:
    """From its entries, under the pinned key; that it contains what was kept is shown, and that events were not read is said."""
    command("checkpoint", "--home", str(home), "--no-collect", "--out", str(tmp_path / "kept"))
    grow(home, *range(300, 520))
    server = serve(home=home)
    verify = ["verify", server.url, "--home", str(auditor), "--against", str(tmp_path / "kept")]
    code, found = said(command(*verify, "--json"))
    with open_record(load_settings(home=home)) as store:
        head = store.checkpoint()
    assert (code, found["ok"], found["size"], found["root_hash"]) == (0, True, 520, head.root_hash.hex())
    assert (found["against"]["size"], found["against"]["consistent"]) == (300, True)
    assert "events, quarantine and what lies beside the log were not looked at" in found["notes"][0]
    assert "It begins with the log of 300 events" in command(*verify).stdout


@pytest.mark.parametrize("kept", ["rolled back", "forked", "altered", "of another log", "no checkpoint"])
def test_a_server_with_another_log_is_found_out(
    home: Path, auditor: Path, copy: Path, serve: Any, command: Any, tmp_path: Path, kept: str
) -> None:
    """Fewer entries than were signed, other ones, one that was altered; and what is no checkpoint of it shows nothing."""
    note = tmp_path / "kept"
    if kept == "of another log":
        grow(tmp_path / "other", 1)
        command("checkpoint", "--home", str(tmp_path / "other"), "--no-collect", "--out", str(note))
    elif kept == "no checkpoint":
        note.write_text("none")
    elif kept == "altered":
        command("checkpoint", "--home", str(home), "--no-collect", "--out", str(note))
        with closing(sqlite3.connect(home / "audit.db")) as connection:
            connection.execute("DROP TRIGGER bundle_update")
            rewrite(
                connection.execute,
                lambda seq, envelope: envelope.replace(b"spool", b"spoon") if seq == 17 else envelope,
                "envelopes",
            )
            connection.commit()
    else:
        grow(copy, 1000, 1001)
        command("checkpoint", "--home", str(copy), "--no-collect", "--out", str(note))
        if kept == "forked":
            grow(home, 2000, 2001, 2002)
    server = serve(home=home)
    code, found = said(command("verify", server.url, "--home", str(auditor), "--against", str(note), "--json"))
    assert (code, found["ok"]) == (1, False)
    problems = {
        "rolled back": ["against size 302: the log has only 300 entries: it was cut"],
        "forked": ["against size 302: the log up to there does not have the signed root"],
        "altered": [
            "log: its entries do not lead to the signed root",
            "against size 300: the log up to there does not have the signed root",
        ],
        "of another log": ["against: it is of another log"],
        "no checkpoint": ["against: no signature lines"],
    }
    assert found["problems"] == problems[kept]


def test_the_key_of_a_server_has_to_be_pinned(home: Path, serve: Any, command: Any, tmp_path: Path) -> None:
    """What it says of itself would show nothing; with a key of another log under its name, no signature holds."""
    server = serve(home=home)
    done = command("verify", server.url, "--home", str(tmp_path / "nobody"))
    assert done.exit_code == 2
    assert "is pinned" in done.stderr
    grow(tmp_path / "other", 1)
    other = next((tmp_path / "other" / "keys").glob("*.pub"))
    own = next((home / "keys").glob("*.pub"))
    keys = tmp_path / "misled" / "keys"
    keys.mkdir(parents=True)
    shutil.copy(other, keys / own.name)
    code, found = said(command("verify", server.url, "--home", str(keys.parent), "--json"))
    assert (code, found["problems"]) == (1, ["checkpoint: it is of another log"])


def test_a_reader_of_all_may_verify_from_afar(
    home: Path, auditor: Path, serve: Any, token: Callable[..., str], command: Any
) -> None:
    """With a token of the scope read; with none, or one of a system alone, the server refuses: nothing is said of the log."""
    reads, bound = token("read"), token("read", systems=["scoring"])
    server = serve(home=home)
    verify = ["verify", server.url, "--home", str(auditor)]
    assert command(*verify, ORCHESTRAIL_TOKEN=reads).exit_code == 0
    for refused in (
        {},
        {"ORCHESTRAIL_TOKEN": bound},
        {"ORCHESTRAIL_TOKEN": reads, "ORCHESTRAIL_URL": "http://other.example"},
    ):
        done = command(*verify, **refused)
        assert (done.exit_code, done.stdout) == (4, "")
        assert "answers with status 40" in done.stderr


@pytest.fixture
def impostor() -> Iterator[str]:
    """Something that answers everything with the same bytes."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def test_what_is_no_log_is_said(impostor: str, home: Path, auditor: Path, command: Any) -> None:
    """A page in the place of a checkpoint, no server at all, and an address that is none."""
    code, found = said(command("verify", impostor, "--home", str(auditor), "--json"))
    assert (code, found["problems"]) == (1, ["checkpoint: no signature lines"])
    code, found = said(command("verify", "--home", str(home), "--against", impostor, "--json"))
    assert (code, found["problems"], found["against"]) == (1, ["against: no signature lines"], None)
    done = command("verify", "http://127.0.0.1:1", "--home", str(auditor))
    assert (done.exit_code, "cannot be reached" in done.stderr) == (4, True)
    assert command("verify", "http://", "--home", str(auditor)).exit_code == 2
