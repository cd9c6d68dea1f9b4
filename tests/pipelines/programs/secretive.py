"""Steps that handle secrets as careless code does. `KINDS` names each secret; its value is in the environment variable PLANTED."""

import argparse
import base64
import dataclasses
import json
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import urllib.parse
import warnings
from pathlib import Path

import joblib
import pandas as pd
import psycopg
import pydantic
import sqlalchemy

import orchestrail
from orchestrail_script import audited

S = json.loads(Path("planted.json").read_text())  # kind -> value


@dataclasses.dataclass
class Login:
    user: str
    password: str


class Settings(pydantic.BaseModel):
    key: pydantic.SecretStr


class Opaque:
    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return f"Opaque({self.secret})"


@audited
def takes(url, password, options, login, settings, opaque, headers, argv, dsn, **more):
    """Take parameters."""


def documented():
    raise RuntimeError


documented.__doc__ = f"Connects with password={S['docstring']}"
documented = audited(documented)


@audited
def fails(text):
    raise RuntimeError(Path("messages", text).read_text())


@audited
def fails_with(kind):
    error = ValueError("bad")
    if kind == "note":
        error.add_note(f"token={S['exception note']}")
    if kind == "group":
        error = ExceptionGroup("several", [ValueError(f"secret: {S['exception in a group']}")])
    if kind == "cause":
        raise error from RuntimeError(f"login failed, password={S['exception cause']}")
    if kind == "context":
        try:
            raise KeyError(f"api_key={S['exception context']}")
        except KeyError:
            raise error  # noqa: B904
    if kind == "argument":
        raise ValueError("no such user", {"password": S["exception argument"]})
    raise error


@audited
def databases():
    base = sqlite3.connect("base.db")
    base.execute("create table if not exists users (name text unique)")
    base.execute(f"insert into users values ('{S['SQL literal']}')")
    base.execute("insert into users values (?)", (S["SQL parameter"],))
    base.execute(f"select * from users -- {S['SQL comment']}").fetchall()
    base.commit()
    engine = sqlalchemy.create_engine("sqlite:///base.db")
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text("insert into users values (:name)"), {"name": S["parameter in an error of SQLAlchemy"]}
        )
        connection.execute(
            sqlalchemy.text("insert into users values (:name)"), {"name": S["parameter in an error of SQLAlchemy"]}
        )


@audited
def statement():
    engine = sqlalchemy.create_engine("sqlite:///base.db")
    with engine.begin() as connection:
        connection.execute(
            sqlalchemy.text(f"select * from nowhere where x = '{S['literal in an error of SQLAlchemy']}'")
        )


@audited
def connects():
    address = f"postgresql+psycopg://me:{S['address of an engine']}@127.0.0.1:9/x?connect_timeout=1"
    try:
        sqlalchemy.create_engine(address).connect()
    except sqlalchemy.exc.OperationalError as error:
        raise RuntimeError(f"cannot connect to {address}") from error


@audited
def conninfo():
    text = f"host=127.0.0.1 port=9 user=me password={S['conninfo of psycopg']} connect_timeout=1"
    try:
        psycopg.connect(text)
    except psycopg.OperationalError as error:
        raise RuntimeError(f"no connection by {text!r}") from error


@audited
def writes():
    Path(f"dump-token={S['file name']}.csv").write_text("a\n")
    Path(f"ghp_{S['token as a file name']}x.txt").write_text("a\n")
    Path("secret.txt").write_text(S["content of a file"])
    joblib.dump({"password": S["content of joblib"]}, "made.joblib")
    Path("made.pkl").write_bytes(pickle.dumps(S["content of pickle"]))
    pd.DataFrame({"name": [S["cell of a frame"]]}).to_parquet("frame.parquet")
    pd.DataFrame({f"token={S['name of a column']}": [1]}).to_parquet("column.parquet")
    try:
        pd.read_parquet(f"http://127.0.0.1:9/a.parquet?X-Amz-Signature={S['presigned address']}&X-Amz-Expires=9")
    except Exception:
        logging.getLogger("secretive").warning("log password=%s", S["log line"])
    warnings.warn(f"warned of password={S['warning']}", stacklevel=1)
    command = [sys.executable, "-c", "pass", "--password", S["argument of a program"]]
    subprocess.run(command, check=True, env={**os.environ, "CHILD_PASSWORD": S["environment of a program"]})
    os.system(f"true --password {S['line of a shell']}")


@audited
def states():
    orchestrail.record_input(f"https://me:{S['address of a data set']}@host/data?sig={S['query of a data set']}&x=1")
    orchestrail.record_output(f"s3://bucket/a/b.csv?X-Amz-Security-Token={S['session token of a data set']}")
    orchestrail.record_metric(f"auc token={S['name of a metric']}", 0.5)
    orchestrail.record_check(f"check password={S['name of a check']}", True, actual=f"api_key={S['value of a check']}")
    orchestrail.record_check("nested", True, expected={"password": S["nested value of a check"]}, actual=1)


@audited
def dotenv():
    for line in Path(".env").read_text().splitlines():
        name, _, value = line.partition("=")
        os.environ[name] = value
    raise RuntimeError(f"cannot log in with {os.environ['LATER_PASSWORD']}")


@audited
def environment():
    raise RuntimeError(f"no {os.environ['PLANTED_TOKEN']} and no {os.environ['ORCHESTRAIL_TOKEN']}")


@audited
def main(arguments):
    takes(
        f"postgres://me:{S['password in a URL']}@host/db?token={S['token in a query']}",
        S["parameter by its name"],
        {"inner": [{"secret": S["nested parameter"], "x": 1}], f"token={S['key of a parameter']}": 1},
        Login("me", S["dataclass"]),
        Settings(key=S["SecretStr"]),
        Opaque(S["repr of an object"]),
        {"Authorization": f"Bearer {S['header']}", "Cookie": f"a=b; sid={S['cookie header']}"},
        ["--user", "me", "--password", S["list of arguments"]],
        f"Server=db;User Id=me;Pwd={S['connection string']};",
        api_key=S["keyword"].encode(),
        connection=urllib.parse.quote_plus(f"postgres://me:{S['address within an address']}@host"),
        basic="Basic " + base64.b64encode(f"me:{S['basic authorization']}".encode()).decode(),
    )
    steps = [documented, databases, databases, statement, connects, conninfo, writes, states, dotenv, environment]
    steps += [lambda kind=kind: fails_with(kind) for kind in ("note", "group", "cause", "context", "argument")]
    steps += [lambda file=file: fails(file.name) for file in sorted(Path("messages").iterdir())]
    for step in steps:
        try:
            step()
        except Exception:  # as retries do
            logging.getLogger("secretive").debug("again")


parser = argparse.ArgumentParser()
parser.add_argument("--password")
main(vars(parser.parse_args()))
print("done")
