"""Values that go from step to step in memory: the trace of a model reaches its source, and no file lies between."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("orchestrail")
TABLE = "a,b,y\n" + "".join(f"{n % 7},{n % 5},{n % 2}\n" for n in range(60)) + ",1,1\n"
STEPS = """
    import joblib, pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    @orchestrail.step(role="ingest")
    def load(path):
        return pd.read_csv(path)

    @orchestrail.preprocessing("impute", version="1.0", serve_time=True, train_only=False)
    def impute(frame):
        frame["a"] = frame["a"].fillna(0)  # in place, and nothing is given back

    @orchestrail.preprocessing("check", version="2.0")
    def check(frame):
        return frame[frame["b"] >= 0]  # all of them

    @orchestrail.step(role="split")
    def split(frame):
        return {"train": frame.iloc[::2], "test": frame.iloc[1::2]}

    @orchestrail.preprocessing("scale", version="1.1", fits_state=True)
    def fit_scaler(train):
        return StandardScaler().fit(train[["a", "b"]])

    @orchestrail.step(role="train")
    def train(scaler, parts):
        rows = parts["train"]
        return LogisticRegression().fit(scaler.transform(rows[["a", "b"]]), rows["y"])

    @orchestrail.step(role="package")
    def save(model, path):
        joblib.dump(model, path)

    @audited
    def main():
        frame = load("in.csv")
        impute(frame)
        parts = split(check(frame))
        save(train(fit_scaler(parts["train"]), parts), "model.joblib")

    main()
