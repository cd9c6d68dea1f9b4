"""Assets: what a materializing task makes and depends on stands with its run, as names that nobody read the content of."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from orchestrail_prefect.assets import described

PROGRAM = """
    from prefect.assets import add_asset_metadata, materialize

    RAW, CLEAN, MODEL = "s3://lake/raw.csv", "s3://lake/clean/2024.parquet", f"file://{Path('model.bin').resolve()}"

    @materialize(CLEAN, by="spark", asset_deps=[RAW])
    def clean():
        add_asset_metadata(CLEAN, {"row_count": 3, "version": "v7", "sample": "a row of the data"})
        return {"rows": 3}

    @materialize("postgres://warehouse/features", "s3://lake/index")
    def features(cleaned):
        return {"rows": cleaned["rows"]}

    @materialize(MODEL)
    def train(table):
        Path("model.bin").write_text("weights")

    @task(asset_deps=["s3://lake/reference"])
    def compares(table):
        pass

    @task
    def plain(table):
        pass

    @materialize("s3://lake/lost", asset_deps=[RAW])
    def fails():
        raise ValueError("not made")

    @materialize("s3://lake/kept", persist_result=True, cache_key_fn=lambda context, arguments: f"asset-{os.getpid()}")
    def kept():
        return 1

    @task
    def ends_here(i):
        return i

    @materialize("s3://lake/outer")
    def outer():
        ends_here(1)
        return 2

    @audited
    @flow(name="assets")
    def assets():
        table = features(clean())
        train(table)
        compares(table)
        plain(table)
        fails(return_state=True)
        kept()
        kept()
        outer()

    assets()
"""


@pytest.fixture(scope="module")
def lake(shared_program: Any) -> Any:
    """What the program left."""
    return shared_program(PROGRAM)


def datasets(run: Any, direction: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Give the facets of what a run read or wrote, by namespace and name."""
    return {(one["namespace"], one["name"]): one["facets"] for one in run.events[-1][direction]}


RAW, CLEAN = ("s3://lake", "raw.csv"), ("s3://lake", "clean/2024.parquet")


def test_assets_are_inputs_and_outputs(lake: Any) -> None:
    """By scheme and place as OpenLineage names them, weak, with the tool and the facts that there is a place for."""
    run = lake.run("assets.clean")
    assert (datasets(run, "inputs").keys(), datasets(run, "outputs").keys()) == ({RAW}, {CLEAN})
    facets = datasets(run, "outputs")[CLEAN]
    ours = facets["orchestrail_dataset"]
    assert (ours["digest"], ours["observed"], ours["rows"]) == (None, "declared", 3)
    assert ours["weak"] == "the content was not read"
    assert facets["version"]["datasetVersion"] == "v7"
    assert run.said["materializedBy"] == "spark"
    assert "a row of the data" not in str(run.events)


def test_what_a_task_was_given_is_what_it_read(lake: Any) -> None:
    """As Prefect follows assets through results; a task that makes none reads what it says that it depends on."""
    run = lake.run("assets.features")
    assert datasets(run, "inputs").keys() == {CLEAN}
    made = {("postgres://warehouse", "features"), ("s3://lake", "index")}
    assert datasets(run, "outputs").keys() == made
    assert datasets(lake.run("assets.train"), "inputs").keys() == made
    assert datasets(lake.run("assets.compares"), "inputs").keys() == {("s3://lake", "reference")}
    assert datasets(lake.run("assets.compares"), "outputs") == datasets(lake.run("assets.plain"), "inputs") == {}


def test_an_asset_that_is_a_file_has_its_digest(lake: Any) -> None:
    """Once: what was seen written and what was named are one."""
    written = hashlib.sha256((lake.folder / "model.bin").read_bytes()).hexdigest()
    assert lake.run("assets.train").files("outputs") == {"model.bin": f"sha256:{written}"}
    ((_, facets),) = datasets(lake.run("assets.train"), "outputs").items()
    assert facets["orchestrail_dataset"]["observed"] == "at_write"


def test_a_failed_task_made_nothing(lake: Any) -> None:
    """It may have read."""
    run = lake.run("assets.fails")
    assert (run.types[-1], datasets(run, "inputs").keys(), datasets(run, "outputs")) == ("FAIL", {RAW}, {})


def test_a_task_within_another_one_has_none_of_its_assets(lake: Any) -> None:
    """Each has its own."""
    assert datasets(lake.run("assets.ends_here"), "outputs") == {}
    assert datasets(lake.run("assets.outer"), "outputs").keys() == {("s3://lake", "outer")}


def test_a_cached_task_made_nothing_and_leads_to_who_did(lake: Any) -> None:
    """Prefect tells of no asset there; the record shows those of the run that computed, marked as concluded."""
    computed, cached = lake.runs("assets.kept")
    assert datasets(computed, "outputs").keys() == {("s3://lake", "kept")}
    assert (cached.said["state"], datasets(cached, "outputs")) == ("CACHED", {})


def test_the_record_shows_them(lake: Any, shared_program: Any) -> None:
    """The cached run with the assets of the one that computed, and the trace from a file back to the raw data."""
    cached = lake.runs("assets.kept")[-1]
    shown = {run["run_id"]: run for run in shared_program.orchestrail("show", cached.id)["runs"]}[cached.id]
    assert [one["name"] for one in shown["outputs"]] == ["kept"]
    assert "outputs" in shown["inferred"]
    traced = shared_program.orchestrail("trace", str(lake.folder / "model.bin"))
    assert {one["name"] for one in traced["sources"]} == {"raw.csv"}
    assert {edge["proof"] for edge in traced["unproven"]} == {"name"}


def test_it_fits_the_schemas(lake: Any) -> None:
    """Ours, and OpenLineage's where they stand beside the project."""
    assert lake.problems() == []


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (None, (None, None, None, None)),
        ({"rows": 3, "size": 10, "digest": "sha256:" + "a" * 64}, (3, 10, None, "sha256:" + "a" * 64)),
        ({"sha256": "b" * 64, "version": 2}, (None, None, "2", "sha256:" + "b" * 64)),
        ({"rows": True, "bytes": -1, "digest": "md5:1", "version": ["x"]}, (None, None, None, None)),
        ({"rows": "many", "num_rows": 4, "digest": None}, (4, None, None, None)),
    ],
)
def test_metadata_that_the_record_has_a_place_for(metadata: Any, expected: tuple[Any, ...]) -> None:
    """Counts, version and digest; what is of another form is left, and a digest is the task's word."""
    dataset = described("s3://lake/x", metadata)
    assert (dataset.rows, dataset.bytes, dataset.version, dataset.digest) == expected
    assert dataset.weak == ("the digest is as the task states it" if expected[3] else "the content was not read")
