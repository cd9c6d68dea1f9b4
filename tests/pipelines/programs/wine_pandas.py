"""The wine data of scikit-learn with pandas: a partitioned Parquet folder, a split, a pipeline of scikit-learn, joblib."""

from pathlib import Path

import joblib
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main() -> float:
    raw = pd.read_csv("wine.csv")
    raw.to_parquet("wine", partition_cols=["target"])
    wine = pd.read_parquet("wine").astype({"target": int})
    train, test = train_test_split(wine, test_size=0.3, random_state=0, stratify=wine["target"])
    train.to_parquet("train.parquet", index=False)
    test.to_parquet("test.parquet", index=False)
    train = pd.read_parquet("train.parquet")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(
        train.drop(columns="target"), train["target"]
    )
    joblib.dump(model, "model.tmp")
    Path("model.tmp").replace("model.joblib")
    test = pd.read_parquet("test.parquet")
    score = accuracy_score(test["target"], joblib.load("model.joblib").predict(test.drop(columns="target")))
    Path("metrics.json").write_text(f'{{"accuracy": {score:.3f}}}\n')
    return score
