"""Persons whose signatures count: who they are, in which roles they may state something, and with which keys. No database here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from orchestrail.statements.content import ROLES, Unusable


@dataclass(frozen=True, slots=True)
class Person:
    """A person, or the pseudonym of one.

    Attributes:
        name: as statements have it in `by`.
        roles: in which he may state something.
        keys: public keys, `ssh-ed25519 AAAA...` without a comment.
        until: last day on which what he signs counts; None without an end.
    """

    name: str
    roles: tuple[str, ...]
    keys: tuple[str, ...]
    until: date | None = None

    def document(self) -> dict[str, Any]:
        """Give the person as the record has it."""
        return {
            "name": self.name,
            "roles": list(self.roles),
            "keys": list(self.keys),
            "until": self.until.isoformat() if self.until else None,
        }


def person_of(name: str, said: Mapping[str, Any]) -> Person:
    """Read a person, from the settings file or from the record.

    Raises:
        Unusable: something is missing or not allowed.
    """
    if not name.strip():
        raise Unusable("a person has a name")
    if unknown := said.keys() - {"name", "roles", "keys", "until"}:
        raise Unusable(f"{name}: there is no {sorted(map(str, unknown))[0]}; allowed: roles, keys, until")
    roles, keys = (_texts(name, field, said.get(field)) for field in ("roles", "keys"))
    if wrong := [role for role in roles if role not in ROLES]:
        raise Unusable(f"{name}: there is no role {wrong[0]!r}; allowed: {', '.join(ROLES)}")
    lines = [key.split() for key in keys]
    if not all(len(line) >= 2 and line[0] == "ssh-ed25519" for line in lines):
        raise Unusable(f"{name}: a key is a line that begins with ssh-ed25519, as in a file that ends in .pub")
    return Person(
        name, tuple(sorted(set(roles))), tuple(" ".join(line[:2]) for line in lines), _day(name, said.get("until"))
    )


def _texts(name: str, field: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise Unusable(f"{name}: {field} is a list of texts, at least one")
    return value


def _day(name: str, value: object) -> date | None:
    # TOML has days of its own, JSON has texts.
    if value is None or (isinstance(value, date) and type(value) is date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else _no_day(name)
    except ValueError:
        return _no_day(name)


def _no_day(name: str) -> date:
    raise Unusable(f"{name}: until is a day, YYYY-MM-DD")
