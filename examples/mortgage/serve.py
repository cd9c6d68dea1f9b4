"""A service that scores applications with the packaged model: plain Python, no orchestrator.

It prepares an application with the very functions that the training used (`preparation.py`), and states under
`orchestrail.serving` which model it loads, so the record shows whether both sides prepare data alike.

    python serve.py --model out/model.joblib
"""

import argparse
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

import orchestrail
import preparation

APPLICATIONS: tuple[dict[str, Any], ...] = (
    {
        "pirat": 0.22, "hirat": 0.22, "lvrat": 0.80, "unemp": 3.9, "chist": 1, "mhist": 1,
        "phist": "no", "selfemp": "no", "insurance": "no", "condomin": "no", "hschool": "yes",
    },
    {
        "pirat": 0.61, "hirat": 0.35, "lvrat": 0.95, "unemp": 3.2, "chist": 6, "mhist": 2,
        "phist": "YES", "selfemp": "no", "insurance": "no", "condomin": "no", "hschool": "yes",
    },
    {  # A ratio that cannot be right: emptied and imputed, as in training.
        "pirat": 31.0, "hirat": 0.28, "lvrat": 0.74, "unemp": 3.1, "chist": 2, "mhist": 2,
        "phist": "no", "selfemp": "yes", "insurance": "no", "condomin": "yes", "hschool": "yes",
    },
)  # fmt: skip
"""Made-up applications."""


def score(bundle: dict[str, Any], application: dict[str, Any]) -> float:
    """Return the estimated probability that a lender of 1990 would have denied `application`."""
    table = preparation.clean(pd.DataFrame([application]))
    table = preparation.encode(preparation.impute(table, bundle["medians"]))
    return float(bundle["model"].predict_proba(table[list(preparation.FEATURES)])[0, 1])


def main() -> None:
    """Score a few applications and print the results."""
    parser = argparse.ArgumentParser(description="Score a few mortgage applications.")
    parser.add_argument("--model", type=Path, required=True, help="model file that flow.py wrote")
    path = parser.parse_args().model.resolve()
    with orchestrail.serving(model=path, deployment="demo", system="mortgage-approval"):
        bundle = joblib.load(path)
        for number, application in enumerate(APPLICATIONS, start=1):
            print(f"application {number}: probability of denial {score(bundle, application):.1%}")


if __name__ == "__main__":
    main()
