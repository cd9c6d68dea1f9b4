"""The page of requirements, made of the catalogue, Annex IV and the dates of the law; and the schema of catalogue files.

`nox -s reference` writes both; nothing is judged here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrail.requirements.catalogue import Catalogue, Requirement, load_catalogue
from orchestrail.requirements.catalogue.annex import AnnexIV, annex_iv
from orchestrail.requirements.catalogue.loading import SCHEMA, schema
from orchestrail.requirements.declared import OPERATORS, TYPES, VOCABULARY
from orchestrail.requirements.law import Dates, Wording, dates, disclaimer, wording
from orchestrail.testing.markdown import table

PAGE = "requirements.md"

_HEAD = """\
# Requirements

What `orchestrail check` asks of a record. The catalogue, `{id}` {version}, is its authors' reading of {title}, last
compared on {checked_on}. `nox -s reference` writes this page out of the data that the program judges by, nobody by hand.
`orchestrail requirements PREP-02` shows one of them with the wording of the law; [requirements of your
own](../how-to/your-own-requirements.md) can be added.

**It is the record of pipelines.** Art. 12 also asks for the log of the running system, which this is not. Art. 12(3), the one
list of what such a log has to hold at least, is about remote biometric identification alone.

## How to read it

| Word | Means |
| --- | --- |
| `must`, `should` | the level in this catalogue; it is not the law's |
| asked for in words | the Act asks for this result in words |
| derived | the result that the Act asks for cannot be shown without it |
| practice | a standard or sound engineering asks for it |
| facts, statement, both | who decides: the record, a [person](../how-to/statements.md), or both, and then both must hold |
| `build`, `release`, `operate` | profiles: after each run, before placing on the market, on a schedule; each holds those before |

| Verdict | Means; the worst in this order counts |
| --- | --- |
| `fail` | there is a counterexample; each is listed with its run, its log entry and the field |
| `unknown` | the facts needed are not on the record, always with a reason. Unknown is not pass |
| `waived` | a named person accepted a fail or an unknown, with a reason and an end |
| `attested` | a named person stated it, validly and about the present subject. It was not verified by the software |
| `pass` | every subject was examined and there is no counterexample; how many of how many is told |
| `not_applicable` | the manifest says, with a reason, that there is nothing of the kind here |

What is missing and could have been seen by the adapter is a failure; what it could not see is unknown. Where nothing is a
subject, the verdict is unknown. Contradictions are looked for over all events, those included that later ones replaced. The
same head, catalogue and day give the same verdicts.
"""
_DECIDES = {"auto": "facts", "attested": "statement", "mixed": "both"}
_BASIS = {"text": "asked for in words", "derived": "derived", "practice": "practice"}
_NAMES = {
    "passes": "Passes",
    "facts": "The facts have to show",
    "attested": "A person has to state",
    "should": "Should",
    "fails": "Fails",
    "unknown": "Unknown",
}
_CERTAINTY = {
    "certain": "certain",
    "disputed": "disputed",
    "undelivered": "not yet delivered",
}
_OWN = """\
## Checks of your own

A [file of your own](../how-to/your-own-requirements.md) asks these questions of these facts.
"""
_ANNEX = """\
## The points of Annex IV

What of each point the record can fill, and what only a person can state. Until it is stated, a document marks the point as
the last column says, and is a draft.
"""
_DATES = """\
## From when what applies

