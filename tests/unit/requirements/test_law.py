"""The law as data: wording that is found by its place, dates with their certainty, and Annex IV whole."""

from __future__ import annotations

from datetime import date

import pytest

from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.catalogue.annex import annex_iv
from orchestrail.requirements.law import dates, disclaimer, wording


@pytest.mark.parametrize(
    ("ref", "places"),
    [
        ("AI Act 10(2)(c)", ["AI Act 10(2)", "AI Act 10(2)(c)"]),
        ("AI Act 10(2)", ["AI Act 10(2)"]),
        ("AI Act 4a(1)(e)", ["AI Act 4a(1)"]),
        ("AI Act 10(1)-(3)", ["AI Act 10(1)", "AI Act 10(2)", "AI Act 10(3)"]),
        ("AI Act Annex IV(2)(c)", ["AI Act Annex IV(2)(c)"]),
        ("AI Act recital 71", ["AI Act recital 71"]),
        ("AI Act 1", []),
        ("good practice", []),
        ("", []),
    ],
)
def test_wording_is_found_by_its_place(ref, places):
    """A point comes after the paragraph that it is a point of; nothing is made up for what is not kept."""
    assert [found.ref for found in wording().of(ref)] == places


def test_the_main_provisions_are_kept():
    """Of those that the Act asks for in words or that lead to records, all but the ones that were not compared."""
    missing = {
        article.ref
        for one in load_catalogue().requirements
        for article in one.articles
        if article.ref.startswith("AI Act") and not wording().of(article.ref)
    }
    assert missing == {
        *("AI Act 6", "AI Act 9(8)", "AI Act 13(3)(e)", "AI Act 15(1)", "AI Act 15(3)", "AI Act 15(5)", "AI Act 20(1)"),
        *("AI Act Annex III", "AI Act Annex IV"),
    }


def test_what_is_not_quoted_is_marked():
    """Our own words are never shown as the law's."""
    ours = {one.ref for one in wording().texts if one.words == "ours"}
    assert ours == {"AI Act 4a(1)", "AI Act 77(1)", "AI Act 111(2)", "AI Act 113"}
    assert {"AI Act 10(1)", "AI Act 11(1)", "AI Act 72(3)"} <= {one.ref for one in wording().texts if one.amended}
    assert len({one.ref for one in wording().texts}) == len(wording().texts)


def test_dates_are_in_order_and_have_a_certainty():
    """With what is disputed, and with what nothing should be built on."""
    known = dates()
    days = [one.since for one in known.dates]
    assert days == sorted(days)
    assert {one.since: one.certainty for one in known.dates}[date(2027, 12, 2)] == "certain"
    assert [one.since for one in known.dates if one.certainty == "disputed"] == [date(2026, 8, 2)]
    assert len(known.open) == 6
    assert known.checked_on == wording().checked_on == load_catalogue().checked_on == annex_iv().checked_on


def test_annex_iv_is_whole():
    """All 23 points, each with its wording, what a person states, in which role, and its marks until then."""
    points = annex_iv().points
    assert [one.point for one in points] == [
        *(f"1({letter})" for letter in "abcdefgh"),
        *(f"2({letter})" for letter in "abcdefgh"),
        *"3456789",
    ]
    for one in points:
        (text,) = wording().of(one.ref)
        assert text.words == "law"
        assert one.roles, one.point
        assert one.fills or "fact" not in one.unstated, one.point
    assert [one.point for one in points if one.unstated == ("fact",)] == ["2(c)"]


def test_the_disclaimer_names_what_it_is_not():
    """It stands in README and in every document."""
    assert "not legal advice, not a conformity assessment" in disclaimer()
    assert "\n" not in disclaimer()
