"""`orchestrail requirements [ID]`: what is asked of a record, and where in the law the question comes from. No record is read."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from orchestrail.cli.catalogue import print_changes
from orchestrail.cli.options import Json, Profile
from orchestrail.cli.output import Output, clean
from orchestrail.errors import ConfigurationError
from orchestrail.queries.words import counted
from orchestrail.requirements.catalogue import Catalogue, Requirement, catalogue_in_force
from orchestrail.requirements.law import wording
from orchestrail.requirements.report import named
from orchestrail.settings import load_settings

_NAMES = {
    "passes": "passes",
    "facts": "the facts have to show",
    "attested": "a person has to state",
    "should": "should",
    "fails": "fails",
    "unknown": "unknown",
}


def requirements(
    identifier: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One requirement, such as PREP-02; all without it.")
    ] = None,
    profile: Annotated[Profile | None, typer.Option(help="Those of a profile.")] = None,
    as_json: Json = False,
) -> None:
    """List the requirements, or show one with the law behind it.

    `must` and `should` are the catalogue's levels, not the law's.
    """
    output = Output(as_json=as_json)
    catalogue = catalogue_in_force(load_settings().catalogue)
    if identifier is None:
        listed = catalogue.of(profile.value if profile else None)
        if as_json:
            output.document(
                {
                    "catalogue": _named(catalogue),
                    "requirements": [_document(one, with_text=False) for one in listed],
                }
            )
        else:
            _print_all(catalogue, listed, output)
        return
    one = catalogue.find(identifier.upper())
    if one is None:
        raise ConfigurationError(
            f"There is no requirement {identifier!r}.",
            "",
            f"Allowed: {', '.join(each.id for each in catalogue.requirements)}.",
        )
    if as_json:
        output.document({"catalogue": _named(catalogue), "requirement": _document(one, with_text=True)})
    else:
        _print_one(one, output)


def _named(catalogue: Catalogue) -> dict[str, Any]:
    return {
        **named(catalogue),
        "title": catalogue.title,
        "checked_on": catalogue.checked_on.isoformat(),
        "limits": dict(catalogue.limits),
    }


def _document(one: Requirement, *, with_text: bool) -> dict[str, Any]:
    articles = [
        asdict(article) | ({"text": [asdict(text) for text in wording().of(article.ref)]} if with_text else {})
        for article in one.articles
    ]
    return asdict(one) | {"articles": articles, "interpretation": dict(one.interpretation)}


def _print_all(catalogue: Catalogue, listed: tuple[Requirement, ...], output: Output) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "level", "of", "by", "from", "what holds"):
        table.add_column(name, no_wrap=name != "what holds")
    for one in listed:
        table.add_row(one.id, one.level, one.scope, one.mode, one.profiles[0], clean(one.title))
    output.table(table)
    output.line()
    musts = sum(one.level == "must" for one in listed)
    output.line(
        f"{counted(len(listed), 'requirement')}, {musts} of level must. Catalogue {catalogue.id} {catalogue.version}: "
        f"{catalogue.title}, as read on {catalogue.checked_on}.",
        style="dim",
    )
    print_changes(catalogue, output)


def _print_one(one: Requirement, output: Output) -> None:
    output.line(Text(f"{one.id}  {clean(one.title)}", style="bold"))
    output.line(
        f"  {one.level}, of each {one.scope}, decided by {_DECIDES[one.mode]}; profiles {', '.join(one.profiles)}"
    )
    if one.roles:
        output.line(f"  who may state it: {', '.join(role.replace('_', ' ') for role in one.roles)}")
    for name, text in one.interpretation:
        output.line(f"  {_NAMES[name]}: {clean(text)}")
    if one.evidence:
        output.line(f"  looked at: {clean(', '.join(one.evidence))}")
    if one.witness:
        output.line(f"  a failure names: {clean(', '.join(one.witness))}")
    output.line(f"  do: {clean(one.hint)}")
    output.line()
    for article in one.articles:
        output.line(Text(f"{clean(article.ref)}  ({_BASIS[article.basis]})", style="bold"))
        texts = wording().of(article.ref)
        for found in texts:
            said = found.text if found.words == "ours" else f'"{found.text}"'
            amended = ", as amended" if found.amended else ""
            own = ", in our own words" if found.words == "ours" else ""
            output.line(f"  {clean(found.ref)}{amended}{own}: {said}")
        if not texts:
            output.line("  its wording is not kept here", style="dim")
    if one.basis_note:
        output.line(f"basis: {clean(one.basis_note)}", style="dim")
    if one.interpretation_source:
        output.line(f"read so by: {clean(one.interpretation_source)}", style="dim")
    if one.articles:
        output.line(f"Wording as of {wording().checked_on}; the Official Journal prevails.", style="dim")


_DECIDES = {"auto": "facts", "attested": "a person's statement", "mixed": "facts and a person's statement"}
_BASIS = {"text": "asked for in words", "derived": "derived from it", "practice": "good practice"}
