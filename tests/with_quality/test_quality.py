"""What pandera and Great Expectations check is on the record, without a value that failed; in an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import great_expectations as gx
import pandas as pd
import pandera.pandas as pa
import pandera.polars as pap
import polars as pl
import pytest

from orchestrail.capture import files, observers
from orchestrail.capture.results import Results
from orchestrail.transport.segments import read_segment, segments

SCRIPT = Path(__file__).parents[2] / "adapters" / "script" / "src"
MARK = "harmless-looking-value"
PEOPLE = pd.DataFrame({"age": [31, 45, -7], "name": ["a", "b", MARK], "note": [None, "x", "y"]})


@pytest.fixture(autouse=True, scope="module")
def _no_network() -> Iterator[None]:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    yield
    observers.uninstall()


@contextmanager
def checked() -> Iterator[Results]:
    """Run a block as a run does, with the libraries observed."""
    files.install()
    observers.install()
    made = files.FileCapture()
    token = files.capturing.set(made)
    try:
        yield made.told.results
    finally:
        files.capturing.reset(token)
        *_, missing = made.close()
        assert missing == []
        assert MARK not in json.dumps(made.told.results.checks)
        assert {check["by"] for check in made.told.results.checks} <= {"pandera", "great_expectations"}


def plain(results: Results) -> list[tuple[object, ...]]:
    """Give name, column, outcome, how many rows failed, severity."""
    return [
        (one["name"], one.get("column"), one["success"], one.get("failures"), one["severity"]) for one in results.checks
    ]


SCHEMA = pa.DataFrameSchema(
    {
        "age": pa.Column(int, [pa.Check.ge(0), pa.Check.lt(120, raise_warning=True)]),
        "name": pa.Column(str, [pa.Check.isin(["a", "b", MARK]), pa.Check(lambda names: names != MARK)], unique=True),
        "note": pa.Column(str, nullable=True),
    },
    checks=pa.Check(lambda frame: len(frame) > 2, name="enough_rows"),
    name="people",
)
EVERY = [
    ("people: dtype", "age", True, None, "error"),
    ("people: greater_than_or_equal_to(min_value=0)", "age", False, 1, "error"),
    ("people: less_than(max_value=120)", "age", True, None, "warn"),
    ("people: isin", "name", True, None, "error"),
    ("people: <lambda>[1]", "name", False, 1, "error"),
    ("people: unique", "name", True, None, "error"),
    ("people: not_null", "age", True, None, "error"),
    ("people: enough_rows", None, True, None, "error"),
]


def test_each_check_of_a_schema_is_told_whether_it_held():
    """All of them where pandera goes on after a failure; the frame and the error are pandera's own."""
    with checked() as results, pytest.raises(pa.errors.SchemaErrors) as raised:
        SCHEMA.validate(PEOPLE, lazy=True)
    assert len(raised.value.failure_cases) == 2
    assert set(EVERY) <= set(plain(results))
    assert sum(not success for _, _, success, *_ in plain(results)) == 2
    with checked() as results:
        fit = PEOPLE.assign(age=[1, 2, 3], name=["a", "b", "b2"])
        assert SCHEMA.remove_columns(["name"]).validate(fit[["age", "note"]]).equals(fit[["age", "note"]])
    assert {success for _, _, success, *_ in plain(results)} == {True}


def test_up_to_the_first_failure_is_told_where_pandera_stops_there():
    """It raises what it raises without us."""
    with checked() as results, pytest.raises(pa.errors.SchemaError, match="greater_than_or_equal_to"):
        SCHEMA.validate(PEOPLE)
    assert ("people: greater_than_or_equal_to(min_value=0)", "age", False, 1, "error") in plain(results)


def test_a_check_that_only_warns_is_told_as_failed():
    """pandera itself lets it pass."""
    schema = pa.SeriesSchema(int, pa.Check.lt(40, raise_warning=True), name="age")
    with checked() as results, pytest.warns(UserWarning, match="less_than"):
        schema.validate(PEOPLE["age"])
    (told,) = [one for one in plain(results) if "less_than" in str(one[0])]
    assert told[2] is False
    assert told[4] == "warn"


class Model(pa.DataFrameModel):
    """A schema as a class."""

    age: int = pa.Field(ge=0, coerce=True)
    missing: float

    class Config:
        """Nothing else may be there."""

        strict = True


def test_what_a_frame_is_refused_for_is_told():
    """A column that is missing, one too many, values of another type."""
    with checked() as results, pytest.raises(pa.errors.SchemaErrors):
        Model.validate(PEOPLE.assign(age=["1", MARK, "3"]), lazy=True)
    failed = {(name, column) for name, column, success, *_ in plain(results) if not success}
    assert {("Model: column_not_in_schema", None), ("Model: column_not_in_dataframe", None)} <= failed
    assert any(str(name).endswith("dtype_coercion") or "datatype_coercion" in str(name) for name, _ in failed)


