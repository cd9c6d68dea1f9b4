"""What is found in single texts, and what is not: digests, ids, versions and names of packages are no secrets."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.scanning import personal, secrets
from orchestrail.scanning.fields import Field, fields, general
from orchestrail.scanning.scan import Scan

LETTERS = hashlib.sha256(b"a secret").hexdigest()
MIXED = "q7LmZx2VbN9tRw4KcY8pHd3JfGs6TaEu"
PLANTED = {
    "AWS key id": "denied for AKIAQ7LMZX2VBN9TRW4K",
    "AWS secret key": f"used {MIXED}/Xa1Zq9",
    "Azure account key": f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={MIXED}==;",
    "GitHub token": f"remote said ghp_{MIXED}Xa1Z",
    "GitLab token": f"glpat-{MIXED[:20]}",
    "Google key": f"AIzaSy{MIXED}A",
    "JWT": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{MIXED}.c2ln{MIXED}",
    "PEM": f"-----BEGIN RSA PRIVATE KEY-----\n{MIXED}\n-----END RSA PRIVATE KEY-----",
    "Slack hook": f"POST https://hooks.slack.com/services/T0AB12CD3/B0CD34EF5/{MIXED[:24]}",
    "Slack token": f"xoxb-123456789012-123456789012-{MIXED[:24]}",
    "Stripe key": f"sk_live_{MIXED}",
    "SendGrid key": f"SG.{MIXED[:22]}.{MIXED}{MIXED[:11]}",
    "npm token": f"npm_{MIXED}Xa1Z",
    "password in a URL": "postgresql://me:Hx83mQz@db/loans",
    "password in a statement": "CREATE USER me WITH PASSWORD 'Hx83mQz'",
    "assignment": "PASSWORD='Hx83mQz' is wrong",
    "bearer": f"Authorization: Bearer {MIXED}",
    "cookies": "Cookie: lang=en; sessionid=Hx83mQzt",
    "hexadecimal token": f"token refused: {LETTERS[:40]}",
    "random text": f"signed with {MIXED}",
    "YAML": "db:\n  user: me\n  db_password: Hx83mQz",
}
CLEAN = [
    f"sha256:{LETTERS}",
    f"py-tokens-2:sha256:{LETTERS}",
    f"hmac-sha256:{LETTERS}",
    "0192f000-0000-7000-8000-0000000000a1",
    "2026-03-01T12:00:00.000000Z",
    "/data/2026-03-01/applicants_Q1_final-v2.parquet",
    "s3://bucket/warehouse/LoanApplications/Year=2026/part-00001-of-00128.snappy.parquet",
    "sklearn.ensemble._hist_gradient_boosting.HistGradientBoostingClassifier",
    "select a, b from loans where year = 2026 and State = 'DE'",
    "git@github.com:example/loans.git",
    "https://openlineage.io/spec/facets/1-0-0/ParentRunFacet.json#/$defs/ParentRunFacet",
    "4.7.4",
    "[redacted]",
    "password=[redacted]",
    "CUDA 12.4, NVIDIA A100-SXM4-80GB",
    "ValueError: could not convert string to float: 'abc' at line 12",
]


@pytest.fixture(scope="module")
def look() -> Any:
    """All detectors of secrets."""
    return secrets.looker()


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found(look: Any, kind: str) -> None:
    """In a message of an error."""
    assert look(Field("/run/facets/errorMessage/message", "message", PLANTED[kind]))


@pytest.mark.parametrize("text", CLEAN)
def test_what_a_clean_record_has_is_no_secret(look: Any, text: str) -> None:
    """In any field."""
    assert list(look(Field("/run/facets/x/message", "message", text))) == []
    assert list(personal.look(Field("/run/facets/x/message", "message", text))) == []


def test_the_name_of_a_field_tells(look: Any) -> None:
    """A value under the name of a secret is one, unless it says that it is none; a digest under the name of an id is an id."""
    for name, text in (("db_password", "airflow"), ("apiKey", "x7Gz21"), ("token", "abcd efgh")):
        assert list(look(Field("/p", name, text))) == [("Value under a telling name", text)]
    for name, text in (
        ("db_password", ""),
        ("token", "[redacted]"),
        ("token", f"sha256:{LETTERS}"),
        ("password", "None"),
    ):
        assert list(look(Field("/p", name, text))) == []
    assert look(Field("/p", "value", LETTERS[:40]))
    for name in ("commit", "datasetVersion", "externalId", "runId", "checksum", "name", "digest"):
        assert list(look(Field("/p", name, LETTERS[:40]))) == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("no loan for jane.doe@bank.example.", "E-mail address", "jane.doe@bank.example"),
        ("paid to DE89 3704 0044 0532 0130 00 today", "IBAN", "DE89370400440532013000"),
        ("IBAN=GB82WEST12345698765432", "IBAN", "GB82WEST12345698765432"),
        ("call +49 30 901820 now", "Telephone number", "+49 30 901820"),
        ("/home/jane.doe/loans/data.csv", "Name of a home folder", "jane.doe"),
        ("C:\\Users\\Jane\\data.csv", "Name of a home folder", "Jane"),
        ("file:/Users/jane/data.csv", "Name of a home folder", "jane"),
        ("file:///export/home/jane/x", "Name of a home folder", "jane"),
    ],
)
def test_personal_data_is_found_by_its_form(text: str, kind: str, value: str) -> None:
    """With the value that stands for the person."""
    assert list(personal.look(Field("/p", "x", text))) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:example/loans.git",
        "impute@1.2.0",
        "DE89370400440532013001",
        "DE8937040044053201",
        "XX89370400440532013000",
        "/home/airflow/dags/x.py",
        "/srv/record/home/spool/x.seg",
        "/home/runner/work",
        "2026-03-01T12:00:00+01:00",
        "+1234567",
        "a+b@c",
    ],
)
def test_what_only_resembles_personal_data_is_none(text: str) -> None:
    """Addresses of machines, versions, numbers whose check digits are wrong, accounts of images."""
    assert list(personal.look(Field("/p", "x", text))) == []


def test_every_text_has_its_place_and_its_name() -> None:
    """As a JSON pointer; an entry that is named by another one beside it has that one's name; keys are texts too."""
    event = {"a": [{"key": "db_password", "value": "x"}, "y"], "b/c": {"d~e": "z"}, "n": 3, "t": {"value": "v"}}
    found = set(fields(event))
    assert {
        Field("/a/0/value", "db_password", "x"),
        Field("/a/1", "a", "y"),
        Field("/b~1c/d~0e", "d~e", "z"),
        Field("/t/value", "t", "v"),
        Field("/b~1c", "", "b/c"),
    } <= found
    assert not any(one.name == "n" for one in found)


