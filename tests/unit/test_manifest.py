"""The manifest: what can be stated, what is refused and with which words, and that it comes back from JSON as it went."""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.errors import ConfigurationError
from orchestrail.manifest import Manifest, manifest_of_file

WHOLE = """
[systems.scoring]
purpose = "Decide about loans"
provider = "Example Bank"
version = "3"
predecessor = "none"
risk_class = "high_risk_annex_iii"
risk_reason = "Annex III, 5(b)"
role = "provider"
planning_date = 2027-12-02
deterministic = false
monitoring_interval_days = 30

[systems.scoring.pipelines.train]
since = 2026-03-01
steps = ["train.clean", "train.fit", "train.mend"]
edges = ["train.clean -> train.fit", "train.clean -> train.mend"]
not_taken = ["train.mend", "train.clean -> train.mend"]

[systems.other]

[policy]
retention_months = 24
mutable_versions = ["latest"]

[[not_applicable]]
requirement = "PREP-04"
reason = "Nothing of it is served."
by = "mb"
system = "scoring"

[[fields]]
field = "/run/facets/orchestrail_run/actor"
class = "pseudonymous"
purpose = "who started a run"

[[fields]]
field = "/run/facets/errorMessage/*"
class = "personal"
purpose = "why a run failed"
until = 2027-03-01

[[fields]]
dataset = "*/applicants.csv"
column = "income"
class = "none"
"""


def manifest(text: str) -> Manifest:
    return manifest_of_file(Path("orchestrail.toml"), tomllib.loads(text))


def test_all_that_can_be_stated_is_read() -> None:
    """Each table with its values, and what is asked for by place."""
    found = manifest(WHOLE)
    scoring, other = found.systems
    assert (scoring.version, scoring.planning_date, scoring.missing) == ("3", date(2027, 12, 2), ())
    assert len(other.missing) == 8
    (pipeline,) = scoring.pipelines
    assert pipeline.pairs == {("train.clean", "train.fit"), ("train.clean", "train.mend")}
    assert found.pipeline("train") == pipeline
    assert found.pipeline("serve") is None
    assert (found.policy.retention_months, found.policy.max_run_age_days) == (24, None)


def test_a_requirement_is_exempt_where_it_was_said_to_be() -> None:
    """Of one system, and of no other."""
    found = manifest(WHOLE)
    assert found.exempt("PREP-04", "scoring") is not None
    assert found.exempt("PREP-04", "other") is None
    assert found.exempt("PREP-04") is None
    assert found.exempt("PREP-05", "scoring") is None


def test_the_first_class_that_fits_a_field_counts() -> None:
    """`*` stands for any text; brackets and question marks stand for themselves."""
    found = manifest(
        WHOLE + '[[fields]]\nfield = "/a[1]?/*"\nclass = "none"\n[[fields]]\nfield = "/*"\nclass = "none"\n'
    )
    assert found.class_of("/run/facets/errorMessage/message").until == date(2027, 3, 1)
    assert found.class_of("/run/facets/orchestrail_run/actor").kind == "pseudonymous"
    assert found.class_of("/a[1]?/b") is found.fields[3]
    assert found.class_of("/a1x/b") is found.fields[4]
    assert manifest(WHOLE).class_of("/job/name") is None


def test_json_gives_the_same_manifest() -> None:
    """What is on the record is what was stated, and has its digest; any change of it has another."""
    found = manifest(WHOLE)
    again = Manifest.model_validate(json.loads(json.dumps(found.document())))
    assert again == found
    assert again.digest == found.digest
    assert manifest(WHOLE.replace('"3"', '"4"')).digest != found.digest


