"""A documentation as HTML, Markdown and PDF. The words of the page are in `templates`; what it says is in the values."""

from __future__ import annotations

import json
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined, select_autoescape
from markupsafe import Markup

from orchestrail.errors import ConfigurationError
from orchestrail.reports.diagrams import mermaid, svg
from orchestrail.reports.document import document_json
from orchestrail.reports.values import Document, Mark

STYLES = ("colours.css", "style.css", "marks.css")
LABELS = {
    Mark.FACT: "FACT",
    Mark.STATEMENT: "STATEMENT",
    Mark.PARTIAL: "PARTIAL",
    Mark.MISSING: "MISSING",
    Mark.NOT_APPLICABLE: "NOT APPLICABLE",
}
_MEANINGS = {
    Mark.FACT: "found in the record, with the events that show it",
    Mark.STATEMENT: "stated by the person named, and not verified",
    Mark.PARTIAL: "the record shows a part of what is asked; a person has to say the rest",
    Mark.MISSING: "nobody has said it yet",
    Mark.NOT_APPLICABLE: "said not to apply, with the reason",
}
SEVERAL = "A point may bear several marks: the record shows something of it, and a person has still to say the rest."
"""Why the numbers of points add up to more than there are."""


def _cell(text: str) -> str:
    """Write a text so that it stays in one cell of a table in Markdown."""
    escaped = "".join(f"\\{char}" if char in "\\|`*_{}[]<>#" else char for char in text)
    return " ".join(escaped.split())


def _environment() -> Environment:
    folder = files(__package__) / "templates"
    names = ("document.html.j2", "document_body.html.j2", "document.md.j2", *STYLES)
    sources = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    environment.filters["whole"] = str  # a page of the desk cuts texts that are not said to be shown whole
    return environment


def words(document: Document) -> dict[str, object]:
    """Give what the body of a document, `document_body.html.j2`, is filled with beside addresses and diagrams."""
    return {
        "document": document,
        "labels": LABELS,
        "meanings": _MEANINGS,
        "counts": document.counts(),
        "marks": tuple(Mark),
        "several": SEVERAL,
    }


def html(document: Document) -> str:
    """Give one page that needs nothing else: styles and diagrams are in it."""
    environment = _environment()
    style = Markup("").join(Markup(environment.get_template(name).render()) for name in STYLES)  # noqa: S704
    template = environment.get_template("document.html.j2")
    drawn = {"svg": lambda each: Markup(svg(each)), "entry": "#entry-{}".format}  # noqa: S704
    return template.render(**words(document), **drawn, style=style)


def markdown(document: Document) -> str:
    """Give the same in Markdown; diagrams in Mermaid's language."""
    return _environment().get_template("document.md.j2").render(**words(document), mermaid=mermaid)


def json_text(document: Document) -> str:
    """Give the same as a JSON document."""
    return json.dumps(document_json(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def pdf(page: str) -> bytes:
    """Print a page.

    Args:
        page: as `html` gives it.

    Raises:
        ConfigurationError: WeasyPrint, or a library of the system that it needs, is not there.
    """
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:
        raise ConfigurationError(
            "No PDF can be made here.",
            f"WeasyPrint cannot be loaded: {error}.",
            "Install `orchestrail[documents]` and Pango (Debian: libpango-1.0-0, libpangoft2-1.0-0), or leave out --pdf.",
        ) from error
    printed: bytes = HTML(string=page).write_pdf()
    return printed
