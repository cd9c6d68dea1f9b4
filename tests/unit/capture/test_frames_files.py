"""Files that Arrow, polars and pandas open in C++ and Rust, as their observers tell them: named, pinned and described once each."""

# What is tested are these very calls.
# ruff: noqa: PTH104, PTH105, SIM115
from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.fs
import pyarrow.json
import pyarrow.orc
import pyarrow.parquet as pq
import pytest

from orchestrail.capture.digest import digest_folder
from orchestrail.capture.observers import paths
from orchestrail.capture.told import fields_of

MARKER = "ordinary-looking-value"
TABLE = pa.table({"a": [1, 2, 3], "b": [MARKER, "y", MARKER]})
FRAME = TABLE.to_pandas()
POLARS = pl.from_arrow(TABLE)
OLD = 1_600_000_000


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def pinned(datasets) -> None:
    """Each has the digest of what lies there, and no value of a row."""
    for one in datasets:
        path = Path(one.name)
        if path.is_dir():
            assert (one.type, one.digest) == ("DIRECTORY", digest_folder(path).digest)
        else:
            content = path.read_bytes()
            assert (one.type, one.digest, one.bytes) == (
                "FILE",
                f"sha256:{hashlib.sha256(content).hexdigest()}",
                len(content),
            )
        assert one.weak is None
        assert MARKER not in str(one)


