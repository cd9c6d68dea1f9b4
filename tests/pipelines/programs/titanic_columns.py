"""Columns of different kinds in one pipeline, after scikit-learn's example "Column Transformer with Mixed Types"."""

import json
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectPercentile, chi2
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def main() -> float:
    np.random.seed(0)
    passengers = pd.read_csv("titanic.csv", dtype={"embarked": "category", "sex": "category", "pclass": "category"})
    features, survived = passengers.drop(columns="survived"), passengers["survived"]
    numbers = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    words = Pipeline(
        [("encode", OneHotEncoder(handle_unknown="ignore")), ("select", SelectPercentile(chi2, percentile=50))]
    )
    columns = ColumnTransformer([("num", numbers, ["age", "fare"]), ("cat", words, ["embarked", "sex", "pclass"])])
    model = Pipeline([("prepare", columns), ("classify", LogisticRegression())])
    x_train, x_test, y_train, y_test = train_test_split(features, survived, test_size=0.2, random_state=0)
    space = {
        "prepare__num__impute__strategy": ["mean", "median"],
        "prepare__cat__select__percentile": [30, 50, 70],
        "classify__C": [0.1, 1.0, 10, 100],
    }
    search = RandomizedSearchCV(model, space, n_iter=4, random_state=0).fit(x_train, y_train)
    pd.DataFrame(search.cv_results_).to_csv("search.csv")
    joblib.dump(search.best_estimator_, "titanic.joblib", compress=3)
    score = float(search.score(x_test, y_test))
    Path("score.json").write_text(json.dumps({"score": round(score, 3)}))
    return round(score, 3)
