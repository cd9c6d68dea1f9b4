"""What is measured with scikit-learn: told once, by the user's own call, with the figure that the user got."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as measures
from sklearn.cluster import KMeans
from sklearn.datasets import load_wine
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from orchestrail.capture import observers
from orchestrail.capture.results import MAX_RESULTS

TRUE, FOUND = [0, 1, 2, 1, 0, 2], [0, 1, 1, 1, 0, 2]
X, Y = load_wine(return_X_y=True)


def told(seen) -> dict[str, object]:
    """Give each metric by its name: none is told twice."""
    names = [metric["name"] for metric in seen.results.metrics]
    assert len(names) == len(set(names))
    return {metric["name"]: metric["value"] for metric in seen.results.metrics}


def test_a_metric_is_told_whoever_took_it_before(observed):
    """This module took it when it was imported; the module has it too."""
    with observed() as seen:
        score = accuracy_score(TRUE, FOUND)
        error = measures.mean_absolute_error(TRUE, FOUND)
    assert told(seen) == {"accuracy_score": score, "mean_absolute_error": error}
    assert seen.results.metrics[0] == {
        "name": "accuracy_score", "value": score, "dataset": None, "rows": 6, "by": "scikit-learn"
    }  # fmt: skip
    observers.uninstall()
    with observed() as seen:
        observers.uninstall()
        accuracy_score(TRUE, FOUND)
    assert told(seen) == {}


def test_several_figures_are_told_one_by_one(observed):
    """One for each class; of very many, only that there were."""
    with observed() as seen:
        scores = f1_score(TRUE, FOUND, average=None)
        macro = f1_score(TRUE, FOUND, average="macro", labels=[0, 1, 2])
        many = measures.mean_squared_error(np.zeros((2, 500)), np.ones((2, 500)), multioutput="raw_values")
    assert told(seen) == {
        **{f"f1_score[{place}]": score for place, score in enumerate(scores.tolist())},
        "f1_score(average=macro)": macro,
        "mean_squared_error(multioutput=raw_values)": f"ndarray of {many.size}",
    }


def test_what_an_estimator_says_of_itself_is_told_by_its_class(observed):
    """A classifier, a regressor, a pipeline, a search, one with a score of its own."""
    forest = RandomForestClassifier(5, random_state=0).fit(X, Y)
    line = LinearRegression().fit(X, Y)
    pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    search = GridSearchCV(LogisticRegression(solver="liblinear"), {"C": [1, 2]}, cv=2).fit(X[:100], Y[:100])
    means = KMeans(3, n_init=1, random_state=0).fit(X)
    with observed() as seen:
        scores = [*(one.score(X, Y) for one in (forest, line, pipe, search)), means.score(X)]
    names = ["RandomForestClassifier", "LinearRegression", "Pipeline", "GridSearchCV", "KMeans"]
    assert told(seen) == {f"{name}.score": score for name, score in zip(names, scores, strict=True)}
    assert {metric["rows"] for metric in seen.results.metrics} == {len(X)}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_cross_validation_is_told_and_what_it_calls_is_not(observed):
    """Scorers, metrics of the user's within them, and an estimator that scores itself while it is fitted."""

    def own(model, some, right):
        return accuracy_score(right, model.predict(some))

    tree = RandomForestClassifier(3, random_state=0)
    with observed() as seen:
        folds = cross_val_score(tree, X, Y, cv=3, scoring=own)
        both = cross_validate(tree, X, Y, cv=2, scoring={"a": make_scorer(accuracy_score)}, return_train_score=True)
        MLPClassifier((4,), max_iter=3, early_stopping=True, random_state=0, n_iter_no_change=9).fit(X, Y)
        make_pipeline(FunctionTransformer(lambda some: [accuracy_score(TRUE, FOUND)] and some)).fit_transform(X)
    assert told(seen) == {
        **{f"cross_val_score of RandomForestClassifier[{n}]": one for n, one in enumerate(folds.tolist())},
        **{f"cross_validate of RandomForestClassifier: test_a[{n}]": x for n, x in enumerate(both["test_a"].tolist())},
        **{
            f"cross_validate of RandomForestClassifier: train_a[{n}]": x for n, x in enumerate(both["train_a"].tolist())
        },
    }


def test_the_seeds_of_what_is_fitted_and_split_are_told(observed):
    """Of parts of a pipeline and of a search too; not those that scikit-learn draws for itself, nor where there is none."""
    forest = RandomForestClassifier(3, random_state=np.int64(4))
    with observed() as seen:
        a, _, c, _ = train_test_split(X, Y, random_state=5)
        list(KFold(3, shuffle=True, random_state=6).split(X))
        make_pipeline(StandardScaler(), ("passthrough"), forest).fit(a, c)
        GridSearchCV(AdaBoostClassifier(forest, n_estimators=2, random_state=7), {"learning_rate": [1]}, cv=2).fit(a, c)
        KMeans(2, n_init=1).fit(X)
        KMeans(2, n_init=1, random_state=np.random.RandomState(1)).fit(X)
    assert [(one["name"], one["value"], one.get("type")) for one in seen.results.seeds] == [
        ("train_test_split.random_state", 5, None),
        ("KFold.random_state", 6, None),
        ("RandomForestClassifier.random_state", 4, None),
        ("AdaBoostClassifier.random_state", 7, None),
        ("KMeans.random_state", None, "RandomState"),
    ]


def test_a_refused_call_tells_nothing(observed):
    """It raises what scikit-learn raises."""
    with observed() as seen, pytest.raises(ValueError, match="inconsistent numbers"):
        accuracy_score(TRUE, FOUND[:3])
    assert told(seen) == {}


def test_metrics_in_a_loop_are_bounded(observed):
    """What is over the bound is told as missing; the last one of the name is kept."""
    with observed() as seen:
        for n in range(MAX_RESULTS + 5):
            measures.max_error([0.0], [float(n)])
    values = [metric["value"] for metric in seen.results.metrics]
    assert values == [*map(float, range(MAX_RESULTS - 1)), float(MAX_RESULTS + 4)]
    assert seen.missing == [("metrics", f"more than {MAX_RESULTS:,} in one run: 5 are not kept")]
