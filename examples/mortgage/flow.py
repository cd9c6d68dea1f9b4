"""A model generation process as a Prefect flow: from a table of mortgage applications to a model file.

The tasks read and write files and hand paths on, so each data set has a content to identify it by. What is done to
the data is in `preparation.py`, which `serve.py` uses too. Of orchestrail the flow needs the one decorator at
`mortgage`; the markings on the tasks add what cannot be seen from outside: a step's role, a check, a metric.

    python flow.py --data hmda-boston-1990.csv --out out
"""

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a model on mortgage applications.")
    parser.add_argument("--data", type=Path, required=True, help="CSV file of applications")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything the flow writes")
    return parser.parse_args()


def set_up_prefect(out: Path) -> None:
    """Keep Prefect's own files below `out` and let it send nothing, where the environment does not say otherwise."""
    home = out.resolve() / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PREFECT_HOME", str(home))
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "60")
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    # The temporary server is stopped while it still writes, and says so.
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "CRITICAL")


if __name__ == "__main__":  # Prefect reads its settings when it is imported, so they come first.
    set_up_prefect(read_arguments().out)

import joblib
import pandas as pd
import sklearn
from prefect import flow, task
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import orchestrail
import preparation
from orchestrail_prefect import audited
from preparation import ANSWERS, FEATURES, GRADES, OUTCOME, PLAUSIBLE_RATIO, PROTECTED, RATIOS

SEED = 20
TEST_SHARE = 0.25
SMALLEST_GROUP = 20
"""Groups with fewer members are not reported: figures about a few people point at these people."""


class DataRefused(Exception):
    """The applications do not have the form that the flow is made for."""


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Write `content` so that equal content makes an equal file."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    return path


def write_table(path: Path, table: pd.DataFrame) -> Path:
    """Write `table` as CSV."""
    table.to_csv(path, index=False)
    return path


@task(retries=2, retry_delay_seconds=1)
@orchestrail.step(role="ingest")
def ingest(source: Path, out: Path) -> Path:
    """Copy the source, so that the rest of the flow works on a file that nobody else changes."""
    orchestrail.record_input(source, role="source")
    return Path(shutil.copyfile(source, out / "raw.csv"))


@task
@orchestrail.step(role="other")
def validate(raw: Path, out: Path) -> Path:
    """Check form and ranges; refuse data that the flow is not made for."""
    table = pd.read_csv(raw)
    low, high = PLAUSIBLE_RATIO
    implausible = int(
        (~table[list(RATIOS)].apply(lambda ratio: ratio.between(low, high, inclusive="neither"))).any(axis=1).sum()
    )
    answers = [OUTCOME, PROTECTED, *ANSWERS]
    checks = [
        # name, kind, severity, what was found, whether that is well
        ("no-missing-values", "quality", "error", int(table.isna().sum().sum()), not table.isna().any(axis=None)),
        ("answers-are-yes-or-no", "quality", "error", None, bool(table[answers].isin(["yes", "no"]).all(axis=None))),
        (
            "grades-in-range",
            "quality",
            "error",
            None,
            all(table[name].isin(list(GRADES[name])).all() for name in GRADES),
        ),
        ("ratios-plausible", "quality", "warn", implausible, implausible == 0),
    ]
    for name, kind, severity, found, success in checks:
        orchestrail.record_check(name, success, kind=kind, severity=severity, actual=found)
    report = [dict(zip(("name", "kind", "severity", "found", "success"), check, strict=True)) for check in checks]
    path = write_json(out / "validation.json", {"rows": len(table), "checks": report})
    failed = [check["name"] for check in report if check["severity"] == "error" and not check["success"]]
    if failed:
        raise DataRefused(f"{raw.name}: {', '.join(failed)}; see {path.name}")
    return path


@task
def clean(raw: Path, out: Path) -> Path:
    """Clean the applications."""
    return write_table(out / "clean.csv", preparation.clean(pd.read_csv(raw)))


@task
@orchestrail.step(role="split")
def split(cleaned: Path, out: Path) -> tuple[Path, Path]:
    """Set a quarter of the applications aside for the test, with the same share of denials in both parts."""
    table = pd.read_csv(cleaned)
    train, test = train_test_split(table, test_size=TEST_SHARE, random_state=SEED, stratify=table[OUTCOME])
    return write_table(out / "train.csv", train), write_table(out / "test.csv", test)


