"""What persons type to state something, at a real terminal, and what is refused from whom."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

TEXT = "Collected by the branches in 2025 from loan forms; nobody under 18 is in it."


class Terminal:
    """A person at a terminal: types what is asked for, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")}

    def __call__(self, *arguments: str, typed: str = "", passphrase: str = "", **variables: str) -> tuple[int, str]:
        """Give exit code and all that stood on the terminal."""
        ours, theirs = pty.openpty()
        command = [str(Path(sys.executable).with_name("orchestrail")), *arguments]
        process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=self.folder, start_new_session=True,
            env=self.environment | variables,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        until = time.monotonic() + 180
        while time.monotonic() < until:
            ended = process.poll() is not None  # asked first: what it said before its end is there then
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    shown += os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
                if passphrase and b"Passphrase" in shown:  # what is typed before it is asked for is thrown away
                    os.write(ours, f"{passphrase}\n".encode())
                    passphrase = ""
            elif ended:
                break
        os.close(ours)
        return process.wait(60), shown.decode().replace("\r\n", "\n")


@pytest.fixture
def terminal(story):
    return Terminal(story)


@pytest.fixture
def keys(tmp_path):
    """Keys of two persons, as ssh-keygen makes them, and a settings file that names them."""
    for name, word in (("dana", ""), ("rob", "open sesame")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", word, "-C", f"{name}@laptop", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    lines = {name: (tmp_path / f"{name}.pub").read_text().strip() for name in ("dana", "rob")}
    (tmp_path / "orchestrail.toml").write_text(
        f'[persons.dana]\nroles = ["data_steward"]\nkeys = ["{lines["dana"]}"]\n'
        f'[persons.rob]\nroles = ["risk_owner"]\nkeys = ["{lines["rob"]}"]\nuntil = 2999-12-31\n'
    )
    return tmp_path


def stating(*more: str, about="DATA-02", subject="raw.csv", role="data_steward", by="dana"):
    return ["attest", "statement", "--about", about, "--subject", subject, "--role", role, "--by", by, *more]


def test_a_person_states_something_at_a_terminal(terminal, answer):
    """In his own words, about a file by its content; the name that is typed makes it his."""
    code, shown = terminal(*stating("--field", "origin=loan forms"), typed=f"{TEXT}\n.\ndana\n")
    assert code == 0, shown
    assert "valid" in shown
    (one,) = answer("attest", "list")["statements"]
    assert (one["statement"], one["fields"], one["state"], one["signature"]) == (
        TEXT,
        {"origin": "loan forms"},
        "valid",
        "unsigned",
    )
    assert one["subject"]["on_record"]
    assert one["subject"]["name"].endswith("data/raw.csv")
    year = datetime.fromisoformat(one["made_at"]).year + 1
    assert one["valid_until"].startswith(str(year))


def test_another_name_states_nothing(terminal, answer):
    """Nor does an empty line, so that nobody signs by one key."""
    for typed in ("dan\n", "\n", "y\n"):
        code, shown = terminal(*stating(), typed=f"{TEXT}\n.\n{typed}")
        assert code == 2
        assert "Nothing was stated." in shown
    assert answer("attest", "list")["statements"] == []


def test_a_statement_is_signed_with_a_key_of_ssh(terminal, keys, answer):
    """The persons are recorded first; a passphrase is asked for at the terminal; what is in no file is in no stored byte."""
    settings = {"ORCHESTRAIL_SETTINGS": str(keys / "orchestrail.toml")}
    assert terminal("attest", "persons", "--record", **settings)[0] == 0
    (keys / "text.md").write_text(TEXT)
    text = ["--statement-file", str(keys / "text.md")]
    code, shown = terminal(*stating(*text, "--sign", str(keys / "dana")), typed="dana\n")
    assert code == 0, shown
    command = stating(*text, "--sign", str(keys / "rob"), about="DATA-03", role="risk_owner", by="rob")
    code, shown = terminal(*command, typed="rob\n", passphrase="open sesame")
    assert code == 0, shown
    found = answer("attest", "list")["statements"]
    assert [(one["by"], one["signed_by"], one["signature"]) for one in found] == [
        ("dana", "dana", "signed"),
        ("rob", "rob", "signed"),
    ]
    home = Path(os.environ["ORCHESTRAIL_HOME"])
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    body = (keys / "dana").read_text().splitlines()[2].encode()
    assert body not in stored
    assert b"open sesame" not in stored
    assert b"laptop" not in stored


def test_a_wrong_passphrase_states_nothing(terminal, keys, answer):
    """It is told so, and nothing is on the record."""
    (keys / "text.md").write_text(TEXT)
    command = stating("--statement-file", str(keys / "text.md"), "--sign", str(keys / "rob"), by="rob")
    code, shown = terminal(*command, typed="rob\n", passphrase="wrong")
    assert (code, "passphrase" in shown) == (2, True)
    assert answer("attest", "list")["statements"] == []


def test_the_envelope_shows_what_was_signed(terminal, keys, run, answer):
    """Any tool for DSSE can verify it."""
    (keys / "text.md").write_text(TEXT)
    terminal(*stating("--statement-file", str(keys / "text.md"), "--sign", str(keys / "dana")), typed="dana\n")
    (one,) = answer("attest", "list")["statements"]
    found = json.loads(run("attest", "show", one["id"], "--envelope").stdout)
    assert found["payloadType"] == "application/vnd.in-toto+json"
    assert len(found["signatures"]) == 1


def test_a_signed_file_is_put_on_the_record_without_a_terminal(terminal, keys, run, answer, monkeypatch):
    """Once, however often; the key of a recorded person is what counts, and the record takes nothing else."""
    settings = {"ORCHESTRAIL_SETTINGS": str(keys / "orchestrail.toml")}
    (keys / "text.md").write_text(TEXT)
    out = keys / "datasheet.json"
    command = stating("--statement-file", str(keys / "text.md"), "--sign", str(keys / "dana"), "--out", str(out))
    assert terminal(*command, typed="dana\n")[0] == 0
    assert answer("attest", "list")["statements"] == []
    monkeypatch.setenv("CI", "true")
    assert "none of the recorded persons" in run("attest", "file", str(out)).stderr
    assert terminal("attest", "persons", "--record", **settings)[0] == 0
    assert [one["known"] for one in answer("attest", "file", str(out))["files"]] == [False]
    assert [one["known"] for one in answer("attest", "file", str(out))["files"]] == [True]
    assert [one["signature"] for one in answer("attest", "list")["statements"]] == ["signed"]
    changed = json.loads(out.read_text())
    changed["signatures"][0]["sig"] = "A" * 86 + "=="
    out.write_text(json.dumps(changed))
    result = run("attest", "file", str(out))
    assert (result.exit_code, "is none over this content" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("variables", "why"),
    [({"CI": "true"}, "CI is set"), ({"AIRFLOW_CTX_DAG_ID": "train"}, "AIRFLOW_CTX_DAG_ID is set")],
)
def test_a_build_server_states_nothing(terminal, answer, variables, why):
    """Though it has a terminal."""
    code, shown = terminal(*stating(), typed=f"{TEXT}\n.\ndana\n", **variables)
    assert (code, why in shown) == (2, True), shown
    assert answer("attest", "list")["statements"] == []


def test_nobody_states_anything_without_a_terminal(run, story, monkeypatch):
    """A script has none."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(story)
    for command in (stating(), ["attest", "withdraw", "abc", "--reason", "It was not so at all.", "--by", "dana"]):
        result = run(*command)
        assert (result.exit_code, "no terminal" in result.stderr) == (2, True)


@pytest.mark.parametrize("name", ["build-bot", "svc_train", "github-actions[bot]", "Jenkins"])
def test_the_name_of_a_machine_is_refused(terminal, name):
    """By a word in it."""
    code, shown = terminal(*stating(by=name), typed=f"{TEXT}\n.\n{name}\n")
    assert (code, "automated account" in shown) == (2, True), shown


@pytest.mark.parametrize(
    ("more", "typed", "why"),
    [
        ([], ".\n", "missing, empty"),
        ([], "fine\n.\n", "fewer than"),
        ([], "The origin is <origin> and nothing else.\n.\n", "template"),
        ([], "The data lies behind the password=hunter2secret there.\n.\n", "secret"),
        (["--field", "token=abcdef1234567890"], f"{TEXT}\n.\n", "secret"),
        (["--about", "DATA-99"], f"{TEXT}\n.\n", "no such requirement"),
        (["--about", "DOC-04"], f"{TEXT}\n.\n", "DOC-04 takes test_responsible"),
        (["--field", "origin"], f"{TEXT}\n.\n", "NAME=VALUE"),
        (["--valid-until", "2020-01-01"], f"{TEXT}\n.\n", "The last day"),
        (["--evidence", "nowhere.pdf"], f"{TEXT}\n.\n", "nowhere.pdf"),
        (["--supersedes", "ffff"], f"{TEXT}\n.\n", "No statement ffff"),
        (["--statement-file", "nowhere.md"], "", "nowhere.md"),
        (["--sign", "nowhere"], f"{TEXT}\n.\ndana\n", "nowhere"),
        (["--out", "x.json"], "", "--sign"),
    ],
)
def test_what_cannot_be_stated_is_told(terminal, answer, more, typed, why):
    """What is wrong with it; and nothing is on the record."""
    code, shown = terminal(*stating(*more), typed=typed)
    assert code in (1, 2)
    assert why in shown
    assert answer("attest", "list")["statements"] == []


@pytest.mark.parametrize(
    ("subject", "kind", "on_record"),
    [
        ("model.joblib", "model", True),
        ("sha256:" + "ab" * 32, "file", False),
        ("scoring@3", "system", True),
        ("notes.txt", "file", False),
        ("00000000a001", "run", True),
    ],
)
def test_a_subject_is_anything_that_has_a_digest(terminal, answer, story, subject, kind, on_record):
    """A model, a bare digest, a version of a system, a file that no run knows, a run that has ended."""
    (story / "notes.txt").write_text("notes")
    code, shown = terminal(*stating(subject=subject), typed=f"{TEXT}\n.\ndana\n")
    assert code == 0, shown
    (one,) = answer("attest", "list")["statements"]
    assert (one["subject"]["kind"], one["subject"]["on_record"], one["state"]) == (kind, on_record, "valid")


def test_a_waiver_ends(terminal, answer):
    """After half a year at the latest."""
    waiving = [
        "attest",
        "waiver",
        "--about",
        "PREP-02",
        "--subject",
        "model.joblib",
        "--role",
        "risk_owner",
        "--by",
        "rob",
    ]
    reason = ["--reason", "The new code was compared by hand."]
    while (now := datetime.now(UTC)).hour == 23 and now.minute > 54:  # the day must not end amid what follows
        time.sleep(1)
    today = now.date()
    code, shown = terminal(*waiving, *reason, "--until", (today + timedelta(days=181)).isoformat(), typed="rob\n")
    assert (code, "180 days" in shown) == (2, True)
    assert terminal(*waiving, *reason, "--until", (today + timedelta(days=30)).isoformat(), typed="rob\n")[0] == 0
    (one,) = answer("attest", "list", "--about", "PREP-02")["statements"]
    assert (one["kind"], one["state"]) == ("waiver", "valid")
    later = answer("attest", "show", one["id"][7:19], "--date", (today + timedelta(days=31)).isoformat())
    assert later["state"] == "expired"


def test_a_statement_is_superseded_and_withdrawn(terminal, answer):
    """All of it stays on the record."""
    terminal(*stating(), typed=f"{TEXT}\n.\ndana\n")
    first = answer("attest", "list")["statements"][0]["id"]
    assert terminal(*stating("--supersedes", first[7:17]), typed=f"{TEXT} So it was.\n.\ndana\n")[0] == 0
    second = answer("attest", "list")["statements"][1]["id"]
    reason = ["--reason", "The forms were of 2023.", "--by", "dana"]
    assert terminal("attest", "withdraw", second[7:19], *reason, typed="dana\n")[0] == 0
    found = answer("attest", "list")["statements"]
    assert [one["state"] for one in found] == ["superseded", "withdrawn", "valid"]
    assert found[1]["why"] == "The forms were of 2023."


def test_what_is_on_the_record_can_be_read_by_people(terminal, run, keys):
    """The list, one statement whole, the persons."""
    (keys / "text.md").write_text(TEXT)
    terminal(*stating("--statement-file", str(keys / "text.md"), "--sign", str(keys / "dana")), typed="dana\n")
    listed = run("attest", "list").stdout
    assert "valid" in listed
    assert "unknown key" in listed
    shown = run("attest", "show", listed.split()[0]).stdout
    assert TEXT in shown
    assert "not verified by the software" in shown
    assert "no signature counts" in run("attest", "persons").stdout
