"""A program that works with a store, recorded as a user would: what the commands show of it, and what no stored byte holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "adapters" / "script" / "src"
PROGRAM = """
import sys, boto3, fsspec, urllib.request
from orchestrail_script import audited

@audited
def copies(store):
    s3 = boto3.client("s3", endpoint_url=store)
    s3.put_object(Bucket="kept", Key="made.csv", Body=b"a,b\\n", Metadata={"password": "planted-metadata"})
    s3.get_object(Bucket="plain", Key="given.csv", ExpectedBucketOwner="123456789012")["Body"].read()
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "plain", "Key": "signed.csv"})
    fsspec.open(address).open().read()
    fsspec.open(address.replace("://", "://planted-user:planted-password@")).open().read()

@audited
def reads(store):
    boto3.client("s3", endpoint_url=store).get_object(Bucket="kept", Key="made.csv")["Body"].read()

copies(sys.argv[1])
reads(sys.argv[1])
"""


def command(*arguments: str, env: dict[str, str]) -> str:
    run = [str(Path(sys.executable).parent / "orchestrail"), *arguments]
    done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def environment(tmp_path, keys):
    """What the program and the commands are run with."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ORCHESTRAIL_"))}
    return kept | {
        "ORCHESTRAIL_HOME": str(tmp_path / "record"),
        "PYTHONPATH": str(SCRIPT),
        "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": keys["region_name"],
    }


def test_versions_are_shown_and_lead_from_reader_to_writer(s3, store, tmp_path, environment, keys):
    """By the version id, as `show` and `trace` say; no key, signature or name of a user is in any stored byte."""
    for key in ("given.csv", "signed.csv"):
        s3.put_object(Bucket="plain", Key=key, Body=b"1")
    (tmp_path / "program.py").write_text(PROGRAM)
    subprocess.run([sys.executable, "program.py", store], cwd=tmp_path, env=environment, check=True, timeout=120)
    (version,) = [one["VersionId"] for one in s3.list_object_versions(Bucket="kept")["Versions"]]
    etag = s3.head_object(Bucket="plain", Key="given.csv")["ETag"].strip('"')

    runs = {
        run["job"]["name"].rpartition(".")[2]: run
        for run in json.loads(command("runs", "--json", env=environment))["runs"]
    }
    shown = json.loads(command("show", runs["copies"]["run_id"], "--json", env=environment))["root"]
    read = {(one["namespace"], one["name"]): (one["version"], one["weak"]) for one in shown["inputs"]}
    assert read["s3://plain", "given.csv"][0] == f"etag:{etag}"
    assert "ETag" in read["s3://plain", "given.csv"][1]
    assert read[store, "plain/signed.csv"] == (None, "the store told no version")
    assert [(one["name"], one["version"], one["bytes"]) for one in shown["outputs"]] == [("made.csv", version, 4)]
    assert version[:12] in command("show", runs["copies"]["run_id"], env=environment)

    traced = json.loads(command("trace", runs["reads"]["run_id"], "--json", env=environment))
    assert [edge["proof"] for edge in traced["edges"] if edge["kind"] == "wrote"] == ["version"]
    assert "proved by version" in command("trace", runs["reads"]["run_id"], env=environment)

    stored = b"".join(path.read_bytes() for path in (tmp_path / "record").rglob("*") if path.is_file())
    assert b"made.csv" in stored
    for secret in ("planted", "Signature", "AKIA", keys["aws_secret_access_key"], "123456789012"):
        assert secret.encode() not in stored, secret


REGISTERED = """
import sys, mlflow, numpy as np
from orchestrail_script import audited
from sklearn.linear_model import LinearRegression

mlflow.set_tracking_uri("sqlite:///mlflow.db")

@audited
def train():
    with mlflow.start_run():
        model = LinearRegression().fit(np.array([[0.0], [1.0]]), np.array([0.0, 1.0]))
        mlflow.sklearn.log_model(model, name="model", registered_model_name="credit")

@audited
def score(address):
    mlflow.sklearn.load_model(address)

train() if len(sys.argv) == 1 else score(sys.argv[1])
"""


def test_a_model_that_is_loaded_from_a_registry_leads_to_its_training(tmp_path, environment):
    """By the digest of its folder, to which MLflow adds a file of its own at the load, and each time it is loaded."""
    (tmp_path / "program.py").write_text(REGISTERED)
    program = [sys.executable, "program.py"]
    subprocess.run(program, cwd=tmp_path, env=environment, check=True, timeout=300)
    subprocess.run([*program, "models:/credit/1"], cwd=tmp_path, env=environment, check=True, timeout=300)
    subprocess.run([*program, "models:/credit/1"], cwd=tmp_path, env=environment, check=True, timeout=300)
    assert list(tmp_path.rglob("registered_model_meta"))
    runs = json.loads(command("runs", "--json", env=environment))["runs"]
    *scored, trained = [run["run_id"] for run in runs]
    assert [run["not_captured"] for run in runs] == [[], [], []]
    for run_id in scored:
        traced = json.loads(command("trace", run_id, "--json", env=environment))
        assert [edge["proof"] for edge in traced["edges"] if edge["kind"] == "wrote"] == ["digest"]
        assert {run["run_id"] for run in traced["runs"]} == {run_id, trained}
        assert traced["unproven"] == []
