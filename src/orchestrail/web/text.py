"""How what others wrote is shown on a page: signs that nobody sees are named, very long texts are cut. Escaping is Jinja's."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from orchestrail.web.addresses import Address

LONGEST = 400
"""Characters of one text within a page; of a longer one the beginning is shown, and how long it is."""

SHORT = 12
"""Digits of a digest, and of a run id's end, that are shown where there is no room for all."""

_LINES = re.compile(r"\r\n|\r|\n")


def shown(value: Any) -> Any:
    """Make a value of the record fit for people. Every expression of a template goes through it; markup and addresses stay so."""
    if isinstance(value, str) and not (hasattr(value, "__html__") or isinstance(value, Address)):
        return named(cut(value))
    return "" if value is None else value


def exact(value: Any) -> Any:
    """Make a value fit for machines: whole, and read as it is. Signs that nobody sees are written by their numbers.

    All that stands in an attribute goes through it, but for what is read to people.
    """
    if value is None or hasattr(value, "__html__"):
        return "" if value is None else value
    escaped = escape(str(value))
    return escaped if escaped.isprintable() else Markup("".join(map(_numbered, escaped)))  # noqa: S704 - it is escaped


def _numbered(sign: str) -> str:
    if "\x80" <= sign <= "\x9f":
        return sign  # by their numbers, HTML means others
    if sign == "\0" or "\ud800" <= sign <= "\udfff":
        return named(sign)  # no page can hold it
    return f"&#x{ord(sign):X};" if sign in "\n\t" or _is_hidden(sign) else sign


def link(address: Address | None) -> Markup:
    """Give the attribute by which something leads to an address, with the space before it; nothing where it leads nowhere."""
    if address is not None and not isinstance(address, Address):
        raise TypeError(f"{address!r} is no address: `orchestrail.web.addresses` makes them")
    return Markup(' href="{}"').format(address) if address else Markup()


def sent(given: str | None, choices: Iterable[str]) -> str | None:
    """Give which of some choices a form sent: browsers end each line of a value by CR LF."""
    if given is None or "\r\n" not in given:
        return given
    return next((each for each in choices if "\r\n".join(_LINES.split(each)) == given), given)


def cut(text: str, longest: int = LONGEST) -> str:
    """Cut a text, and say so."""
    return text if len(text) <= longest else f"{text[:longest]}… (cut: {len(text):,} characters)"


def named(text: str) -> str:
    """Name the signs that nobody sees, or that turn the direction of what follows: `⟨U+202E⟩`."""
    if text.isprintable():
        return text
    return "".join(f"⟨U+{ord(sign):04X}⟩" if _is_hidden(sign) else sign for sign in text)


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp") and sign not in "\n\t"


def moment(text: str | None) -> str:
    """Give a time of the record, in UTC, to the second."""
    if text is None:
        return "unknown"
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return text


def digits(text: str | None) -> str:
    """Give the first digits of a digest, without the name of its algorithm."""
    return "unknown" if text is None else text.rpartition(":")[2][:SHORT]


def ending(run_id: str) -> str:
    """Give the end of a run id: the beginning of a UUIDv7 is a time."""
    return run_id[-SHORT:]


def base(name: str) -> str:
    """Give the last part of a path."""
    return name.rstrip("/").rpartition("/")[2] or name


def plain(value: Any) -> str:
    """Give a value of a parameter or a fact as text."""
    if value is None:
        return "unknown"
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping) and value and set(value) <= {"type", "digest"}:
        return " ".join(str(part) for part in (value.get("type"), value.get("digest")) if part)
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False, default=str)
