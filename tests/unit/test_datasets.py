"""What a plugin says a path, an address or an object stands for: in what is stated, and in what is observed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from orchestrail import plugins
from orchestrail.datasets import dataset_of
from orchestrail.hookspecs import hookimpl
from orchestrail.model import DatasetRef

CONTENT = b"a,b\n1,2\n"
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


class Catalogue:
    """Names what lies in a folder `warehouse` by that of its table, at version 7."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    @hookimpl
    def identify_dataset(self, value: object) -> DatasetRef | None:
        self.asked.append(value)
        if isinstance(value, Path) and value.parent.parent.name == "warehouse":
            (value.parent.parent / "catalogue.json").read_bytes()
            return DatasetRef("catalogue", value.parent.name, version="7")
        if value == "s3://lake/orders.csv":
            return DatasetRef("catalogue", "orders", version="9")
        return None


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    made = Catalogue()
    plugins.register(made, "catalogue")
    yield made
    plugins.manager().unregister(name="catalogue")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "warehouse" / "orders" / "1.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    (tmp_path / "warehouse" / "catalogue.json").write_text("{}")
    return file


def test_a_stated_path_or_address_is_named_by_the_plugin(catalogue, table, tmp_path):
    """Its digest stays what the content is; what the plugin does not know is named by the core."""
    found = dataset_of(str(table))
    assert (found.namespace, found.name, found.version, found.digest) == ("catalogue", "orders", "7", DIGEST)
    assert found.bytes == len(CONTENT)
    found = dataset_of("s3://lake/orders.csv")
    assert (found.namespace, found.name, found.version, found.weak) == ("catalogue", "orders", "9", None)
    assert dataset_of(tmp_path / "warehouse").namespace == "file"
    assert dataset_of("s3://lake/other.csv").namespace == "s3://lake"
    assert [type(value) for value in catalogue.asked[:2]] == [type(table), str]


def test_observed_paths_are_named_by_the_plugin(catalogue, table, tmp_path, observed):
    """Of what a run reads and writes; what the plugin reads is no data of the run."""
    other = tmp_path / "other.csv"
    with observed() as seen:
        other.write_bytes(table.read_bytes())
    (read,), (written,) = seen.inputs, seen.outputs
    assert (read.namespace, read.name, read.version, read.digest) == ("catalogue", "orders", "7", DIGEST)
    assert (written.namespace, written.name, written.digest) == ("file", str(other), DIGEST)


def test_files_of_one_name_are_one_data_set(catalogue, table, observed):
    """None of their digests is that of the whole; the version is."""
    table.with_name("2.csv").write_bytes(b"a,b\n3,44\n")
    with observed() as seen:
        for file in sorted(table.parent.iterdir()):
            pl.read_csv(file)
    (read,) = seen.inputs
    assert (read.name, read.version, read.digest, read.weak) == ("orders", "7", None, None)
    assert read.bytes == len(CONTENT) + 9


class Broken:
    """A plugin with a fault."""

    @hookimpl
    def identify_dataset(self, value: object) -> DatasetRef | None:
        raise RuntimeError("broken plugin")


@pytest.mark.swallows
def test_a_plugin_that_fails_changes_nothing(table, observed):
    """The record has what capture itself saw."""
    plugins.register(Broken(), "broken")
    try:
        with observed() as seen:
            table.read_bytes()
    finally:
        plugins.manager().unregister(name="broken")
    assert [(one.namespace, one.name, one.digest) for one in seen.inputs] == [("file", str(table), DIGEST)]


def test_without_a_plugin_nothing_is_asked(table, observed, monkeypatch):
    """Files that were seen are left as they are."""
    monkeypatch.setattr(plugins, "first_result", lambda *_, **__: pytest.fail("asked"))
    with observed() as seen:
        table.read_bytes()
    assert [one.digest for one in seen.inputs] == [DIGEST]
    assert dataset_of(table).digest == DIGEST
