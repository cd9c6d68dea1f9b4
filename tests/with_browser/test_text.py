"""What others wrote, on a page."""

from __future__ import annotations

import re
import unicodedata
from html import unescape
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from orchestrail.model import DatasetRef
from orchestrail.web import addresses
from orchestrail.web.addresses import Address
from orchestrail.web.rendering import environment, page
from orchestrail.web.text import LONGEST, exact, link, shown

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
def test_machines_read_a_text_as_it_is(text):
    """In an attribute it stands whole, and nothing of it ends the attribute or hides; what no page can hold is named."""
    said = environment().from_string('<option value="{{ given }}">').render(given=text)
    said.encode()
    value = re.fullmatch('<option value="([^"<>]*)">', said, re.DOTALL)[1]
    assert all(unicodedata.category(sign) not in ("Cf", "Cs", "Zl", "Zp") and sign not in "\0\r\n" for sign in value)
    read = re.sub("&#x([0-9A-F]+);", lambda number: chr(int(number[1], 16)), value)
    held = "".join(shown(sign) if sign == "\0" or "\ud800" <= sign <= "\udfff" else sign for sign in text)
    assert unescape(read) == unescape(held.replace("&", "&amp;"))


def test_what_is_read_to_people_is_cut_and_what_machines_read_is_not():
    """By the attribute alone: a template says nothing of it."""
    template = (
        '<a data-x="{{ given }}"{% if given %} id="a-{{ given if given else 1 }}"{% endif %} title="{{ given }}">'
        "{{ given }}</a>"
    )
    text = "\u200c" + "x" * 1000
    said = environment().from_string(template).render(given=text)
    whole, cut = f"&#x200C;{text[1:]}", shown(text)
    assert said == f'<a data-x="{whole}" id="a-{whole}" title="{cut}">{cut}</a>'


def test_a_link_leads_to_an_address_or_nowhere():
    """Only what the module of addresses made; where a name is too long, or no page can have it, the text stands without a link."""
    long = addresses.named("file", "ä" * 3000)
    assert link(long) == f' href="{exact(long)}"'
    assert unescape(exact(long)) == long
    assert link(addresses.named("file", "ä" * 1_000_000)) == link(addresses.find("\udcff")) == link(None) == ""
    with pytest.raises(TypeError, match="no address"):
        link("javascript:alert(1)")
    assert isinstance(long, Address)
    assert len(long) > LONGEST


def test_no_template_writes_a_link_by_itself():
    """`href` is written by the filter `link`, but for what is no page of the record; attributes are in double quotes."""
    own = {'static("style.css").address', 'static("icon.svg").address', "path", "to", "begin", "sign_out"}
    for each in (files("orchestrail.web") / "templates").iterdir():
        text = each.read_text()
        assert set(re.findall(r'href="[^"{]*\{\{ (.*?) \}\}', text)) <= own, each.name
        plain = re.sub(r"\{%.*?%\}", "", re.sub(r"\{\{.*?\}\}", "{{}}", text))
        assert not re.search(r"=\s*('[^']*)?\{\{", re.sub('"[^"]*"', "whole", plain)), each.name


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
