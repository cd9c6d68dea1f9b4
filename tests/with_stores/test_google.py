"""What gcsfs, and pandas and pyarrow through it, read and write in a store that speaks as Google Cloud Storage does."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
LARGE = b"0123456789abcdef" * (11 << 16)  # 11 MB, three parts


def generation(system, path):
    system.invalidate_cache()
    return system.info(path)["generation"]


def test_an_object_is_pinned_by_its_generation(gcs, observed):
    """As it was written and as it was read, whole or in part, with the size of the whole; a new content has another."""
    with observed() as wrote:
        with gcs.open("kept/ä b/c.csv", "wb") as stream:
            stream.write(b"a,b\n1,2\n")
        gcs.pipe_file("kept/m.joblib", b"model")
    first = generation(gcs, "kept/ä b/c.csv")
    assert {(one.namespace, one.name, one.version, one.bytes, one.kind) for one in wrote.outputs} == {
        ("gs://kept", "ä b/c.csv", first, 8, "data"),
        ("gs://kept", "m.joblib", generation(gcs, "kept/m.joblib"), 5, "model"),
    }
    assert not wrote.inputs
    with observed() as read:
        with gcs.open("kept/ä b/c.csv") as stream:
            assert stream.read(2) == b"a,"
        gcs.cat_file("kept/m.joblib")
    assert {(one.name, one.version, one.bytes, one.weak) for one in read.inputs} == {
        ("ä b/c.csv", first, 8, None),
        ("m.joblib", generation(gcs, "kept/m.joblib"), 5, None),
    }
    assert not read.outputs
    with observed() as again:
        gcs.pipe_file("kept/ä b/c.csv", b"other")
    assert again.outputs[0].version == generation(gcs, "kept/ä b/c.csv") != first


def test_files_that_are_sent_and_fetched(gcs, observed, tmp_path):
    """The object once, whatever the number of parts, and the file with its digest."""
    source, target = tmp_path / "large.bin", tmp_path / "back.bin"
    source.write_bytes(LARGE)
    with observed() as up:
        gcs.put_file(str(source), "kept/large.bin")
        with gcs.open("kept/parts.bin", "wb", block_size=5 << 20) as stream:
            stream.write(LARGE)
    assert {(one.name, one.version, one.bytes) for one in up.outputs} == {
        (name, generation(gcs, f"kept/{name}"), len(LARGE)) for name in ("large.bin", "parts.bin")
    }
    assert [one.name for one in up.inputs] == [str(source)]
    with observed() as down:
        gcs.get_file("kept/large.bin", str(target))
    (read,) = down.inputs
    assert (read.name, read.version, read.bytes) == ("large.bin", generation(gcs, "kept/large.bin"), len(LARGE))
    assert [(one.name, one.digest) for one in down.outputs] == [(str(target), up.inputs[0].digest)]


def test_copies_joins_and_deletions(gcs, observed):
    """What was copied and joined was read, at a version nobody told; what a run wrote and deleted is no output."""
    gcs.pipe_file("kept/one", b"1")
    gcs.pipe_file("kept/two", b"2")
    with observed() as seen:
        gcs.cp_file("kept/one", "kept/copy")
        gcs.merge("kept/both", ["kept/one", "kept/two"])
        gcs.pipe_file("kept/gone", b"3")
        gcs.pipe_file("kept/too", b"4")
        gcs.rm_file("kept/gone")
        gcs.rm(["kept/too"])
        with pytest.raises(FileNotFoundError):
            gcs.cat_file("kept/none")
    assert {(one.name, one.version) for one in seen.inputs} == {("one", None), ("two", None)}
    assert all(one.weak for one in seen.inputs)
    assert {(one.name, one.version) for one in seen.outputs} == {
        (name, generation(gcs, f"kept/{name}")) for name in ("copy", "both")
    }


def test_what_is_only_looked_at_is_not_read(gcs, observed):
    """Listing and asking what an object is."""
    gcs.pipe_file("kept/one", b"1")
    with observed() as seen:
        gcs.info("kept/one")
        gcs.ls("kept")
        assert gcs.exists("kept/one")
        assert not gcs.exists("kept/none")
    assert not seen.inputs
    assert not seen.outputs


def test_pandas_and_arrow_go_through_it(gcs, observed):
    """CSV and Parquet at addresses, and folders; in threads of Arrow too."""
    options = gcs.storage_options
    table = pa.Table.from_pandas(FRAME)
    with observed() as wrote:
        FRAME.to_csv("gs://kept/f.csv", index=False, storage_options=options)
        FRAME.to_parquet("gs://kept/f.parquet", storage_options=options)
        ds.write_dataset(table, "kept/parts", format="parquet", partitioning=["b"], filesystem=gcs)
    made = {one.name: one.version for one in wrote.outputs}
    assert made == {path.removeprefix("kept/"): generation(gcs, path) for path in gcs.find("kept")}
    assert len(made) == 5
    with observed() as read:
        pd.read_csv("gs://kept/f.csv", storage_options=options)
        pd.read_parquet("gs://kept/f.parquet", storage_options=options)
        assert ds.dataset("kept/parts", format="parquet", filesystem=gcs).to_table().num_rows == 3
        assert pq.read_table("kept/f.parquet", filesystem=gcs).num_rows == 3
    assert {one.name: one.version for one in read.inputs} == made
    assert (read.one("inputs", "f.parquet").rows, read.one("inputs", "f.parquet").format) == (3, "parquet")
    assert not read.outputs
    assert not read.missing
