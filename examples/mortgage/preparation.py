"""How a mortgage application becomes numbers, in training and in serving alike.

Only functions from table to table live here; files are read and written by `flow.py` and `serve.py`. Each function
states which operation it is and in which version; change the version when the code changes.
"""

import pandas as pd

import orchestrail

OUTCOME = "deny"
PROTECTED = "afam"
RATIOS = ("pirat", "hirat", "lvrat")
NUMBERS = (*RATIOS, "unemp")
GRADES = {"chist": range(1, 7), "mhist": range(1, 5)}
ANSWERS = ("phist", "selfemp", "insurance", "condomin", "hschool")
FEATURES = (*NUMBERS, *GRADES, *ANSWERS)
"""What the model sees. `afam` and `single` are left out: race and marital status may not decide about credit."""

PLAUSIBLE_RATIO = (0.0, 2.0)


@orchestrail.preprocessing("clean", version="1.0.0", serve_time=True)
def clean(applications: pd.DataFrame) -> pd.DataFrame:
    """Write answers in lower case and empty the ratios that cannot be right."""
    cleaned = applications.copy()
    for column in {*ANSWERS, OUTCOME, PROTECTED} & set(cleaned.columns):
        cleaned[column] = cleaned[column].str.strip().str.lower()
    low, high = PLAUSIBLE_RATIO
    for column in RATIOS:
        cleaned[column] = cleaned[column].where(cleaned[column].between(low, high, inclusive="neither"))
    return cleaned


@orchestrail.preprocessing("fit-imputation", version="1.0.0", fits_state=True, train_only=True)
def fit_imputation(applications: pd.DataFrame) -> dict[str, float]:
    """Find what stands in for a missing number: the median of the training applications."""
    return {column: float(applications[column].median()) for column in NUMBERS}


@orchestrail.preprocessing("impute", version="1.0.0", serve_time=True, state="medians")
def impute(applications: pd.DataFrame, medians: dict[str, float]) -> pd.DataFrame:
    """Fill missing numbers with the medians of the training applications."""
    return applications.fillna(medians)


@orchestrail.preprocessing("encode", version="1.0.0", serve_time=True)
def encode(applications: pd.DataFrame) -> pd.DataFrame:
    """Turn the answers `yes` and `no` into 1 and 0."""
    encoded = applications.copy()
    for column in ANSWERS:
        encoded[column] = (encoded[column] == "yes").astype(int)
    return encoded
