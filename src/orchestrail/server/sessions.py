"""Who is signed in with a browser. It is known to this process alone and to the browser, which holds a random word for it: a
restart signs everybody out, and nothing of it is on a disk.
"""

from __future__ import annotations

import secrets
import threading
import time
from hashlib import sha256

from orchestrail.server.caller import Caller

LASTS = 12 * 3600
"""Seconds that one signs in for at most."""
MOST = 10_000
"""Sessions at one time; the oldest one ends for one more."""
_BEGINNING = "orcs_"


class Sessions:
    """The sessions of a server, by the digests of their words, in the order in which they began."""

    def __init__(self) -> None:
        self._held: dict[bytes, tuple[Caller, float]] = {}
        self._changing = threading.Lock()

    @staticmethod
    def are_named(text: str) -> bool:
        """Say whether a text looks like the word for a session."""
        return text.startswith(_BEGINNING)

    def begin(self, caller: Caller, ends: float) -> str:
        """Begin one; gives its word.

        Args:
            caller: who signed in.
            ends: when it ends by itself, in seconds since 1970.
        """
        word, now = _BEGINNING + secrets.token_urlsafe(32), time.time()
        with self._changing:
            self._held = {digest: held for digest, held in self._held.items() if held[1] > now}
            if len(self._held) >= MOST:
                del self._held[next(iter(self._held))]
            self._held[_digest(word)] = (caller, ends)
        return word

    def find(self, word: str) -> Caller | None:
        """Say who signed in; None where the session has ended, or never was."""
        caller, ends = self._held.get(_digest(word), (None, 0.0))
        return caller if time.time() < ends else None

    def end(self, word: str) -> None:
        """End one, if there is one."""
        with self._changing:
            self._held.pop(_digest(word), None)


def _digest(word: str) -> bytes:
    return sha256(word.encode("utf-8", "replace")).digest()
