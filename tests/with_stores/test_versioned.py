"""Data that has versions of its own: Hugging Face data sets and the hub, Delta Lake, lakeFS."""

from __future__ import annotations

import hashlib
from pathlib import Path

import datasets
import deltalake
import huggingface_hub
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_wine

from orchestrail.capture import files
from orchestrail.capture.observers import hub, paths

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})


@pytest.fixture
def source(tmp_path):
    file = tmp_path / "wine.csv"
    load_wine(as_frame=True).frame.to_csv(file, index=False)
    return file


def test_a_data_set_is_the_files_that_it_was_loaded_from(source, tmp_path, observed):
    """The first time and when it comes from the library's cache, which is no data itself."""
    digest = f"sha256:{hashlib.sha256(source.read_bytes()).hexdigest()}"
    for _ in range(2):
        with observed() as seen:
            loaded = datasets.load_dataset(
                "csv", data_files=str(source), split="train", cache_dir=str(tmp_path / "cache")
            )
            loaded.map(lambda row: {"twice": row["alcohol"] * 2})
        (one,) = seen.inputs
        assert (one.name, one.digest, one.rows, one.format, one.weak) == (str(source), digest, 178, "csv", None)
        assert one.fields[0] == ("alcohol", "float64")
        assert not seen.outputs
        assert not seen.missing


