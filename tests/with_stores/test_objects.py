"""What boto3, s3fs, pandas and pyarrow read and write in a store that speaks S3, as a run's record has it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading

import boto3
import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import s3fs
from aiobotocore.session import get_session
from boto3.s3.transfer import TransferConfig

from orchestrail.capture.observers import objects

SMALL_PARTS = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=4)
LARGE = b"0123456789abcdef" * (11 << 16)  # 11 MB, three parts
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})


def place(one):
    return f"{one.namespace}/{one.name}"


def test_a_versioned_object_is_pinned_by_its_version_id(s3, observed):
    """Put and get alike, with the size; what another run reads is what this one wrote."""
    with observed() as wrote:
        version = s3.put_object(Bucket="kept", Key="a/b.csv", Body=b"a,b\n1,2\n")["VersionId"]
    with observed() as read:
        s3.get_object(Bucket="kept", Key="a/b.csv")["Body"].read()
    for found, at in ((wrote.outputs, "at_write"), (read.inputs, "at_read")):
        (one,) = found
        assert (place(one), one.version, one.digest, one.weak) == ("s3://kept/a/b.csv", version, None, None)
        assert (one.bytes, one.observed, one.type, one.kind) == (8, at, "FILE", "data")
    assert not wrote.inputs
    assert not read.outputs


def test_an_etag_stands_in_for_a_version_and_is_weak(s3, observed):
    """A bucket without versions tells no more."""
    with observed() as seen:
        etag = s3.put_object(Bucket="plain", Key="m.joblib", Body=io.BytesIO(b"model"))["ETag"].strip('"')
    (one,) = seen.outputs
    assert (one.version, one.weak, one.digest) == (f"etag:{etag}", objects.BY_ETAG, None)
    assert (one.bytes, one.kind) == (5, "model")


def test_a_checksum_of_the_content_that_the_store_tells_is_its_digest(s3, observed):
    """As SHA-256 of the whole; of one in parts, which is a checksum of checksums, it is not."""
    body = b"some content"
    with observed() as seen:
        s3.put_object(Bucket="plain", Key="k", Body=body, ChecksumAlgorithm="SHA256")
    assert seen.one("outputs", "k").digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert seen.one("outputs", "k").weak is None
    assert objects.read("s3://b", "k", sha256="MRaTwT1wCRVnuiFDmPCsWSNYbUDCUt/xyfOgNLXgeVw=-3").digest is None


def test_transfers_in_threads_and_parts_belong_to_the_run(s3, observed, tmp_path):
    """`upload_file`, `upload_fileobj`, `download_file`, `download_fileobj`: the object once, with its whole size, and the file."""
    source, target = tmp_path / "large.bin", tmp_path / "back.bin"
    source.write_bytes(LARGE)
    with observed() as up:
        s3.upload_file(str(source), "kept", "large.bin", Config=SMALL_PARTS)
        s3.upload_fileobj(io.BytesIO(b"small"), "kept", "small.bin")
    versions = {one["Key"]: one["VersionId"] for one in s3.list_object_versions(Bucket="kept")["Versions"]}
    assert {one.name: (one.version, one.bytes) for one in up.outputs} == {
        "large.bin": (versions["large.bin"], len(LARGE)),
        "small.bin": (versions["small.bin"], 5),
    }
    assert [one.name for one in up.inputs] == [str(source)]
    with observed() as down:
        s3.download_file("kept", "large.bin", str(target), Config=SMALL_PARTS)
        s3.download_fileobj("kept", "small.bin", io.BytesIO())
    assert {one.name: (one.version, one.bytes) for one in down.inputs} == {
        "large.bin": (versions["large.bin"], len(LARGE)),
        "small.bin": (versions["small.bin"], 5),
    }
    assert [(one.name, one.digest) for one in down.outputs] == [
        (str(target), f"sha256:{hashlib.sha256(LARGE).hexdigest()}")
    ]


def test_a_copy_reads_one_version_and_writes_another(s3, observed):
    """Both are named, from the answer."""
    source = s3.put_object(Bucket="kept", Key="from/ä b.csv", Body=b"1")["VersionId"]
    with observed() as seen:
        given = {"Bucket": "kept", "Key": "from/ä b.csv", "VersionId": source}
        target = s3.copy_object(Bucket="kept", Key="to.csv", CopySource=given)["VersionId"]
    assert [(place(one), one.version) for one in seen.inputs] == [("s3://kept/from/ä b.csv", source)]
    assert [(place(one), one.version) for one in seen.outputs] == [("s3://kept/to.csv", target)]


def test_what_remains_is_what_was_written_last(s3, observed):
    """An object that is written twice, read again and one that is deleted again; a look at an object is no reading."""
    s3.put_object(Bucket="kept", Key="old", Body=b"0")
    with observed() as seen:
        s3.put_object(Bucket="kept", Key="twice", Body=b"1")
        s3.head_object(Bucket="kept", Key="old")
        s3.list_objects_v2(Bucket="kept")
        last = s3.put_object(Bucket="kept", Key="twice", Body=b"22")["VersionId"]
        s3.get_object(Bucket="kept", Key="twice")
        s3.put_object(Bucket="kept", Key="gone", Body=b"3")
        s3.put_object(Bucket="kept", Key="too", Body=b"4")
        s3.delete_object(Bucket="kept", Key="gone")
        s3.delete_objects(Bucket="kept", Delete={"Objects": [{"Key": "too"}]})
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="kept", Key="none")
    assert not seen.inputs
    assert [(one.name, one.version, one.bytes) for one in seen.outputs] == [("twice", last, 2)]


def test_an_object_that_is_read_at_two_versions_is_told(s3, observed):
    """The first is named; that there was another is said."""
    first = s3.put_object(Bucket="kept", Key="k", Body=b"1")["VersionId"]
    second = s3.put_object(Bucket="kept", Key="k", Body=b"22")["VersionId"]
    with observed() as seen:
        for version in (first, second):
            s3.get_object(Bucket="kept", Key="k", VersionId=version)
    assert [one.version for one in seen.inputs] == [first]
    assert [what for what, _ in seen.missing] == ["s3://kept/k"]


@pytest.fixture
def system(s3, store, keys):
    """A file system of s3fs, none of an earlier test."""
    s3fs.S3FileSystem.clear_instance_cache()
    return s3fs.S3FileSystem(
        key=keys["aws_access_key_id"],
        secret=keys["aws_secret_access_key"],
        endpoint_url=store,
        use_listings_cache=False,
    )


def test_s3fs_writes_and_reads(s3, system, observed):
    """Its requests are made in a thread of its own, and belong to the run all the same."""
    with observed() as wrote:
        with system.open("kept/a.bin", "wb") as stream:
            stream.write(b"12345")
        system.pipe_file("plain/b.bin", b"123")
    (version,) = [one["VersionId"] for one in s3.list_object_versions(Bucket="kept")["Versions"]]
    assert (wrote.one("outputs", "a.bin").version, wrote.one("outputs", "a.bin").bytes) == (version, 5)
    assert wrote.one("outputs", "b.bin").version.startswith("etag:")
    assert not wrote.inputs
    with observed() as read:
        with system.open("kept/a.bin") as stream:
            assert stream.read(2) == b"12"
        system.cat_file("plain/b.bin")
    assert (read.one("inputs", "a.bin").version, read.one("inputs", "a.bin").bytes) == (version, 5)
    assert read.one("inputs", "b.bin").version == wrote.one("outputs", "b.bin").version
    assert not read.outputs


def test_pandas_reads_and_writes_addresses(s3, system, observed):
    """CSV and Parquet, with rows and fields where Parquet tells them."""
    options = system.storage_options
    with observed() as wrote:
        FRAME.to_csv("s3://kept/f.csv", index=False, storage_options=options)
        FRAME.to_parquet("s3://kept/f.parquet", storage_options=options)
    versions = {one["Key"]: one["VersionId"] for one in s3.list_object_versions(Bucket="kept")["Versions"]}
    assert {one.name: one.version for one in wrote.outputs} == versions
    made = wrote.one("outputs", "f.parquet")
    assert (made.rows, [name for name, _ in made.fields], made.format) == (3, ["a", "b"], "parquet")
    with observed() as read:
        pd.read_csv("s3://kept/f.csv", storage_options=options)
        pd.read_parquet("s3://kept/f.parquet", storage_options=options)
    assert {one.name: one.version for one in read.inputs} == versions
    assert not read.outputs
    assert not read.missing


def test_arrow_reads_through_fsspec_in_threads_of_its_own(s3, system, observed):
    """Each part of a folder with its version; the folder itself, of which no store tells a version, is not named beside them."""
    table = pa.Table.from_pandas(FRAME)
    with observed() as wrote:
        pq.write_table(table, "kept/one.parquet", filesystem=system)
        ds.write_dataset(table, "kept/parts", format="parquet", partitioning=["b"], filesystem=system)
    versions = {one["Key"]: one["VersionId"] for one in s3.list_object_versions(Bucket="kept")["Versions"]}
    versions = {key: version for key, version in versions.items() if key.endswith(".parquet")}
    assert len(versions) == 4
    assert {one.name: one.version for one in wrote.outputs} == versions
    with observed() as read:
        assert pq.read_table("kept/one.parquet", filesystem=system).num_rows == 3
        assert ds.dataset("kept/parts", format="parquet", filesystem=system).to_table().num_rows == 3
    assert {one.name: one.version for one in read.inputs} == versions
    assert not read.outputs
    assert read.one("inputs", "one.parquet").rows == 3


def test_coroutines_and_threads_do_not_mix(store, s3, keys, observed):
    """Two runs at once on one client of aiobotocore: each has its own objects."""

    async def run(client, name, seen):
        with observed() as one:
            for part in range(5):
                await client.put_object(Bucket="kept", Key=f"{name}{part}", Body=b"x")
                await asyncio.sleep(0)
        seen[name] = sorted(found.name for found in one.outputs)

    async def both():
        seen = {}
        async with get_session().create_client("s3", endpoint_url=store, **keys) as client:
            await asyncio.gather(*(asyncio.create_task(run(client, name, seen)) for name in "ab"))
        return seen

    assert asyncio.run(both()) == {name: [f"{name}{part}" for part in range(5)] for name in "ab"}


def test_memory_and_local_files_are_not_told_twice(observed, tmp_path):
    """fsspec's local files are files, seen by the hook; what is in memory is no data set."""
    with observed() as seen:
        with fsspec.open(f"file://{tmp_path}/x.txt", "w") as stream:
            stream.write("x")
        with fsspec.open("memory://y.txt", "w") as stream:
            stream.write("y")
        fsspec.filesystem("data").cat("data:,planted-content")
    assert [(one.namespace, one.name) for one in seen.outputs] == [("file", str(tmp_path / "x.txt"))]
    assert not seen.inputs


def test_no_run_no_trace(s3, keys, observed):
    """Outside a run, and in a thread that was begun outside, nothing is told and nothing breaks."""
    with observed() as seen:
        pass
    thread = threading.Thread(target=s3.put_object, kwargs={"Bucket": "plain", "Key": "k", "Body": b"x"})
    thread.start()
    thread.join()
    assert not seen.outputs
    assert boto3.client("s3", endpoint_url=s3.meta.endpoint_url, **keys).get_object(Bucket="plain", Key="k")["ETag"]
