"""The page of requirements and the schema of catalogue files say what the catalogue says; the law's data hang together."""

from __future__ import annotations

import json

from repository import PACKAGE, ROOT

from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.requirements.catalogue.annex import annex_iv
from orchestrail.requirements.catalogue.loading import SCHEMA, schema
from orchestrail.requirements.law import dates, wording
from orchestrail.testing.requirements_page import PAGE, page


def test_the_page_is_what_the_catalogue_gives() -> None:
    """Nobody edits it by hand, and nobody forgets to write it anew (`nox -s reference`)."""
    text = (ROOT / "docs" / "reference" / PAGE).read_text(encoding="utf-8")
    assert text == page(load_catalogue(), annex_iv(), dates(), wording())


def test_the_schema_is_what_the_form_gives() -> None:
    """It is published with the package."""
    published = (PACKAGE / "requirements" / "catalogue" / SCHEMA).read_text(encoding="utf-8")
    assert json.loads(published) == schema()


def test_no_code_holds_a_date_of_the_law() -> None:
    """They are data with a source and the day on which they were checked."""
    days = [one.since.isoformat() for one in dates().dates]
    assert len(days) == 11
    holding = [
        (path.name, day)
        for path in PACKAGE.rglob("*.py")
        for day in days
        if f"date({int(day[:4])}, {int(day[5:7])}, {int(day[8:])})" in path.read_text(encoding="utf-8")
    ]
    assert not holding