def test_a_data_set_on_disk_has_its_fingerprint_beside_its_digest(tmp_path, observed):
    """What is loaded is what was saved."""
    made = datasets.Dataset.from_pandas(FRAME)
    with observed() as saved:
        made.save_to_disk(str(tmp_path / "kept"))
    with observed() as loaded:
        datasets.load_from_disk(str(tmp_path / "kept"))
    (out,), (read,) = saved.outputs, loaded.inputs
    for one in (out, read):
        assert (one.name, one.type, one.rows, one.weak) == (str(tmp_path / "kept"), "DIRECTORY", 3, None)
        assert one.version == f"fingerprint:{made._fingerprint}"
        assert [name for name, _ in one.fields] == ["a", "b"]
    assert out.digest == read.digest is not None


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the hub as the library lays it out, with a model and a data set."""
    for kind, name, file in (("models", "acme--tiny", "model.safetensors"), ("datasets", "acme--rows", "rows.csv")):
        repository = tmp_path / "hub" / f"{kind}--{name}"
        blob = repository / "blobs" / "00ff"
        blob.parent.mkdir(parents=True)
        if file.endswith(".csv"):
            blob.write_text("a\n1\n")
        else:
            save_file({"w": FRAME[["a"]].to_numpy()}, blob)
        snapshot = repository / "snapshots" / COMMIT
        snapshot.mkdir(parents=True)
        (snapshot / file).symlink_to(Path("..", "..", "blobs", "00ff"))
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(COMMIT)
    return tmp_path / "hub"


def test_a_snapshot_stands_for_its_repository_at_a_commit(cache, observed):
    """By whatever reads the file, in Rust too; the files of the cache are not named."""
    with observed() as seen:
        path = huggingface_hub.hf_hub_download("acme/tiny", "model.safetensors", cache_dir=cache, local_files_only=True)
        load_file(path)
        folder = huggingface_hub.snapshot_download(
            "acme/rows", repo_type="dataset", cache_dir=cache, local_files_only=True
        )
        pd.read_csv(Path(folder, "rows.csv"))
        pl.read_csv(Path(folder, "rows.csv"))
    assert [(one.namespace, one.name, one.version, one.kind, one.weak) for one in seen.inputs] == [
        ("hf://models", "acme/tiny", COMMIT, "model", None),
        ("hf://datasets", "acme/rows", COMMIT, "data", None),
    ]
    assert not seen.outputs


@pytest.mark.parametrize(
    ("address", "place", "version", "weak"),
    [
        (f"hf://datasets/acme/rows@{COMMIT}/data/x.parquet", "hf://datasets/acme/rows", COMMIT, None),
        ("hf://datasets/acme/rows@main/x.csv", "hf://datasets/acme/rows", "main", hub.MOVES),
        ("hf://acme/tiny/config.json", "hf://models/acme/tiny", None, hub.UNTOLD),
        ("lakefs://repo/main/a/b.csv", "lakefs://repo/a/b.csv", "main", hub.MOVES),
        (f"lakefs://repo/{'ab' * 32}/a/b.csv", "lakefs://repo/a/b.csv", "ab" * 32, None),
        ("lakefs://repo", "lakefs://repo//", None, "the store told no version"),
    ],
)
def test_addresses_that_tell_a_version(address, place, version, weak):
    """A commit pins what is read; what may move on is weak."""
    found = paths.remote(address, "at_read")
    assert (f"{found.namespace}/{found.name}", found.version, found.weak) == (place, version, weak)


def test_delta_tables_have_their_version(tmp_path, observed):
    """What is written, changed and read, in Rust or by Arrow; the table once, and none of its files."""
    place = str(tmp_path / "table")
    with observed() as seen:
        deltalake.write_deltalake(place, FRAME)
    (one,) = seen.outputs
    assert (one.namespace, one.name, one.version, one.type, one.format) == ("file", place, "0", "TABLE", "delta")
    assert (one.digest, one.weak) == (None, None)
    assert not seen.inputs
    with observed() as seen:
        deltalake.write_deltalake(place, FRAME, mode="append")
        deltalake.write_deltalake(place, FRAME, mode="ignore")
    assert [one.version for one in seen.outputs] == ["1"]
    with observed() as seen:
        deltalake.DeltaTable(place).delete("a = 1")
    assert [one.version for one in seen.outputs] == ["2"]
    with observed() as seen:
        table = deltalake.DeltaTable(place)
        table.merge(
            pa.Table.from_pandas(FRAME), "s.a = t.a", source_alias="s", target_alias="t"
        ).when_matched_update_all().execute()
    assert [one.version for one in seen.outputs] == ["3"]
    with observed() as seen:
        assert len(deltalake.DeltaTable(place, version=0).to_pandas()) == 3
    (one,) = seen.inputs
    assert (one.name, one.version, one.weak) == (place, "0", None)
    assert one.fields == (("a", "long"), ("b", "string"))
    assert not seen.outputs
    with observed() as seen:
        assert pl.read_delta(place, version=1).height == 6
    assert [(one.name, one.version) for one in seen.inputs] == [(place, "1")]


def test_delta_tables_at_an_address(s3, store, keys, observed):
    """Named by OpenLineage's rules, without keys; the version is the table's."""
    options = {
        "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
        "AWS_REGION": keys["region_name"],
        "AWS_ENDPOINT_URL": store,
        "AWS_ALLOW_HTTP": "true",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
    }
    with observed() as wrote:
        deltalake.write_deltalake("s3://plain/tables/t", FRAME, storage_options=options)
    with observed() as read:
        deltalake.DeltaTable("s3://plain/tables/t", storage_options=options).to_pandas()
    for (one,) in (wrote.outputs, read.inputs):
        assert (one.namespace, one.name, one.version, one.weak) == ("s3://plain", "tables/t", "0", None)


def test_the_cache_of_a_library_is_left_out_for_good(tmp_path, monkeypatch):
    """Whichever step reads of it."""
    monkeypatch.setattr(files, "_caches", [])
    files.leave_out(str(tmp_path / "cache"))
    capture = files.FileCapture()
    assert capture.leaves_out(tmp_path / "cache" / "x.arrow")
    assert not capture.leaves_out(tmp_path / "x.arrow")
    files._left_out.cache_clear()


def test_a_table_that_is_read_back_is_no_input(tmp_path, observed):
    """What a run reads of its own output; what was there before is."""
    place = str(tmp_path / "table")
    deltalake.write_deltalake(place, FRAME)
    with observed() as seen:
        deltalake.write_deltalake(place, FRAME, mode="overwrite")
        deltalake.DeltaTable(place).to_pandas()
    assert not seen.inputs
    assert [one.version for one in seen.outputs] == ["1"]
    with observed() as seen:
        deltalake.DeltaTable(place).to_pandas()
        deltalake.write_deltalake(place, FRAME, mode="append")
    assert [one.version for one in seen.inputs] == ["1"]
    assert [one.version for one in seen.outputs] == ["2"]
