"""What xgboost and lightgbm are called for; an environment of its own, since the core's tests need neither."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    ],
)
def test_to_learn_is_to_train(train):
    """By the library's own function or as an estimator."""
    with calls() as seen:
        train()
    assert seen == [("train", "Booster.update")]


@pytest.mark.parametrize(
    "model",
    [
        lightgbm.train(LIGHT, lightgbm.Dataset(X, Y), 2),
        lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(X, Y),
        xgboost.XGBClassifier(n_estimators=2).fit(X, Y),
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