@task
def fit_imputation(train: Path, out: Path) -> Path:
    """Take from the training part, and from it alone, what stands in for missing numbers."""
    return write_json(out / "medians.json", preparation.fit_imputation(pd.read_csv(train)))


@task
def impute(part: Path, medians: Path) -> Path:
    """Fill the missing numbers of one part."""
    table = preparation.impute(pd.read_csv(part), json.loads(medians.read_text()))
    return write_table(part.with_stem(f"{part.stem}-imputed"), table)


@task
def encode(part: Path) -> Path:
    """Turn the answers of one part into numbers."""
    table = preparation.encode(pd.read_csv(part))
    return write_table(part.with_stem(part.stem.replace("imputed", "encoded")), table)


@task
@orchestrail.step(role="train")
def train_model(part: Path, out: Path) -> Path:
    """Fit a scaled logistic regression."""
    orchestrail.record_input(part, role="train")
    table = pd.read_csv(part)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, random_state=SEED))
    model.fit(table[list(FEATURES)], table[OUTCOME] == "yes")
    path = out / "candidate.joblib"
    joblib.dump(model, path)
    orchestrail.record_output(path, kind="model")
    return path


@task
@orchestrail.step(role="evaluate")
def evaluate_performance(model: Path, test: Path, out: Path) -> Path:
    """Measure how often and how well the model agrees with the decisions of 1990."""
    orchestrail.record_input(test, role="test")
    table = pd.read_csv(test)
    denied = table[OUTCOME] == "yes"
    score = joblib.load(model).predict_proba(table[list(FEATURES)])[:, 1]
    metrics = {"accuracy": float(accuracy_score(denied, score > 0.5)), "auc": float(roc_auc_score(denied, score))}
    for name, value in metrics.items():
        orchestrail.record_metric(name, value, dataset=test)
    return write_json(out / "performance.json", metrics)


@task
@orchestrail.step(role="evaluate")
def evaluate_groups(model: Path, test: Path, out: Path) -> Path:
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
    return write_json(out / "groups.json", {"attribute": PROTECTED, "groups": groups, "approval_rate_ratio": ratio})


@task
@orchestrail.step(role="package")
def package(candidate: Path, medians: Path, reports: list[Path], out: Path) -> Path:
    """Put the model, what it needs to serve, and what is known of it, into one file and a card."""
    facts = {report.stem: json.loads(report.read_text()) for report in reports}
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
    write_json(out / "model-card.json", card)
    path = out / "model.joblib"
    joblib.dump({"model": joblib.load(candidate), "medians": json.loads(medians.read_text()), "card": card}, path)
    orchestrail.record_output(path, kind="model")
    return path


@audited(system="mortgage-approval")
@flow(name="mortgage")
def mortgage(data: Path, out: Path) -> Path:
    """Go from applications to a packaged model and return its path."""
    raw = ingest(data, out)
    validation = validate(raw, out)
    cleaned = clean(raw, out)
    train, test = split(cleaned, out)
    medians = fit_imputation(train, out)
    train, test = (encode(impute(part, medians)) for part in (train, test))
    candidate = train_model(train, out)
    performance = evaluate_performance.submit(candidate, test, out)
    groups = evaluate_groups.submit(candidate, test, out)
    return package(candidate, medians, [validation, performance, groups], out)


def main() -> None:
    """Run the flow and say in a few lines what came out."""
    arguments = read_arguments()
    out = arguments.out.resolve()
    model = mortgage(arguments.data.resolve(), out)
    card = json.loads((out / "model-card.json").read_text())
    print(f"model     {model}")
    print(f"rows      {card['validation']['rows']}")
    print(f"accuracy  {card['performance']['accuracy']:.3f}, auc {card['performance']['auc']:.3f}")
    for group, facts in card["groups"]["groups"].items():
        print(f"denied    {facts['denial_rate']:.1%} of {facts['count']} test applications with {PROTECTED}={group}")


if __name__ == "__main__":
    main()
