"""What scikit-learn is called for: told by the outermost call, whoever took the function before the recording began."""

from __future__ import annotations

import inspect
import pickle

import joblib
import numpy as np
import pytest
from sklearn import preprocessing
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest, StackingClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectFromModel
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from orchestrail.capture import observers

X, Y = load_wine(return_X_y=True)
FITTED = make_pipeline(StandardScaler(), GaussianNB()).fit(X, Y)


class Clipper(TransformerMixin, BaseEstimator):
    """A transformer as people write them."""

    def fit(self, X, y=None):
        """Learn nothing."""
        return self

    def transform(self, X):
        """Clip."""
        return np.clip(X, 0, 1)


class Constant(ClassifierMixin, BaseEstimator):
    """A classifier as people write them."""

    def fit(self, X, y):
        """Learn nothing."""
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        """Say always the same."""
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: LogisticRegression(max_iter=5000).fit(X, Y), [("train", "LogisticRegression.fit")]),
        (lambda: GaussianNB().partial_fit(X, Y, classes=[0, 1, 2]), [("train", "GaussianNB.partial_fit")]),
        (lambda: KMeans(2).fit(X), [("train", "KMeans.fit")]),
        (lambda: KMeans(2).fit_predict(X), [("train", "KMeans.fit_predict")]),
        (lambda: IsolationForest(n_estimators=2).fit(X), [("train", "IsolationForest.fit")]),
        (lambda: LinearDiscriminantAnalysis().fit(X, Y), [("train", "LinearDiscriminantAnalysis.fit")]),
        (lambda: DummyClassifier().fit(X, Y), [("train", "DummyClassifier.fit")]),
        (lambda: FITTED.fit(X, Y), [("train", "Pipeline.fit")]),
        (lambda: make_pipeline(StandardScaler(), FITTED).fit(X, Y), [("train", "Pipeline.fit")]),
        (
            lambda: GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-8]}, cv=2).fit(X, Y),
            [("train", "GridSearchCV.fit")],
        ),
        (
            lambda: StackingClassifier([("nb", GaussianNB())], GaussianNB(), cv=2).fit(X, Y),
            [("train", "StackingClassifier.fit")],
        ),
        (lambda: StandardScaler().fit(X), [("preprocess", "StandardScaler.fit")]),
        (lambda: StandardScaler().fit_transform(X), [("preprocess", "StandardScaler.fit_transform")]),
        (lambda: PCA(2).fit_transform(X), [("preprocess", "PCA.fit_transform")]),
        (lambda: SimpleImputer().set_output(transform="default").fit_transform(X), [("preprocess", "SimpleImputer.fit_transform")]),
        (lambda: IterativeImputer(max_iter=1).fit_transform(X), [("preprocess", "IterativeImputer.fit_transform")]),
        (lambda: KBinsDiscretizer(2, strategy="kmeans").fit(X), [("preprocess", "KBinsDiscretizer.fit")]),
        (lambda: SelectFromModel(LinearDiscriminantAnalysis()).fit(X, Y), [("preprocess", "SelectFromModel.fit")]),
        (lambda: TfidfVectorizer().fit_transform(["one text", "two"]), [("preprocess", "TfidfVectorizer.fit_transform")]),
        (
            lambda: ColumnTransformer([("scale", StandardScaler(), [0])]).fit_transform(X),
            [("preprocess", "ColumnTransformer.fit_transform")],
        ),
        (lambda: make_pipeline(StandardScaler(), PCA(2)).fit(X), [("preprocess", "Pipeline.fit")]),
        (lambda: Pipeline([("scale", StandardScaler()), ("rest", "passthrough")]).fit(X), [("preprocess", "Pipeline.fit")]),
        (lambda: FITTED[:-1].transform(X), [("preprocess", "Pipeline.transform")]),
        (lambda: FITTED.predict(X), [("evaluate", "Pipeline.predict")]),
        (lambda: FITTED.score(X, Y), [("evaluate", "Pipeline.score")]),
        (
            lambda: FITTED[-1].predict_proba(FITTED[:-1].transform(X)),
            [("preprocess", "Pipeline.transform"), ("evaluate", "GaussianNB.predict_proba")],
        ),
        (lambda: roc_auc_score([0, 1], [0.1, 0.9]), [("evaluate", "roc_auc_score")]),
        (lambda: cross_val_score(FITTED, X, Y), [("evaluate", "cross_val_score")]),
        (lambda: cross_val_predict(FITTED, X, Y), [("evaluate", "cross_val_predict")]),
        (lambda: train_test_split(X, Y), [("split", "train_test_split")]),
        (lambda: train_test_split(X, shuffle=False), [("split", "train_test_split")]),
        (lambda: list(KFold(2).split(X)), [("split", "KFold.split")]),
        (lambda: Clipper().fit_transform(X), [("preprocess", "Clipper.fit_transform")]),
        (lambda: make_pipeline(Clipper(), GaussianNB()).fit(X, Y), [("train", "Pipeline.fit")]),
        (lambda: make_pipeline(StandardScaler(), Clipper()).fit(X, Y), [("preprocess", "Pipeline.fit")]),
        (lambda: Constant().fit(X, Y).score(X, Y), [("evaluate", "Constant.score")]),
        (lambda: load_wine(as_frame=True).frame.describe(), []),
    ],
)  # fmt: skip
def test_the_outermost_call_is_told(observed, call, told):
    """What scikit-learn calls by itself, to fit the parts of a pipeline say, is none of the step's own."""
    with observed() as seen:
        call()
    assert seen.calls == told
    assert seen.missing == []


def test_what_was_watched_is_as_it_was_afterwards(observed):
    """Signatures, pickles and the library itself; and outside of a run nothing is told."""
    before = {name: inspect.signature(getattr(StandardScaler, name)) for name in ("fit", "transform", "fit_transform")}
    with observed() as seen:
        assert {name: inspect.signature(getattr(StandardScaler, name)) for name in before} == before
        pickle.loads(pickle.dumps(StandardScaler().fit(X))).transform(X)
        joblib.Parallel(n_jobs=2)(joblib.delayed(StandardScaler().fit)(X) for _ in range(2))
    assert ("preprocess", "StandardScaler.transform") in seen.calls
    observers.uninstall()
    for kind in (StandardScaler, Pipeline, LogisticRegression, ClassifierMixin):
        for method in vars(kind).values():
            assert "orchestrail" not in str(getattr(getattr(method, "fn", method), "__code__", None))
    with observed() as seen:
        observers.uninstall()
        preprocessing.scale(X)
        StandardScaler().fit(X)
    assert seen.calls == []