MISTAKES = [
    ('role = "provider"', 'role = "owner"', "systems.scoring.role", "'provider' or 'deployer'"),
    ("purpose =", "purposes =", "systems.scoring.purposes", "Allowed: purpose, provider"),
    ('risk_class = "high_risk_annex_iii"', 'risk_class = "high"', "systems.scoring.risk_class", "'not_high_risk'"),
    ("planning_date = 2027-12-02", "planning_date = 3", "systems.scoring.planning_date", "date"),
    ("planning_date = 2027-12-02", 'planning_date = "soon"', "systems.scoring.planning_date", "isoformat"),
    (
        "monitoring_interval_days = 30",
        "monitoring_interval_days = 0",
        "monitoring_interval_days",
        "greater than or equal",
    ),
    ("deterministic = false", 'deterministic = "no"', "systems.scoring.deterministic", "boolean"),
    ("deterministic = false", 'name = "x"', "systems.scoring.name", "head of the table"),
    ("train.clean -> train.fit", "train.clean -> train.fitt", "systems.scoring.pipelines.train", "none of the steps"),
    ("train.clean -> train.fit", "train.clean", "systems.scoring.pipelines.train", "Allowed|allowed"),
    ('not_taken = ["train.mend"', 'not_taken = ["train.lend"', "systems.scoring.pipelines.train", "none of the steps"),
    ("retention_months = 24", "retention_months = -1", "policy.retention_months", "greater than or equal"),
    ("retention_months = 24", "retention = 24", "policy.retention", "Allowed: grace_hours"),
    ("[policy]", "[[policy]]", "`policy`", "It is a table"),
    ("[[not_applicable]]", "[not_applicable]", "`not_applicable`", r"Allowed: \[\[not_applicable\]\]"),
    ('requirement = "PREP-04"', 'requirement = "prep"', r"not_applicable\[1\].requirement", "no id of a requirement"),
    ('reason = "Nothing of it is served."', 'reason = "no"', r"not_applicable\[1\].reason", "at least 10"),
    ('system = "scoring"', 'system = "score"', r"not_applicable\[1\].system", "Allowed: scoring, other"),
    ('class = "personal"', 'class = "private"', r"fields\[2\].class", "'none', 'pseudonymous' or 'personal'"),
    ("until = 2027-03-01", "", r"fields\[2\]", "needs until"),
    ('field = "/run/facets/errorMessage/*"', 'field = "errorMessage"', r"fields\[2\]", "no JSON pointer"),
    ('column = "income"', "", r"fields\[3\]", "Name either"),
    ("[systems.other]", "[systems]\nother = 3", "systems.other", "It is a table"),
]


@pytest.mark.parametrize(("right", "wrong", "place", "why"), MISTAKES, ids=lambda text: text[:30])
def test_a_mistake_is_told_with_file_place_and_what_is_allowed(right: str, wrong: str, place: str, why: str) -> None:
    """One mistake in a manifest that is right otherwise."""
    assert right in WHOLE
    text = WHOLE.replace(right, wrong, 1)
    if wrong.startswith("[systems]"):
        text = wrong
    with pytest.raises(ConfigurationError, match=f"(?s){place}.*orchestrail\\.toml.*(?:{why})"):
        manifest(text)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["systems", "policy", "not_applicable", "fields"]), plain, max_size=4))
def test_whatever_stands_there_is_read_or_told(tables: dict[str, Any]) -> None:
    """Never an error of another kind."""
    with suppress(ConfigurationError):
        assert isinstance(manifest_of_file(None, tables), Manifest)


def test_the_manifest_of_the_example_states_what_is_so() -> None:
    """Purpose, class and their reasons; what nobody plans or has decided is left out, and its README says what follows."""
    example = Path(__file__).parents[2] / "examples" / "mortgage"
    found = manifest((example / "orchestrail.toml").read_text(encoding="utf-8"))
    (system,) = found.systems
    assert (system.name, system.risk_class, system.missing) == (
        "mortgage-approval",
        "not_high_risk",
        ("planning_date",),
    )
    assert found.policy.retention_months is None
    readme = (example / "README.md").read_text(encoding="utf-8")
    (told,) = [line for line in readme.splitlines() if "are not applicable" in line]
    assert {one.requirement for one in found.not_applicable} == {"CACHE-01", "LIN-05"}
    assert all(one.requirement in told for one in found.not_applicable)


def test_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    """As it stands in the file."""
    file = tmp_path / "orchestrail.toml"
    file.write_text(WHOLE.replace('class = "personal"', 'class = "private"'))
    with pytest.raises(ConfigurationError) as raised:
        manifest_of_file(file, tomllib.loads(file.read_text()))
    line = file.read_text().splitlines().index('class = "private"') + 1
    assert raised.value.why.startswith(f"{file}, line {line}: Input should be 'none', ")