"""


def asked(home: Path, *arguments: str) -> dict[str, Any]:
    """Ask the command line, as a user does."""
    done = subprocess.run(
        [COMMAND, *arguments, "--home", str(home), "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=home.parent,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_model_is_traced_to_its_source_through_memory(run, tmp_path):
    """No edge is unproven, none is without its data; a step that gave back what it was given is on the way too."""
    (tmp_path / "in.csv").write_text(TABLE)
    outcome = run(STEPS)
    assert (outcome.stderr, outcome.status) == ("", 0)
    traced = asked(outcome.home, "trace", str(tmp_path / "model.joblib"))
    assert [Path(source["name"]).name for source in traced["sources"]] == ["in.csv"]
    assert (traced["unproven"], [edge for edge in traced["edges"] if not edge["captured"]]) == ([], [])
    steps = ["main", "load", "impute", "check", "split", "fit_scaler", "train", "save"]
    assert [row["job"]["name"].rpartition(".")[2] for row in traced["runs"]] == steps
    drawn = subprocess.run(
        [COMMAND, "trace", "model.joblib", "--home", outcome.home], capture_output=True, text=True, cwd=tmp_path
    )
    assert "not captured" not in drawn.stdout
    (line,) = [line for line in drawn.stdout.splitlines() if "gave it back unchanged" in line]
    assert "program.main.check" in line


def test_what_is_in_memory_is_described_and_none_of_its_values_is_kept(run, tmp_path):
    """Names, types, rows and bytes in the standard facets; fitted state has a type of its own, and the marking travels with it."""
    (tmp_path / "in.csv").write_text(TABLE.replace("\n0,0,0\n", "\n4711.25,0,0\n"))
    outcome = run(STEPS)
    shown = asked(outcome.home, "show", asked(outcome.home, "runs")["runs"][0]["run_id"])
    by_name = {row["job"]["name"].rpartition(".")[2]: row for row in shown["runs"]}
    (read,), (wrote,) = by_name["impute"]["inputs"], by_name["impute"]["outputs"]
    assert (read["name"], wrote["name"]) == ("program.main.load", "program.main.impute.frame")
    assert (read["rows"], read["type"], read["observed"]) == (61, "DATAFRAME", "at_read")
    assert [field["name"] for field in read["fields"]] == ["a", "b", "y"]
    assert read["digest"] != wrote["digest"]
    assert [(one["name"], one["rows"]) for one in by_name["split"]["outputs"]] == [
        ("program.main.split.0", 31),
        ("program.main.split.1", 30),
    ]
    (state,) = by_name["fit_scaler"]["outputs"]
    assert (state["type"], state["kind"]) == ("FITTED_STATE", "data")
    assert state["digest"] in [one["digest"] for one in by_name["train"]["inputs"]]
    marks = {name: by_name[name]["preprocessing"] for name in ("impute", "fit_scaler")}
    assert (marks["impute"]["serve_time"], marks["impute"]["train_only"]) == (True, False)
    assert marks["fit_scaler"]["fits_state"] is True
    (_, event) = outcome.of("program.main.split")[-1]
    assert event["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 61
    assert [one["outputFacets"]["outputStatistics"]["rowCount"] for one in event["outputs"]] == [31, 30]
    assert [field["name"] for field in event["outputs"][0]["facets"]["schema"]["fields"]] == ["a", "b", "y"]
    segments = b"".join(file.read_bytes() for file in outcome.home.rglob("*") if file.is_file())
    assert b"4711.25" not in segments


def test_what_has_no_digest_is_a_gap_and_no_source(run, tmp_path):
    """The two steps are not joined by a name; the record says why, and follows what ran before."""
    (tmp_path / "in.csv").write_text(TABLE)
    outcome = run("""
        import pandas as pd

        class Thing: ...

        @orchestrail.step(role="ingest")
        def load(path):
            return pd.read_csv(path).assign(thing=[Thing() for _ in range(61)])

        @orchestrail.step(role="package")
        def save(frame):
            frame[["a"]].to_csv("out.csv")

        @audited
        def main():
            save(load("in.csv"))

        main()
    """)
    assert (outcome.stderr, outcome.status) == ("", 0)
    traced = asked(outcome.home, "trace", str(tmp_path / "out.csv"))
    assert [Path(source["name"]).name for source in traced["sources"]] == ["in.csv"]
    assert traced["unproven"] == []
    gaps = {edge["note"] for edge in traced["edges"] if not edge["captured"]}
    assert gaps == {
        "handed on in memory: not captured",
        "a step before it in the same run: what it handed on was not captured",
    }
    told = [(one["weak"], one["note"]) for one in traced["datasets"] if one["namespace"] == "inmemory"]
    assert told == [("it holds objects that are no plain values", "handed on in memory: not captured")]


def test_a_step_that_fits_what_it_was_given_writes_it(run, tmp_path):
    """`fit` changes the estimator in place; unfitted it was no data."""
    outcome = run("""
        import numpy as np
        from sklearn.preprocessing import StandardScaler

        @orchestrail.preprocessing("scale", version="1.0", fits_state=True)
        def fit(scaler, rows):
            scaler.fit(rows)

        @audited
        def main():
            fit(StandardScaler(), np.arange(6.0).reshape(3, 2))

        main()
    """)
    (_, event) = outcome.of("program.main.fit")[-1]
    assert [one["name"] for one in event["inputs"]] == ["program.main.fit.rows"]
    assert [one["name"] for one in event["outputs"]] == ["program.main.fit.scaler"]


def test_the_program_gets_the_very_values(run, tmp_path):
    """The same objects, the same output, with us and without; what cannot be looked at costs nothing."""
    (tmp_path / "in.csv").write_text(TABLE)
    text = """
        import numpy as np, pandas as pd

        class Odd(pd.DataFrame):
            def __len__(self):
                raise RuntimeError("no")

        @orchestrail.step(role="other")
        def back(value):
            return value

        @audited
        def main():
            for value in (Odd({"x": [1]}), np.arange(3), (1, [2]), {"a": pd.DataFrame()}, pd.DataFrame({"x": [[{}]]})):
                print(back(value) is value)

        main()
    """
    with_us, without = run(text), run(text, audited=False)
    assert (with_us.stdout, with_us.stderr, with_us.status) == (without.stdout, "", 0)
    assert with_us.stdout.split() == ["True"] * 5