Source: {source}. {read_through} Checked on {checked_on}. No verdict depends on these dates, and none of them is in the code.
"""


def page(catalogue: Catalogue, annex: AnnexIV, when: Dates, texts: Wording) -> str:
    """Write the page.

    Args:
        catalogue: the requirements.
        annex: the points of Annex IV.
        when: the dates of the law.
        texts: the wording of the law.
    """
    head = _HEAD.format(
        id=catalogue.id, version=catalogue.version, title=catalogue.title, checked_on=catalogue.checked_on
    )
    parts = [head, "\n".join(_overview(catalogue))]
    parts += ["\n".join(_requirement(one)) for one in catalogue.requirements]
    parts += ["\n".join(_own()), "\n".join(_annex(annex)), "\n".join(_when(when)), "\n".join(_wording(texts))]
    return "\n".join(parts) + f"\n\n## Disclaimer\n\n> {disclaimer()}\n"


def _overview(catalogue: Catalogue) -> Iterator[str]:
    musts = sum(one.level == "must" for one in catalogue.requirements)
    yield f"## All {len(catalogue.requirements)}"
    yield ""
    yield f"{musts} of level `must`, {len(catalogue.requirements) - musts} of level `should`."
    yield ""
    rows = [
        [f"[{one.id}](#{one.id.lower()})", one.title, one.level, one.scope, _DECIDES[one.mode], one.profiles[0]]
        for one in catalogue.requirements
    ]
    yield from table(["ID", "What holds", "Level", "Of each", "Decided by", "From profile"], rows)
    yield ""


def _requirement(one: Requirement) -> Iterator[str]:
    yield f"## {one.id}"
    yield ""
    yield f"**{one.title}.** Level `{one.level}`, of each {one.scope}; decided by {_DECIDES[one.mode]};"
    yield f"profiles {', '.join(f'`{name}`' for name in one.profiles)}; since {one.since}."
    yield ""
    for name, text in one.interpretation:
        yield f"- {_NAMES[name]}: {text}"
    if one.roles:
        yield f"- May be stated by: {', '.join(f'`{role}`' for role in one.roles)}"
    yield f"- Looked at: {', '.join(one.evidence)}"
    yield f"- A failure names: {', '.join(one.witness)}"
    yield f"- What to do: {one.hint}"
    by_basis: dict[str, list[str]] = {}
    for article in one.articles:
        by_basis.setdefault(article.basis, []).append(article.ref)
    for basis, refs in by_basis.items():
        yield f"- {_BASIS[basis].capitalize()}: {', '.join(refs)}"
    if one.basis_note:
        yield f"- Basis: {one.basis_note}"
    if one.interpretation_source:
        yield f"- Read so by: {one.interpretation_source}"
    yield ""


def _own() -> Iterator[str]:
    yield _OWN
    yield from table(
        ["Operator", "Holds where the fact", "Fits"],
        ([f"`{name}`", each.means, ", ".join(TYPES[kind] for kind in each.fits)] for name, each in OPERATORS.items()),
    )
    yield ""
    run, dataset = VOCABULARY["run"], VOCABULARY["dataset"]
    yield from table(
        ["Scope", "Facts"],
        [
            ["`run`, `step`", _facts(run.items())],
            ["`dataset`, beside those", _facts((name, kind) for name, kind in dataset.items() if name not in run)],
        ],
    )
    yield ""


def _facts(fields: Iterable[tuple[str, type]]) -> str:
    marks = {str: "", int: " (number)", bool: " (true or false)"}
    return ", ".join(f"`{name}`{marks[kind]}" for name, kind in fields)


def _annex(annex: AnnexIV) -> Iterator[str]:
    yield _ANNEX
    rows = [
        [
            one.point,
            one.title,
            one.fills or "-",
            f"{one.states} ({', '.join(role.replace('_', ' ') for role in one.roles)})",
            " + ".join(mark.upper() for mark in one.unstated)
            + (" or NOT APPLICABLE" if one.may_not_apply else "")
            + (f": {one.note}" if one.note else ""),
        ]
        for one in annex.points
    ]
    yield from table(["Point", "About", "The record fills", "A person states", "Until then"], rows)
    yield ""


def _when(when: Dates) -> Iterator[str]:
    yield _DATES.format(source=when.source, read_through=when.read_through, checked_on=when.checked_on)
    rows = [[str(one.since), one.applies, _CERTAINTY[one.certainty], one.note or ""] for one in when.dates]
    yield from table(["From", "What applies", "Certainty", "Note"], rows)
    yield ""
    yield "What is not certain; nothing should be built on it:"
    yield ""
    yield from table(["Point", "What is known"], ([one.point, one.known] for one in when.open))
    yield ""


def _wording(texts: Wording) -> Iterator[str]:
    yield "## Where the wording is from"
    yield ""
    yield f"{texts.source}. {texts.read_through} Checked on {texts.checked_on}."


def main() -> None:
    """Write the page into the folder that the command line names, `docs/reference`, and the schema beside the catalogue."""
    text = page(load_catalogue(), annex_iv(), dates(), wording())
    (Path(sys.argv[1]) / PAGE).write_text(text, encoding="utf-8")
    file = Path(sys.modules[load_catalogue.__module__].__file__ or "").parent / SCHEMA
    file.write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