# Looked up when called, as a program does that imports its libraries by name.
WAYS = {
    "pandas parquet": ("x.parquet", lambda p: FRAME.to_parquet(p), lambda p: pd.read_parquet(p)),
    "pandas parquet of some columns": (
        "x.parquet",
        lambda p: FRAME.to_parquet(p),
        lambda p: pd.read_parquet(p, columns=["a"]),
    ),
    "pandas parts": ("parts", lambda p: FRAME.to_parquet(p, partition_cols=["b"]), lambda p: pd.read_parquet(p)),
    "pandas feather": ("x.feather", lambda p: FRAME.to_feather(p), lambda p: pd.read_feather(p)),
    "pandas orc": ("x.orc", lambda p: FRAME.to_orc(p), lambda p: pd.read_orc(p)),
    "pandas csv by arrow": ("x.csv", lambda p: FRAME.to_csv(p), lambda p: pd.read_csv(p, engine="pyarrow")),
    "parquet": ("x.parquet", lambda p: pq.write_table(TABLE, p), lambda p: pq.read_table(p)),
    "parquet mapped": ("x.parquet", lambda p: pq.write_table(TABLE, p), lambda p: pq.read_table(p, memory_map=True)),
    "parquet by a handle": (
        "x.parquet",
        lambda p: pq.write_table(TABLE, p, filesystem=pyarrow.fs.LocalFileSystem()),
        lambda p: pq.ParquetFile(p).read(),
    ),
    "parquet file address": (
        "x.parquet",
        lambda p: pq.write_table(TABLE, Path(p).absolute().as_uri()),
        lambda p: pq.read_table(Path(p).absolute().as_uri()),
    ),
    "parquet parts": (
        "parts",
        lambda p: pq.write_to_dataset(TABLE, p, partition_cols=["b"]),
        lambda p: pq.ParquetDataset(p).read(),
    ),
    "dataset": (
        "parts",
        lambda p: pyarrow.dataset.write_dataset(TABLE, p, format="csv"),
        lambda p: pyarrow.dataset.dataset(p, format="csv").to_table(),
    ),
    "arrow csv": ("x.csv", lambda p: pyarrow.csv.write_csv(TABLE, p), lambda p: pyarrow.csv.read_csv(p)),
    "arrow feather": (
        "x.feather",
        lambda p: pyarrow.feather.write_feather(TABLE, p),
        lambda p: pyarrow.feather.read_table(p),
    ),
    "arrow orc": ("x.orc", lambda p: pyarrow.orc.write_table(TABLE, p), lambda p: pyarrow.orc.read_table(p)),
    "polars parquet": ("x.parquet", lambda p: POLARS.write_parquet(p), lambda p: pl.read_parquet(p)),
    "polars scan": (
        "x.parquet",
        lambda p: POLARS.lazy().sink_parquet(p),
        lambda p: pl.scan_parquet(p).select("a").collect(),
    ),
    "polars pattern": (
        "x.parquet",
        lambda p: POLARS.write_parquet(p),
        lambda p: pl.scan_parquet("*.parquet").collect(),
    ),
    "polars parts": (
        "parts",
        lambda p: POLARS.write_parquet(pl.PartitionBy(p, key="b"), mkdir=True),
        lambda p: pl.read_parquet(p),
    ),
    "polars csv": ("x.csv", lambda p: POLARS.write_csv(p), lambda p: pl.read_csv(p)),
    "polars csv scan": ("x.csv", lambda p: POLARS.lazy().sink_csv(p), lambda p: pl.scan_csv(p).collect()),
    "polars ipc": ("x.ipc", lambda p: POLARS.write_ipc(p), lambda p: pl.read_ipc(p)),
    "polars ndjson": ("x.ndjson", lambda p: POLARS.write_ndjson(p), lambda p: pl.scan_ndjson(p).collect()),
    "polars json": ("x.json", lambda p: POLARS.write_json(p), lambda p: pl.read_json(p)),
    "polars avro": ("x.avro", lambda p: POLARS.write_avro(p), lambda p: pl.read_avro(p)),
    "polars by an open file": (
        "x.parquet",
        lambda p: POLARS.write_parquet(p),
        lambda p: pl.read_parquet(Path(p).open("rb")),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_writing_and_reading_is_one_use(observed, way):
    """With its digest; nothing else is told, and nothing missed."""
    name, write, read = WAYS[way]
    with observed() as seen:
        write(name)
    assert seen.names() == ([], [name])
    pinned(seen.outputs)
    assert not seen.missing
    with observed() as seen:
        read(name)
    assert seen.names() == ([name], [])
    pinned(seen.inputs)
    assert not seen.missing


BY_NAME = {
    "parquet": (
        "x.parquet",
        lambda p: pq.write_table(table=TABLE, where=p),
        lambda p: pq.ParquetDataset(path_or_paths=p).read(),
    ),
    "arrow csv": (
        "x.csv",
        lambda p: pyarrow.csv.write_csv(data=TABLE, output_file=p),
        lambda p: pyarrow.csv.read_csv(input_file=p),
    ),
    "arrow feather": (
        "x.feather",
        lambda p: pyarrow.feather.write_feather(df=TABLE, dest=p),
        lambda p: pyarrow.feather.read_table(source=p),
    ),
    "arrow orc": (
        "x.orc",
        lambda p: pyarrow.orc.write_table(table=TABLE, where=p),
        lambda p: pyarrow.orc.read_table(source=p),
    ),
    "polars csv": ("x.csv", lambda p: POLARS.write_csv(file=p), lambda p: pl.read_csv(source=p)),
    "polars scan": (
        "x.parquet",
        lambda p: POLARS.lazy().sink_parquet(path=p),
        lambda p: pl.scan_parquet(source=p).collect(),
    ),
}


@pytest.mark.parametrize("way", BY_NAME)
def test_what_is_given_by_name_is_seen_like_what_is_given_by_place(observed, way):
    """Each library has its own names for what it reads and writes; the observers have theirs."""
    name, write, read = BY_NAME[way]
    with observed() as seen:
        write(name)
    assert (seen.names(), seen.missing) == (([], [name]), [])
    with observed() as seen:
        read(name)
    assert (seen.names(), seen.missing) == (([name], []), [])


def test_rows_and_fields_are_told_and_no_values(observed):
    """From the footer, the schema and the frame."""
    with observed() as seen:
        FRAME.to_parquet("a.parquet")
        POLARS.write_parquet("b.parquet")
        with pq.ParquetWriter("c.parquet", TABLE.schema) as writer:
            writer.write_table(TABLE)
            writer.write_table(TABLE)
    for name, rows in (("a.parquet", 3), ("b.parquet", 3), ("c.parquet", 6)):
        told = seen.one("outputs", name)
        assert (told.rows, told.format, [field for field, _ in told.fields]) == (rows, "parquet", ["a", "b"])
    with observed() as seen:
        pd.read_parquet("a.parquet")
        pq.read_table("c.parquet", columns=["a"])
    assert [(one.rows, len(one.fields)) for one in seen.inputs] == [(3, 2), (6, 2)]
    categories = pl.DataFrame({"c": pl.Series([MARKER], dtype=pl.Enum([MARKER]))})
    with observed() as seen:
        categories.write_parquet("d.parquet")
    assert seen.outputs[0].fields == (("c", "Enum"),)


def test_what_a_folder_held_before_it_was_added_to_is_what_was_read(observed):
    """Read, then written by the same step: input and output, each with its own digest."""
    pq.write_to_dataset(TABLE, "parts")
    before = digest_folder("parts").digest
    with observed() as seen:
        table = pq.read_table("parts")
        pq.write_to_dataset(table, "parts")
    assert seen.one("inputs", "parts").digest == before
    assert seen.one("outputs", "parts").digest == digest_folder("parts").digest != before


def test_a_folder_that_somebody_else_changes_is_marked(observed):
    """Between the read and the digest."""
    pq.write_to_dataset(TABLE, "parts")
    with observed() as seen:
        pq.read_table("parts")
        subprocess.run([sys.executable, "-c", "open('parts/more', 'w').write('x')"], check=True)
    assert seen.one("inputs", "parts").weak == "changed after it was opened"


def test_files_of_a_folder_that_is_read_as_a_whole_are_no_uses_of_their_own(observed):
    """Whoever opens them."""
    pq.write_to_dataset(TABLE, "parts")
    with observed() as seen:
        for file in Path("parts").iterdir():
            file.read_bytes()
        pq.read_table("parts")
    assert seen.names() == (["parts"], [])


def test_a_folder_moved_into_place_is_the_output(observed):
    """Written beside and renamed, as many do."""
    with observed() as seen:
        pq.write_to_dataset(TABLE, "parts.tmp")
        os.rename("parts.tmp", "parts")
        FRAME.to_parquet("x.tmp")
        os.replace("x.tmp", "x.parquet")
    assert seen.names() == ([], ["parts", "x.parquet"])
    pinned(seen.outputs)
    assert (seen.one("outputs", "x.parquet").rows, seen.one("outputs", "x.parquet").format) == (3, "parquet")


def test_what_is_in_memory_or_cannot_be_read_is_nothing(observed):
    """A buffer, a file that is not there, a write that fails."""
    with observed() as seen:
        buffer = io.BytesIO()
        POLARS.write_parquet(buffer)
        pq.read_table(io.BytesIO(buffer.getvalue()))
        with pytest.raises(FileNotFoundError):
            pl.read_parquet("missing.parquet")
        with pytest.raises(OSError):
            pq.write_table(TABLE, "no/such/folder.parquet")
    assert seen.names() == ([], [])


def test_addresses_are_named_without_their_secrets():
    """By OpenLineage's naming; user, password and query are left out."""
    for address, namespace, name in (
        ("s3://bucket/a/b.parquet", "s3://bucket", "a/b.parquet"),
        ("s3a://bucket/a/", "s3://bucket", "a"),
        ("gcs://bucket/x", "gs://bucket", "x"),
        (f"https://user:{MARKER}@host:8443/a.csv?sig={MARKER}#x", "https://host:8443", "a.csv"),
    ):
        told = paths.remote(address, "at_read")
        assert (told.namespace, told.name, told.digest) == (namespace, name, None)
        assert told.weak == "the store told no version"


def test_a_label_that_is_an_object_is_not_asked_for_its_text():
    """Its text would be user code."""

    class Label:
        def __str__(self):
            raise AssertionError("asked")

    assert fields_of([(Label(), "int64"), ((Label(), 1), "str")]) == (("<Label>", "int64"), ("(<Label>, 1)", "str"))


def test_a_pattern_is_followed_to_a_bound(observed, tmp_path, monkeypatch):
    """What matches beyond it is neither searched for nor passed over in silence."""
    monkeypatch.setattr(paths, "MAX_MATCHES", 2)
    for number in range(4):
        pl.DataFrame({"a": [number]}).write_csv(tmp_path / f"{number}.csv")
    with observed() as seen:
        pl.scan_csv(f"{tmp_path}/*.csv").collect()
    assert len(seen.inputs) == 2
    assert ("files", "a pattern matches more than 2 files") in seen.missing
