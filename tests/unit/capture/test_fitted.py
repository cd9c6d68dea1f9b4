"""Fitted state: the same for what learned the same, another for anything else. No code of a user's class runs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from orchestrail.capture import fitted
from orchestrail.capture.fitted import identify

X = pd.DataFrame(np.random.default_rng(1).normal(size=(60, 3)), columns=["a", "b", "c"])
Y = (X["a"] + X["b"] > 0).astype(int)

ESTIMATORS = [
    StandardScaler(),
    SimpleImputer(),
    KNNImputer(),
    QuantileTransformer(n_quantiles=10),
    FunctionTransformer(np.log1p),
    OneHotEncoder(handle_unknown="ignore"),
    LogisticRegression(),
    Ridge(),
    SGDClassifier(random_state=1),
    DecisionTreeClassifier(random_state=1),
    RandomForestClassifier(5, random_state=1),
    IsolationForest(n_estimators=5, random_state=1),
    GradientBoostingClassifier(n_estimators=5, random_state=1),
    HistGradientBoostingClassifier(max_iter=5),
    KNeighborsClassifier(),
    GaussianNB(),
    SVC(),
    KMeans(2, random_state=1),
    MLPClassifier((4,), max_iter=5, random_state=1),
    Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]),
    VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]),
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    ColumnTransformer([("scale", StandardScaler(), ["a", "b"]), ("drop", "drop", ["c"])]),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_what_learned_the_same_is_the_same(estimator):
    """Copied and pickled, it is what it was; unfitted it is no data; of other data, another one."""
    assert identify(estimator) is None
    made = copy.deepcopy(estimator).fit(X, Y)
    if isinstance(made, GridSearchCV):  # it holds how long its fits took
        made.cv_results_ = {}
        made.refit_time_ = 0.0
    found = identify(made)
    assert (found.namespace, found.kind, found.type, found.weak) == ("inmemory", "data", "FITTED_STATE", None)
    assert found.framework.startswith("scikit-learn ")
    for same in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert identify(same).digest == found.digest
    if not isinstance(estimator, FunctionTransformer):
        other = copy.deepcopy(estimator).fit(X * 3 - 1, Y)
        assert identify(other).digest not in (None, found.digest)


def test_parameters_and_class_count():
    """What was not learned decides how the state is applied."""
    made = StandardScaler().fit(X)
    digests = [identify(one).digest for one in (made, StandardScaler(with_mean=True, copy=False).fit(X))]
    assert digests[0] != digests[1]


def test_words_that_were_learned_count():
    """Of a vectorizer, in a dictionary."""
    one, other = (TfidfVectorizer().fit(texts) for texts in (["a bird", "two birds"], ["a cat", "two birds"]))
    assert None not in (identify(one).digest, identify(other).digest)
    assert identify(one).digest != identify(other).digest


class Clip(TransformerMixin, BaseEstimator):
    """A transformer of a project's own; its code must not run."""

    def __init__(self, share=0.1):
        self.share = share

    def fit(self, frame, y=None):
        self.low_ = float(frame["a"].quantile(self.share))
        return self

    def get_params(self, deep=True):
        raise AssertionError("get_params")

    def __getstate__(self):
        raise AssertionError("getstate")

    def __reduce_ex__(self, protocol):
        raise AssertionError("reduce")

    @property
    def high_(self):
        raise AssertionError("property")


def test_a_transformer_of_the_users_is_asked_nothing():
    """What fitting left on it is read past its class."""
    one, other = Clip().fit(X), Clip(0.2).fit(X)
    assert None not in (identify(one).digest, identify(other).digest)
    assert identify(one).digest != identify(other).digest
    assert identify(Clip()) is None
    one.helper_ = object()
    assert (identify(one).digest, identify(one).weak) == (None, "the fitted state holds a value of the class object")
    function = FunctionTransformer(lambda frame: frame).fit(X)
    assert identify(function).weak == "the fitted state holds a value of the class function"


def test_state_beyond_the_bounds_has_no_digest(monkeypatch):
    """Nor has one that holds itself."""
    made = StandardScaler().fit(X)
    made.itself_ = [made]
    assert identify(made).weak == "the fitted state holds too much to be hashed"
    monkeypatch.setattr(fitted, "MAX_NODES", 3)
    assert identify(StandardScaler().fit(X)).weak == "the fitted state holds too much to be hashed"
    assert identify(StandardScaler().fit(X), max_bytes=1).digest is None
