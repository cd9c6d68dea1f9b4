"""Many events, one after the other: what is found in them, put together by value, and which fields there were.

A value is never kept: a digest of it under a key of the home stands for it, so that the same value is the same finding, and nobody
without the key can try values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrail.redaction import is_sensitive
from orchestrail.scanning import personal, secrets
from orchestrail.scanning.fields import Field, fields, general

SECRET, PERSONAL = "secret", "personal"
PLACES = 50
"""Places of one finding that are listed; all are counted."""
MOST_FIELDS = 2000
"""Fields that are listed."""
_REMEMBERED = 200_000
_PLAIN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|sha256:[0-9a-f]{64}|\d{4}-\d\d-\d\dT[\d:.]{8,15}(?:Z|\+00:00)"
    r"|[A-Z]{2,10}|[a-z]{1,12}|[\d.]{1,8}|"
)
"""Most texts of an event: ids, digests, times and words. None of them can be something to find, but under a telling name."""


@dataclass
class Found:
    """Something that was found, wherever it stands.

    Attributes:
        id: names it: the beginning of the digest.
        digest: of the value, under a key.
        family: `secret` or `personal`.
        kind: what it looks like.
        count: in how many places it stands.
        places: the first of them, as sequence number and JSON pointer.
    """

    id: str
    digest: str
    family: str
    kind: str
    count: int = 0
    places: list[tuple[int, str]] = field(default_factory=list)


class Scan:
    """One pass over events.

    Args:
        digest: gives the keyed digest of a value of a family.

    Attributes:
        found: by digest.
        fields: which fields had texts, with `*` for what differs between events.
        texts: how many texts were looked at.
    """

    def __init__(self, digest: Callable[[str, str], str]) -> None:
        self.found: dict[str, Found] = {}
        self.fields: set[str] = set()
        self.texts = 0
        self._digest = digest
        self._secret = secrets.looker()
        self._seen: set[str] = set()
        self._known: dict[tuple[str, str], tuple[tuple[str, str, str], ...]] = {}

    def take(self, seq: int, event: object) -> None:
        """Look at an event.

        Args:
            seq: its place in the log.
            event: parsed.
        """
        for one in fields(event):
            self.texts += 1
            if one.pointer not in self._seen and len(self.fields) < MOST_FIELDS:
                self._see(one.pointer)
            for family, kind, value in self._in(one):
                self._put(family, kind, value, seq, one.pointer)

    def _see(self, pointer: str) -> None:
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen.add(pointer)
        self.fields.add(general(pointer))

    def _in(self, one: Field) -> tuple[tuple[str, str, str], ...]:
        if _PLAIN.fullmatch(one.text) and not is_sensitive(one.name):
            return ()
        key = one.name, one.text
        known = self._known.get(key)
        if known is None:
            known = tuple((SECRET, *told) for told in self._secret(one))
            known += tuple((PERSONAL, *told) for told in personal.look(one))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = known
        return known

    def _put(self, family: str, kind: str, value: str, seq: int, pointer: str) -> None:
        digest = self._digest(family, value)
        found = self.found.setdefault(digest, Found(digest.rpartition(":")[2][:12], digest, family, kind))
        found.count += 1
        if len(found.places) < PLACES:
            found.places.append((seq, pointer))


def detectors() -> dict[str, str]:
    """Name all that looks, with versions.

    Raises:
        ConfigurationError: something of the extra `scan` is not installed.
    """
    return secrets.detectors() | personal.detectors()
