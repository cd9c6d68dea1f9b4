"""A model generation process as a Prefect flow: from a table of mortgage applications to a model file.

The tasks read and write files and hand paths on, so each data set has a content to identify it by. The steps that
prepare the data are in `data.py`, which the Airflow DAG of `dag.py` runs too; what they do to a table is in
`preparation.py`, which `serve.py` uses as well. Of orchestrail a flow needs the one decorator above it; the markings on
the steps add what cannot be seen from outside: a step's role, a check, a metric.

    python flow.py --data hmda-boston-1990.csv --out out
"""

import argparse
import json
import os
from pathlib import Path


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a model on mortgage applications.")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--data", type=Path, help="CSV file of applications")
    start.add_argument("--prepared", type=Path, help="folder with the parts that dag.py prepared")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything the flow writes")
    return parser.parse_args()


def set_up_prefect(out: Path) -> None:
    """Keep Prefect's own files below `out` and let it send nothing, where the environment does not say otherwise."""
    home = out.resolve() / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str(home))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "300")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    # The temporary server is stopped while it still writes; it and its database driver would say so.
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_ROOT_LEVEL", "CRITICAL")


if __name__ == "__main__":  # Prefect reads its settings when it is imported, so they come first.
    set_up_prefect(read_arguments().out)

import joblib
import pandas as pd
import sklearn
from prefect import flow, task
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import data
import orchestrail
import preparation
from data import SEED, write_json, write_table
from orchestrail_prefect import audited
from preparation import FEATURES, OUTCOME, PROTECTED

SMALLEST_GROUP = 20
"""Groups with fewer members are not reported: figures about a few people point at these people."""

ingest = task(retries=2, retry_delay_seconds=1)(data.ingest)
validate, clean, split = task(data.validate), task(data.clean), task(data.split)
fit_imputation, impute = task(data.fit_imputation), task(data.impute)


@task
def encode(part: str, out: str) -> str:
    """Turn the answers of one part into numbers."""
    name = f"{Path(part).stem.replace('imputed', 'encoded')}.csv"
    return write_table(Path(out, name), preparation.encode(pd.read_csv(part)))


@task
@orchestrail.step(role="train")
def train_model(part: str, out: str) -> str:
    """Fit a scaled logistic regression."""
    orchestrail.record_input(part, role="train")
    table = pd.read_csv(part)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=SEED))
    model.fit(table[list(FEATURES)], table[OUTCOME] == "yes")
    path = Path(out, "candidate.joblib")
    joblib.dump(model, path)
    orchestrail.record_output(path, kind="model")
    return str(path)


@task
@orchestrail.step(role="evaluate")
def evaluate_performance(model: str, test: str, out: str) -> str:
    """Measure how often and how well the model agrees with the decisions of 1990."""
    orchestrail.record_input(test, role="test")
    table = pd.read_csv(test)
    denied = table[OUTCOME] == "yes"
    score = joblib.load(model).predict_proba(table[list(FEATURES)])[:, 1]
    metrics = {"accuracy": float(accuracy_score(denied, score > 0.5)), "auc": float(roc_auc_score(denied, score))}
    for name, value in metrics.items():
        orchestrail.record_metric(name, value, dataset=test)
    return write_json(Path(out, "performance.json"), metrics)


@task
@orchestrail.step(role="evaluate")
def evaluate_groups(model: str, test: str, out: str) -> str:
    """Compare the predicted denials between groups that the model does not know."""
    orchestrail.record_input(test, role="test")
    table = pd.read_csv(test)
    table["predicted"] = joblib.load(model).predict(table[list(FEATURES)])
    groups = {
        str(group): {"count": len(members), "denial_rate": float(members["predicted"].mean())}
        for group, members in table.groupby(PROTECTED)
        if len(members) >= SMALLEST_GROUP
    }
    for group, facts in groups.items():
        orchestrail.record_metric(f"denial_rate[{PROTECTED}={group}]", facts["denial_rate"], dataset=test)
    approvals = [1 - facts["denial_rate"] for facts in groups.values()]
    ratio = min(approvals) / max(approvals) if len(approvals) > 1 else None
    # Four fifths is a rule of thumb of US employment law, used here as a signal and not as a verdict.
    if ratio is not None:
        orchestrail.record_check(
            "approval-rate-ratio", ratio >= 0.8, kind="bias", severity="warn", expected=0.8, actual=ratio, dataset=test
        )
    return write_json(
        Path(out, "groups.json"), {"attribute": PROTECTED, "groups": groups, "approval_rate_ratio": ratio}
    )


@task
@orchestrail.step(role="package")
def package(candidate: str, medians: str, reports: list[str], out: str) -> str:
    """Put the model, what it needs to serve, and what is known of it, into one file and a card."""
    facts = {Path(report).stem: json.loads(Path(report).read_text()) for report in reports}
    card = {
        "purpose": "An example: predicts what Boston lenders decided in 1990. Not for any decision about people.",
        "algorithm": "logistic regression on standardised features",
        "features": list(FEATURES),
        "outcome": OUTCOME,
        "not_used": [PROTECTED, "single"],
        "seed": SEED,
        "libraries": {"scikit-learn": sklearn.__version__, "pandas": pd.__version__},
        **facts,
    }
    write_json(Path(out, "model-card.json"), card)
    path = Path(out, "model.joblib")
    joblib.dump({"model": joblib.load(candidate), "medians": json.loads(Path(medians).read_text()), "card": card}, path)
    orchestrail.record_output(path, kind="model")
    return str(path)


def make_model(train: str, test: str, medians: str, validation: str, out: str) -> str:
    """Encode the prepared parts, train, evaluate and package."""
    train, test = encode(train, out), encode(test, out)
    candidate = train_model(train, out)
    performance = evaluate_performance.submit(candidate, test, out)
    groups = evaluate_groups.submit(candidate, test, out)
    return package(candidate, medians, [validation, performance, groups], out)


@audited(system="mortgage-approval")
@flow(name="mortgage")
def mortgage(source: str, out: str) -> str:
    """Go from applications to a packaged model and return its path."""
    raw = ingest(source, out)
    validation = validate(raw, out)
    parts = split(clean(raw, out), out)
    medians = fit_imputation(parts["train"], out)
    train, test = (impute(parts[name], medians, out) for name in ("train", "test"))
    return make_model(train, test, medians, validation, out)


@audited(system="mortgage-approval")
@flow(name="mortgage-model")
def mortgage_model(prepared: str, out: str) -> str:
    """Go from what `dag.py` prepared to a packaged model and return its path."""
    names = ("train-imputed.csv", "test-imputed.csv", "medians.json", "validation.json")
    return make_model(*(str(Path(prepared, name)) for name in names), out)


def main() -> None:
    """Run the flow and say in a few lines what came out."""
    arguments = read_arguments()
    out = arguments.out.resolve()
    if arguments.prepared:
        model = mortgage_model(str(arguments.prepared.resolve()), str(out))
    else:
        model = mortgage(str(arguments.data.resolve()), str(out))
    card = json.loads((out / "model-card.json").read_text())
    print(f"model     {model}")
    print(f"rows      {card['validation']['rows']}")
    print(f"accuracy  {card['performance']['accuracy']:.3f}, auc {card['performance']['auc']:.3f}")
    for group, facts in card["groups"]["groups"].items():
        print(f"denied    {facts['denial_rate']:.1%} of {facts['count']} test applications with {PROTECTED}={group}")


if __name__ == "__main__":
    main()
