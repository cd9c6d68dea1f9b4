"""Numbers put in words, for sentences that are made here and in the command line. No layout."""

from __future__ import annotations

from typing import Any


def counted(number: Any, one: str, many: str | None = None) -> str:
    """Give a number with what it is of, as one and as several: `1 event`, `1,200 events`.

    Args:
        number: as a facet may state it: what is no number is given as it is.
        one: the word, with its verb where it needs one, for one of it.
        many: for any other number; with an s where it is not given.
    """
    shown = f"{number:,}" if isinstance(number, int) else f"{number:.6g}" if isinstance(number, float) else f"{number}"
    return f"{shown} {one if number == 1 else many or f'{one}s'}"
