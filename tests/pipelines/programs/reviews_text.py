"""Texts in a folder a class, after the exercise on movie reviews of scikit-learn's tutorial "Working With Text Data"."""

import pickle
from pathlib import Path

from sklearn import metrics
from sklearn.datasets import load_files
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC


def main() -> int:
    reviews = load_files("reviews", shuffle=False, encoding="utf-8")
    train, test, y_train, y_test = train_test_split(reviews.data, reviews.target, test_size=0.25, random_state=0)
    steps = Pipeline([("words", TfidfVectorizer(min_df=1, max_df=0.95)), ("classify", LinearSVC(C=1000))])
    search = GridSearchCV(steps, {"words__ngram_range": [(1, 1), (1, 2)]}, cv=3, n_jobs=2).fit(train, y_train)
    report = metrics.classification_report(
        y_test, search.predict(test), target_names=reviews.target_names, zero_division=0
    )
    Path("report.txt").write_text(report)
    with Path("reviews.pkl").open("wb") as file:
        pickle.dump(search.best_estimator_, file)
    return len(reviews.data)
