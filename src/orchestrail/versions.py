"""Versions of hosts against the ranges that adapters are made for. Text in, answer out; nothing is looked up here."""

from __future__ import annotations

import re

_BOUND = re.compile(r"(>=|<=|==|!=|<|>)\s*(\d+(?:\.\d+)*)")


def within(version: str, requires: str) -> bool | None:
    """Say whether a version fits a specifier such as `>=3.5,<4`; None where one of them is of another form."""
    return _fits(version, requires, ("==", "!=", ">=", ">", "<=", "<"))


def is_below(version: str, requires: str) -> bool:
    """Say whether a version is older than what a specifier begins with."""
    return _fits(version, requires, (">=", ">")) is False


def _fits(version: str, requires: str, operators: tuple[str, ...]) -> bool | None:
    number = _numbers(version)
    for part in filter(None, (part.strip() for part in requires.split(","))):
        match = _BOUND.fullmatch(part)
        if number is None or match is None:
            return None
        if match[1] not in operators:
            continue
        bound = _numbers(match[2]) or ()
        width = max(len(number), len(bound))
        left, right = (tuple((*parts, *[0] * width)[:width]) for parts in (number, bound))
        fits = {
            ">=": left >= right,
            "<=": left <= right,
            "==": left == right,
            "!=": left != right,
            "<": left < right,
            ">": left > right,
        }
        if not fits[match[1]]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...] | None:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else None
