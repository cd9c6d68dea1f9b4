"""Secrets of many kinds, planted where careless code has them, in one audited run: none is in any stored byte."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from orchestrail.redaction import redact_text

HERE = Path(__file__).parent
SCRIPT = HERE.parents[1] / "adapters" / "script" / "src"
PLACES = (
    "address of a data set", "address of an engine", "address within an address", "argument of a program",
    "basic authorization", "cell of a frame", "command line", "conninfo of psycopg", "connection string",
    "content of a file", "content of joblib", "content of pickle", "cookie header", "dataclass", "docstring",
    "environment variable", "environment of a program", "exception argument", "exception cause", "exception context",
    "exception in a group", "exception note", "file name", "header", "installed from", "key of a parameter", "keyword",
    "line of a shell", "list of arguments", "literal in an error of SQLAlchemy", "log line", "name of a check",
    "name of a column", "name of a metric", "nested parameter", "nested value of a check", "parameter by its name",
    "parameter in an error of SQLAlchemy", "password in a URL", "presigned address", "query of a data set",
    "remote of the repository", "repr of an object", "SecretStr", "session token of a data set", "SQL comment",
    "SQL literal", "SQL parameter", "the server's own token", "token as a file name", "token in a query",
    "value of a check", "value of dotenv", "warning",
)  # fmt: skip
MESSAGES = {
    "AWS key id": "denied for AKIA{upper}",
    "AWS secret key": "aws_secret_access_key = {0}",
    "Azure SAS": "https://a.blob.core.windows.net/c?sv=2024&sig={0}%3D&se=9",
    "Azure account key": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={0};",
    "GitHub token": "remote said ghp_{0}",
    "GitLab token": "glpat-{0}",
    "Google key": "AIzaSy{0}",
    "Hugging Face token": "hf_{0}",
    "JSON with a key": '{{"type": "service_account", "private_key_id": "x", "private_key": "{0}"}}',
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{0}.c2ln",
    "PEM": "-----BEGIN PRIVATE KEY-----\n{0}\n-----END PRIVATE KEY-----",
    "PostgreSQL detail": 'duplicate key value violates "u"\nDETAIL:  Key (name)=({0}) already exists.',
    "PostgreSQL line": "syntax error at or near\nLINE 1: select '{0}' form x\n                  ^",
    "Slack hook": "POST https://hooks.slack.com/services/T0AB12/B0CD34/{0}",
    "Slack token": "xoxb-123456-{0}",
    "Stripe key": "sk_live_{0}",
    "assignment": "PASSWORD='{0}' is wrong",
    "bearer": "curl -H 'Authorization: Bearer {0}'",
    "command line option": "mysql --user=me --password={0} -h db",
    "cookies": "Cookie: lang=en; sessionid={0}; theme=dark",
    "encoded password": "amqp://me:{quoted}@host/%2F",
    "npm token": "npm_{0}",
    "sentence": "the password is {0}",
    "set cookie": "Set-Cookie: sid={0}; HttpOnly",
    "two lines": "password:\n  {0}",
    "user in a URL": "git clone https://{0}@host/repo.git",
    "YAML": "db:\n  user: me\n  db_password: {0}",
}


def planted() -> dict[str, str]:
    """Give each kind its value: no word of it tells that it is one."""
    values = {}
    for kind in (*PLACES, *MESSAGES):
        letters = hashlib.sha256(kind.encode()).hexdigest()[:16]
        values[kind] = f"Zq{letters}7Xp"
    values["encoded password"] += "@/+"
    return values


def stored(home: Path) -> bytes:
    """Give every byte below the home, names included, but not its keys."""
    files = [path for path in home.rglob("*") if "keys" not in path.relative_to(home).parts]
    return b"\n".join(
        str(path).encode() + b"\n" + (path.read_bytes() if path.is_file() else b"") for path in sorted(files)
    )


def found_in(data: bytes, values: dict[str, str]) -> list[str]:
    """Name the kinds of secrets that are in data as they are, in capitals, encoded for a URL, or in base64."""
    found = []
    for kind, value in values.items():
        forms = {value, value.upper(), quote(value, safe=""), quote(quote(value, safe=""), safe="")}
        for before in ("", "x", "xx"):
            forms.add(base64.b64encode(f"{before}{value}".encode()).decode().rstrip("=")[4:-3])
        if any(form.encode() in data for form in forms):
            found.append(kind)
    return found


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True)


@pytest.fixture
def project(tmp_path) -> Path:
    """A repository with secrets all over."""
    values, folder = planted(), tmp_path / "project"
    (folder / "messages").mkdir(parents=True)
    for kind, text in MESSAGES.items():
        value = values[kind]
        message = text.format(value, upper=value.upper(), quoted=quote(value, safe=""))
        (folder / "messages" / f"{kind}.txt").write_text(message)
    (folder / "planted.json").write_text(json.dumps(values))
    (folder / ".env").write_text(f"LATER_PASSWORD={values['value of dotenv']}\n")
    installed = folder / "leaky-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    address = f"git+https://me:{values['installed from']}@host/leaky.git"
    (installed / "direct_url.json").write_text(
        json.dumps({"url": address, "vcs_info": {"vcs": "git", "commit_id": "a1"}})
    )
    (folder / "secretive.py").write_bytes((HERE / "programs" / "secretive.py").read_bytes())
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", f"https://me:{values['remote of the repository']}@host/project.git")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "begin")
    return folder


def test_no_planted_secret_is_in_a_stored_byte(tmp_path, project):
    """Neither in the spool nor, once collected, in the store, in notes and caches, nor in what the commands tell."""
    values, home = planted(), tmp_path / "home"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ORCHESTRAIL_", "OPENLINEAGE_"))}
    environment = kept | {
        "PYTHONPATH": f"{SCRIPT}:{project}",
        "ORCHESTRAIL_HOME": str(home),
        "ORCHESTRAIL_TOKEN": values["the server's own token"],
        "PLANTED_TOKEN": values["environment variable"],
    }
    command = [sys.executable, "secretive.py", "--password", values["command line"]]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    spool = stored(home)
    assert spool.count(b'"eventType":"FAIL"') >= len(MESSAGES)
    for name in (b"base.db", b"frame.parquet", b"s3://bucket", b"leaky", b"project.git", b"users"):
        assert name in spool
    assert not found_in(spool, values), found_in(spool, values)

    said = b""
    for arguments in (
        ("runs", "--json"),
        ("doctor", "--json"),
        ("show", "--full", "--json", "main"),
        ("scan", "--json"),
    ):
        command = [Path(sys.executable).with_name("orchestrail"), *arguments, "--home", home]
        told = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False)
        said += told.stdout + told.stderr
        if arguments[0] == "scan":
            assert told.returncode == 0, told.stdout.decode()
    assert not found_in(said + stored(home), values)


def test_the_second_look_finds_what_another_producer_let_through(tmp_path):
    """Each kind of message, stored as it came. Of the same messages as our own redaction leaves them, none is a finding."""
    values, command = planted(), Path(sys.executable).with_name("orchestrail")
    texts = [
        text.format(values[kind], upper=values[kind].upper(), quoted=quote(values[kind], safe=""))
        for kind, text in MESSAGES.items()
    ]
    for home, messages, code in (("let-through", texts, 1), ("taken-out", list(map(redact_text, texts)), 0)):
        (tmp_path / "events.jsonl").write_text(
            "\n".join(json.dumps(failed(number, text)) for number, text in enumerate(messages))
        )
        at = ("--home", str(tmp_path / home))
        subprocess.run([command, "ingest", "events.jsonl", *at], cwd=tmp_path, check=True, capture_output=True)
        told = subprocess.run(
            [command, "scan", "--json", *at], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert told.returncode == code, told.stderr
        found = {place["sequence"] for one in json.loads(told.stdout)["findings"] for place in one["places"]}
        missed = [kind for number, kind in enumerate(MESSAGES) if number not in found]
        assert (missed if code else found) in ([], set()), missed
        assert not found_in(told.stdout.encode(), values)


def failed(number: int, message: str) -> dict[str, object]:
    """An event of another producer: a run that failed, with the text of its error."""
    return {
        "eventType": "FAIL",
        "eventTime": "2026-03-01T12:00:00Z",
        "producer": "https://producer.example",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": f"0192f000-0000-7000-8000-{number:012x}",
            "facets": {"errorMessage": {"message": message, "programmingLanguage": "PYTHON"}},
        },
        "job": {"namespace": "bank", "name": "pay"},
    }
