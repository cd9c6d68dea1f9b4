"""What xgboost, lightgbm and catboost are called for, and their files; in an environment of its own: the core's tests need none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from orchestrail.capture import files, observers

X = np.arange(200.0).reshape(100, 2)
Y = (np.arange(100) % 2).astype(float)
LIGHT = {"verbose": -1, "num_leaves": 4}
CAT = {"iterations": 2, "verbose": 0, "allow_writing_files": False}


@contextmanager
def calls() -> Iterator[list[tuple[str, str]]]:
    """Run a block as a run does, with the libraries observed."""
    observers.install()
    made, seen = files.FileCapture(), []
    token = files.capturing.set(made)
    try:
        yield seen
    finally:
        files.capturing.reset(token)
        seen += made.told.calls
        assert not made.close().not_captured
        observers.uninstall()


@pytest.mark.parametrize(
    "train",
    [
        lambda: lightgbm.train(LIGHT, lightgbm.Dataset(X, Y), 2),
        lambda: lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, Y),
        lambda: xgboost.train({}, xgboost.DMatrix(X, Y), 2),
        lambda: xgboost.XGBClassifier(n_estimators=2).fit(X, Y),
        lambda: catboost.CatBoostClassifier(**CAT).fit(X, Y),
        lambda: catboost.train(catboost.Pool(X, Y), CAT),
    ],
)
def test_to_learn_is_to_train(train):
    """By the library's own function or as an estimator."""
    with calls() as seen:
        train()
    assert seen in ([("train", "Booster.update")], [("train", "CatBoost.fit")])


@pytest.mark.parametrize(
    "model",
    [
        lightgbm.train(LIGHT, lightgbm.Dataset(X, Y), 2),
        lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, Y),
        xgboost.XGBClassifier(n_estimators=2).fit(X, Y),
        catboost.CatBoostClassifier(**CAT).fit(X, Y),
    ],
)
def test_to_predict_is_to_evaluate(model):
    """By whichever method the prediction is made within."""
    with calls() as seen:
        model.predict(X)
    assert {role for role, _ in seen} == {"evaluate"}


def test_in_a_search_of_scikit_learn_the_search_is_told_too():
    """Both speak of training first; what the search predicts to choose is no evaluation of the step's, but is seen."""
    with calls() as seen:
        GridSearchCV(make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=2)), {}, cv=2).fit(X, Y)
    assert seen[0] == ("train", "GridSearchCV.fit")
    assert ("preprocess", "StandardScaler.fit_transform") not in seen


MADE = {
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=2).fit(X, Y),
    "lightgbm": lambda: lightgbm.train(LIGHT, lightgbm.Dataset(X, Y), 2),
    "catboost": lambda: catboost.CatBoostClassifier(**CAT).fit(X, Y),
}
LOADED = {
    "xgboost": lambda path: xgboost.XGBClassifier().load_model(path),
    "lightgbm": lambda path: lightgbm.Booster(model_file=path),
    "catboost": lambda path: catboost.CatBoostClassifier().load_model(path),
}


@pytest.mark.parametrize("library", MADE)
@pytest.mark.parametrize("as_path", [str, Path])
def test_models_that_are_saved_and_loaded_are_seen(library, as_path, observed, tmp_path):
    """Their C++ opens the files by itself; whatever their suffix, they are models."""
    path, model = as_path(tmp_path / "m.bin"), MADE[library]()
    with observed() as wrote:
        model.save_model(path)
    made = wrote.one("outputs", "m.bin")
    assert (made.kind, made.format, made.framework.partition(" ")[0], made.weak) == ("model", library, library, None)
    assert not wrote.inputs
    with observed() as read:
        LOADED[library](path)
    loaded = read.one("inputs", "m.bin")
    assert (loaded.digest, loaded.kind) == (made.digest, "model")
    assert not read.outputs


@pytest.mark.parametrize("scheme", ["", "dsv://"])
def test_data_that_they_read_from_files_are_seen(observed, tmp_path, scheme):
    """A text of numbers, read by lightgbm's and catboost's own readers."""
    path = tmp_path / "rows.csv"
    np.savetxt(path, np.column_stack([Y, X]), delimiter="," if not scheme else "\t")
    with observed() as seen:
        if scheme:
            catboost.Pool(f"{scheme}{path}")
        else:
            lightgbm.Dataset(str(path), params=LIGHT).construct()
    assert seen.names() == (["rows.csv"], [])