def test_polars_frames_are_checked_too():
    """With pandera's other backend."""
    schema = pap.DataFrameSchema({"age": pap.Column(int, pap.Check.ge(0)), "note": pap.Column(str)}, name="people")
    with checked() as results, pytest.raises(pap.errors.SchemaErrors):
        schema.validate(pl.from_pandas(PEOPLE), lazy=True)
    told = {(name, column): (success, failures) for name, column, success, failures, _ in plain(results)}
    assert told["people: greater_than_or_equal_to(min_value=0)", "age"] == (False, 1)
    assert told["people: not_null", "note"][0] is False
    assert told["people: not_null", "age"][0] is True


def test_what_pandera_skips_is_not_told_as_passed():
    """It checks no values of a lazy frame, unless it is told to."""
    schema = pap.DataFrameSchema({"age": pap.Column(int, pap.Check.ge(0), unique=True)}, name="people")
    with checked() as results:
        schema.validate(pl.from_pandas(PEOPLE).lazy())
    assert [(name, success) for name, _, success, *_ in plain(results)] == [("people: dtype", True)]


def expectations() -> list[gx.expectations.Expectation]:
    return [
        gx.expectations.ExpectColumnValuesToBeBetween(column="age", min_value=0, max_value=120),
        gx.expectations.ExpectColumnValuesToBeInSet(column="name", value_set=["a", "b"], severity="warning"),
        gx.expectations.ExpectColumnValuesToNotBeNull(column="note", mostly=0.5),
        gx.expectations.ExpectTableRowCountToEqual(value=3),
        gx.expectations.ExpectColumnMaxToBeBetween(column="nowhere", min_value=0),
    ]


OUTCOMES = {
    ("expect_column_values_to_be_between(max_value=120.0, min_value=0.0)", "age", False, 1, "error"),
    ("expect_column_values_to_be_in_set", "name", False, 1, "warn"),
    ("expect_column_values_to_not_be_null(mostly=0.5)", "note", True, 1, "error"),
    ("expect_table_row_count_to_equal(value=3)", None, True, None, "error"),
    ("expect_column_max_to_be_between(min_value=0.0)", "nowhere", False, None, "error"),
}


def test_results_of_great_expectations_are_told_by_batch_suite_and_checkpoint():
    """The same ones whichever way leads there, each once."""
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("people")
    whole = asset.add_batch_definition_whole_dataframe("whole")
    suite = context.suites.add(gx.ExpectationSuite("people", expectations=expectations()))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=whole, suite=suite))
    checkpoint = context.checkpoints.add(gx.Checkpoint(name="c", validation_definitions=[definition]))
    batch = whole.get_batch({"dataframe": PEOPLE})
    ways = (
        lambda: [batch.validate(one) for one in expectations()],
        lambda: batch.validate(suite),
        lambda: definition.run(batch_parameters={"dataframe": PEOPLE}),
        lambda: checkpoint.run(batch_parameters={"dataframe": PEOPLE}),
    )
    for way in ways:
        with checked() as results:
            way()
        assert set(plain(results)) == OUTCOMES
        assert len(results.checks) == len(OUTCOMES)
        (broken,) = [one for one in results.checks if one.get("column") == "nowhere"]
        assert broken["actual"] == "it could not be evaluated"


PROGRAM = """
    import great_expectations as gx, pandas as pd, pandera.pandas as pa
    from orchestrail_script import audited

    schema = pa.DataFrameSchema({"age": pa.Column(int, pa.Check.ge(0))}, name="people")

    @audited
    def main():
        people = pd.read_csv("people.csv")
        try:
            schema.validate(people)
        except pa.errors.SchemaError as error:
            print(type(error).__name__)
        batch = (
            gx.get_context(mode="ephemeral").data_sources.add_pandas("f").add_dataframe_asset("p")
            .add_batch_definition_whole_dataframe("w").get_batch({"dataframe": people})
        )
        print(batch.validate(gx.expectations.ExpectColumnValuesToBeUnique(column="name")).success)

    main()
"""


@pytest.mark.parametrize("audited", [True, False])
def test_a_program_leaves_its_checks_and_no_value(tmp_path, audited):
    """Told in its run's end; it prints what it prints without us."""
    PEOPLE.to_csv(tmp_path / "people.csv", index=False)
    program = textwrap.dedent(PROGRAM).replace(
        "from orchestrail_script import audited", "" if audited else "audited = lambda f: f"
    )
    if audited:
        program = "from orchestrail_script import audited\n" + program
    environment = {
        **os.environ, "PYTHONPATH": str(SCRIPT), "ORCHESTRAIL_HOME": str(tmp_path / "home"),
        "GX_ANALYTICS_ENABLED": "false", "TQDM_DISABLE": "1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stdout.splitlines()) == (0, ["SchemaError", "True"]), done.stderr
    if not audited:
        return
    events = [
        json.loads(line.body) for path in segments(tmp_path / "home" / "spool") for line in read_segment(path).lines
    ]
    (end,) = [event for event in events if event["eventType"] == "COMPLETE"]
    tests = {(test["name"], test["status"]) for test in end["run"]["facets"]["test"]["tests"]}
    assert tests >= {
        ("people: greater_than_or_equal_to(min_value=0)", "fail"), ("expect_column_values_to_be_unique", "pass")
    }  # fmt: skip
    assert "orchestrail_capture" not in end["run"]["facets"]
    assert MARK not in json.dumps(events)
