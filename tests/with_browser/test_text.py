"""What others wrote, on a page."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from orchestrail.model import DatasetRef
from orchestrail.web import addresses
from orchestrail.web.rendering import environment, page
from orchestrail.web.text import LONGEST, shown

ANY = st.text(st.characters())  # halves of characters among them


@given(ANY)
def test_nothing_hidden_reaches_a_page(text):
    """No sign that turns directions, ends lines unseen or cannot be written in UTF-8 is left; no tag is either."""
    said = environment().from_string("{{ given }}").render(given=text)
    said.encode()
    assert all(unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Zl", "Zp") or sign in "\n\t" for sign in said)
    assert "<" not in said


def test_signs_that_turn_directions_are_named():
    """A reader sees where one stands."""
    assert shown("ledger-\u202egpj.exe") == "ledger-⟨U+202E⟩gpj.exe"


def test_long_texts_are_cut_and_say_so():
    """The beginning is shown, and how long it is."""
    assert shown("x" * 1_000_000) == f"{'x' * LONGEST}… (cut: 1,000,000 characters)"


def test_markup_of_templates_stays():
    """Only what templates made themselves is markup."""
    assert shown(Markup("<b>")) == Markup("<b>")


@given(ANY)
def test_addresses_hold_no_name_as_it_is(text):
    """Whatever a name holds, the address of its page is ASCII without quotes, and stays on this server."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    for address in (
        addresses.data(DatasetRef("file", text)),
        addresses.data(DatasetRef("file", "n", digest=text or "sha256:0")),
        addresses.run(text),
        addresses.lineage(text),
        addresses.find(text),
        addresses.requirement(text),
    ):
        assert address.isascii()
        assert address.startswith("/")
        assert not address.startswith("//")
        assert not set(address) & set("\"'<> \\")


@pytest.mark.parametrize("name", ["style.css", "digest.js", "proof.js", "live.js", "signature.js", "htmx.js"])
def test_files_are_named_by_their_content(name):
    """So that a browser may keep them for ever, and a page of another version asks for another file."""
    from hashlib import sha256

    from orchestrail.web.rendering import static_files

    stem, _, ending = name.rpartition(".")
    (known,) = [each for each in static_files() if each.startswith(f"{stem}.")]
    content, _kind = static_files()[known]
    assert known == f"{stem}.{sha256(content).hexdigest()[:12]}.{ending}"


def test_a_page_does_not_take_the_name_of_what_every_template_has():
    """`verdicts=...` would stand in the place of the signs of verdicts, and the page would show none of them."""
    with pytest.raises(ValueError, match="error says verdicts, version"):
        page("error", verdicts={}, version="1", what="w", why="", do="", status=404)
    assert page("error", behind=True, what="w", why="", do="", status=404).status_code == 200
