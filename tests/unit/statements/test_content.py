"""What a person may state, and the one form that is signed."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.statements.content import Unusable, content_of, problem_of_text

DIGEST = "sha256:" + "ab" * 32
SAID = {
    "kind": "statement",
    "about": ["DATA-02", "IV(2)(d)"],
    "subject": {"kind": "data", "name": "file:/data/applicants.csv", "digest": DIGEST},
    "by": "dana",
    "role": "data_steward",
    "madeAt": "2026-03-01T12:00:00.000000Z",
    "validUntil": "2027-03-01",
    "statement": "Collected by the branches in 2025 from loan forms.",
    "fields": [{"name": "origin", "value": "loan forms"}, {"name": "gaps", "value": "no self-employed before 2024"}],
    "evidence": [{"name": "datasheet.pdf", "digest": DIGEST}],
}
WAIVER = {
    **SAID,
    "kind": "waiver",
    "validUntil": "2026-08-28",
    "reason": "The new digest is checked by hand until May.",
}
WITHDRAWAL = {
    **SAID,
    "kind": "withdrawal_of_statement",
    "about": [],
    "withdraws": DIGEST,
    "reason": "The forms were of 2023, not 2025.",
}
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    str.strip
)


@pytest.mark.parametrize("said", [SAID, WAIVER, WITHDRAWAL], ids=["statement", "waiver", "withdrawal"])
def test_a_content_is_read_as_it_was_written(said):
    """The record's form is the same again, and so is the id."""
    content = content_of(said)
    again = content_of(json.loads(json.dumps(content.document())))
    assert (again, again.id) == (content, content.id)


@given(texts, texts, st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{3,10}", fullmatch=True), texts, max_size=4))
def test_the_signed_form_depends_on_the_content_alone(by, words, fields):
    """Whatever the order in which fields were given, and whatever letters stand in them."""
    listed = [{"name": f"x_{name}", "value": value} for name, value in fields.items()]
    said = {**SAID, "by": by, "statement": f"It says this: {words}.", "fields": listed}
    try:
        content = content_of(said)
    except Unusable:
        return  # the words happened to be those of a template
    assert content_of({**dict(reversed(said.items())), "fields": listed[::-1]}).payload == content.payload
    assert json.loads(content.payload)["predicate"]["by"] == by


@given(st.sampled_from(["by", "role", "statement", "madeAt", "validUntil", "about", "subject"]), texts)
def test_another_content_has_another_id(field, value):
    """Each field is signed."""
    if field == "about":
        other = {**SAID, field: ["DATA-03"]}
    elif field == "subject":
        other = {**SAID, field: {**SAID["subject"], "name": value}}
    else:
        replaced = {
            "by": value,
            "role": "risk_owner",
            "statement": "Something else was stated here.",
            "madeAt": "2026-03-01T12:00:00.000001Z",
            "validUntil": "2027-03-02",
        }
        other = {**SAID, field: replaced[field]}
    assert content_of(other).id != content_of(SAID).id or other == SAID


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"kind": "opinion"}, "kind"),
        ({"about": []}, "about"),
        ({"about": ["DATA-02\n"]}, "about"),
        ({"subject": {"kind": "data", "name": "x", "digest": "sha256:12"}}, "digest of the subject"),
        ({"subject": {"kind": "person", "name": "x", "digest": DIGEST}}, "kind of the subject"),
        ({"subject": "x"}, "subject"),
        ({"by": "  "}, "by"),
        ({"role": "boss"}, "role"),
        ({"madeAt": "2026-03-01"}, "madeAt"),
        ({"madeAt": "2026-02-30T12:00:00.000000Z"}, "madeAt"),
        ({"validUntil": None}, "validUntil"),
        ({"validUntil": "2026-02-28"}, "validUntil"),
        ({"validUntil": "20270301"}, "validUntil"),
        ({"statement": None}, "states something"),
        ({"statement": "ok"}, "fewer than"),
        ({"statement": "The origin is <describe the origin here> and known."}, "template"),
        ({"statement": "a " * 20_000}, "statement"),
        ({"fields": [{"name": "placed_on_market", "value": "soon"}]}, "placed_on_market"),
        ({"fields": [{"name": "change_class", "value": "small"}]}, "change_class"),
        ({"fields": [{"name": "accuracy_target", "value": "high"}]}, "accuracy_target"),
        ({"fields": [{"name": "monitoring_interval_days", "value": "0"}]}, "monitoring_interval_days"),
        ({"fields": [{"name": "Origin", "value": "x"}]}, "name of a field"),
        ({"fields": [{"name": "origin", "value": "x"}, {"name": "origin", "value": "y"}]}, "twice"),
        ({"fields": {"origin": "x"}}, "fields"),
        ({"evidence": [{"name": "a", "digest": "x"}]}, "evidence"),
        ({"supersedes": "abc"}, "supersedes"),
        ({"withdraws": DIGEST}, "withdraws"),
        ({"kind": "waiver"}, "reason"),
        ({"kind": "waiver", "reason": "It is known and accepted.", "validUntil": "2026-08-29"}, "180 days"),
        ({"kind": "withdrawal_of_statement", "reason": "It was not so."}, "withdrawal"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_told(changes, word):
    """Which field, and what is allowed."""
    said = deepcopy(SAID) | changes
    with pytest.raises(Unusable, match=word.replace("(", r"\(")):
        content_of({name: value for name, value in said.items() if value is not None})


def test_a_waiver_may_last_half_a_year():
    """180 days, and no day more."""
    assert content_of(WAIVER).valid_until == date(2026, 8, 28)


@pytest.mark.parametrize(
    "text",
    [
        "Lorem ipsum dolor sit amet",
        "Origin: {{ origin }} and so on",
        "The purpose is [insert purpose] here",
        "It is TB" + "D who did it",
    ],
)
def test_text_of_a_template_is_nobodys_statement(text):
    """Each of the usual kinds of gap."""
    assert "template" in problem_of_text(text)
