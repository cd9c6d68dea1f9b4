"""The line of a settings file on which a field stands, for messages: a parser of TOML tells values and no lines."""

from __future__ import annotations

import re
from collections import Counter

_HEAD = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*(\"[^\"]*\"|'[^']*'|[\w-]+)\s*[=.]")
_WITHIN = "tool.orchestrail."
"""What tables are under in `pyproject.toml`."""


def line_of(text: str, place: str) -> int | None:
    """Find the line of a field, else that of the table that it is missing from.

    Args:
        text: of the file; tables with a head of their own and one field a line are understood, as people mostly write them.
        place: table and field with dots between, the number of a table in a list in brackets: `not_applicable[1].system`.

    Returns:
        The line, from 1; None where nothing of the place stands by itself.
    """
    found, longest = None, -1
    table, lists = "", Counter[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.match(line):
            table = _plain(head[2])
            if head[1] == "[[":
                lists[table] += 1
                table = f"{table}[{lists[table]}]"
            here = table
        elif key := _KEY.match(line):
            here = f"{table}.{_plain(key[1])}"
        else:
            continue
        if len(here) > longest and f"{place}.".startswith((f"{here}.", f"{here}[")):
            found, longest = number, len(here)
    return found


def _plain(name: str) -> str:
    """Give a dotted name without quotes and blanks."""
    return re.sub(r"[\"']|\s(?=\.)|(?<=\.)\s", "", name).removeprefix(_WITHIN)