def test_fields_are_listed_without_what_differs() -> None:
    """Numbers of entries, and names that people gave."""
    assert general("/inputs/12/name") == "/inputs/*/name"
    assert general("/run/facets/orchestrail_parameters/parameters/rate/value") == (
        "/run/facets/orchestrail_parameters/parameters/*/value"
    )
    assert general("/run/facets/orchestrail_run/actor") == "/run/facets/orchestrail_run/actor"


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(anything)
def test_any_event_can_be_looked_at(event: Any) -> None:
    """Nothing that JSON can hold makes it fail, and each place leads back to a text."""
    made = Scan(
        lambda family, value: f"hmac-sha256:{hashlib.sha256((family + value).encode('utf-8', 'replace')).hexdigest()}"
    )
    made.take(0, event)
    for one in fields(event):
        held = event
        for part in one.pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            held = held[int(key)] if isinstance(held, list) else held[key]
        assert one.text in (held, one.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~"))


def test_the_same_value_is_one_finding() -> None:
    """However often it stands there; the value itself is in no result."""
    made = Scan(lambda family, value: f"hmac-sha256:{hashlib.sha256(value.encode()).hexdigest()}")
    for seq in range(70):
        made.take(seq, {"run": {"facets": {"errorMessage": {"message": f"refused: {PLANTED['GitHub token']}"}}}})
    (found,) = made.found.values()
    assert (found.family, found.count, len(found.places)) == ("secret", 70, 50)
    assert found.places[0] == (0, "/run/facets/errorMessage/message")
    assert MIXED not in json.dumps([str(found), sorted(made.fields)])


def test_two_secrets_of_one_kind_are_two_findings(look: Any) -> None:
    """The value is the whole secret, and not the part that all of its kind begin with."""
    for kind in ("GitHub token", "Slack token", "Stripe key", "PEM", "AWS key id"):
        other = PLANTED[kind].replace(MIXED[:16], MIXED[:16].swapcase()).replace("Q7LMZX", "LMZXQ7")
        assert other != PLANTED[kind]
        first, second = (list(look(Field("/p", "message", text))) for text in (PLANTED[kind], other))
        assert {value for _, value in first}.isdisjoint(value for _, value in second), kind
