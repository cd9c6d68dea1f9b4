"""Templates and files of the pages, and the headers that each goes out with. What a page says is in `templates` and the views."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import Markup

from orchestrail import __version__
from orchestrail.queries.words import (
    STATE_SYMBOLS,
    byte_count,
    counted,
    data_name,
    duration,
    orchestrator,
    short_job,
    size,
)
from orchestrail.requirements.verdicts import Status
from orchestrail.web import addresses, text

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Nothing to other sites; with `no-referrer` browsers would say `Origin: null` of forms of these pages.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Nothing is asked of another host, nothing within a page is run or applied, and no other page may frame it."""

VERDICT_SYMBOLS = {
    Status.FAIL: "✘",
    Status.UNKNOWN: "?",
    Status.WAIVED: "~",
    Status.ATTESTED: "✎",
    Status.PASS: "✔",
    Status.NOT_APPLICABLE: "-",
}
SAID = frozenset({"behind"})
"""Names with a value that holds where a page does not say its own."""
_ATTRIBUTE = re.compile(r'\s([\w:-]+)="[^"]*$')
_READ_OUT = frozenset({"alt", "aria-label", "placeholder", "title"})
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Give each file by a name that holds a digest of its content, with its media type."""
    found = {}
    own, of_others = ((files(__package__) / folder).iterdir() for folder in ("static", "vendored"))
    for part in (*own, *of_others):
        stem, dot, ending = part.name.rpartition(".")
        if dot + ending not in _TYPES:
            continue
        content = part.read_bytes()
        if part.name == "style.css":
            documents = files("orchestrail.reports") / "templates"
            content = b"".join((documents / each).read_bytes() for each in ("colours.css", "marks.css")) + content
        found[f"{stem}.{sha256(content).hexdigest()[:12]}{dot}{ending}"] = (content, _TYPES[dot + ending])
    return found


@cache
def _static(name: str) -> dict[str, str]:
    """Give the address of a file and what its content has to hash to."""
    stem, _, ending = name.rpartition(".")
    for known, (content, _type) in static_files().items():
        if known.startswith(f"{stem}.") and known.endswith(f".{ending}"):
            integrity = b64encode(sha256(content).digest()).decode()
            return {"address": f"/static/{known}", "integrity": f"sha256-{integrity}"}
    raise KeyError(name)


class _Attributes(Extension):
    """Puts the filter `exact` behind every expression within a quoted attribute that is not read to people."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Look at the tokens of a template, before they are parsed."""
        said, within = "", False
        for token in stream:
            if token.type == "data":
                said += token.value
            if token.type == "variable_begin":
                attribute = _ATTRIBUTE.search(said)
                within = attribute is not None and attribute[1] not in _READ_OUT
            if within and token.type == "variable_end":
                yield from (Token(token.lineno, *each) for each in (("rparen", ")"), ("pipe", "|"), ("name", "exact")))
            yield token
            if within and token.type == "variable_begin":
                yield Token(token.lineno, "lparen", "(")


@cache
def environment() -> Environment:
    """Make the environment of the templates: everything is escaped; what people read goes through `text.shown`."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(__package__), PackageLoader("orchestrail.reports")]),
        autoescape=True,
        extensions=[_Attributes],
        undefined=StrictUndefined,
        finalize=text.shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        address=addresses,
        behind=False,
        static=_static,
        states=STATE_SYMBOLS,
        verdicts={status.value: symbol for status, symbol in VERDICT_SYMBOLS.items()},
        version=__version__,
        counted=counted,
        duration=duration,
        orchestrator=orchestrator,
        data_name=data_name,
        size_of=size,
        short_job=short_job,
        byte_count=byte_count,
    )
    made.filters.update(
        base=text.base,
        digits=text.digits,
        ending=text.ending,
        exact=text.exact,
        link=text.link,
        moment=text.moment,
        plain=text.plain,
        whole=lambda value: Markup("{}").format(text.named(value)),
    )
    return made


def page(template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Render a page.

    Args:
        template: its name without the ending.
        status: of HTTP.
        values: what it shows; that no event is missing on it (`behind`) is the one global name that a page may say otherwise.

    Raises:
        ValueError: a value has the name of something that every template has, and would stand in its place.
    """
    if taken := sorted(values.keys() & environment().globals.keys() - SAID):
        raise ValueError(f"{template} says {', '.join(taken)}, which every template knows as something else")
    return HTMLResponse(environment().get_template(f"{template}.html.j2").render(**values), status, HEADERS)
