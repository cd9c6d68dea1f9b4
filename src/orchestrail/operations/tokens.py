"""Tokens by which others reach a server: made, listed, revoked, recognised. They lie in the home, beside the keys, as digests.

A token is 32 random bytes, so that one SHA-256 is enough: nobody can try them all. It is shown once, when it is made. What a
request may do is decided in `orchestrail.server`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock

from orchestrail.errors import ConfigurationError, StoreError

ANYBODY = "http"
"""How the record names whoever sent something to a server that needs no token."""
ELSEWHERE = "oidc:"
"""How the names begin of those whom an OpenID provider speaks of."""
_SOURCE = "token:"
_FORM = re.compile(r"orct_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a token is good for: sending events; reading the record; both, and what changes a store."""

    WRITE = "write"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token.

    Attributes:
        id: its public part, 8 hex digits: stands in lists and logs.
        name: what or whom it is for.
        scopes: what it is good for.
        systems: the AI systems that it is bound to; None where it is good for all.
        digest: SHA-256 of the token, hexadecimal.
        created_at: RFC 3339 in UTC, as all times here.
        expires_at: when it ends by itself; None where it does not.
        revoked_at: when it was taken back; None where it was not.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    systems: tuple[str, ...] | None
    digest: str
    created_at: str
    expires_at: str | None = None
    revoked_at: str | None = None

    @property
    def source(self) -> str:
        """How the record names whoever sent an event with it."""
        return f"{_SOURCE}{self.id}"

    def state(self, now: datetime) -> str:
        """Say whether it is `active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        over = self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= now
        return "expired" if over else "active"


class Tokens:
    """The tokens of a home.

    Args:
        home: the folder; what another process changes there counts at once.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "tokens.json"
        self._read_at: tuple[int, int, int] | None = None
        self._known: dict[str, Token] = {}

    @property
    def exist(self) -> bool:
        """Whether a token was ever made here, revoked ones included."""
        return self._path.exists()

    def create(
        self,
        name: str,
        scopes: Collection[Scope],
        systems: Iterable[str] | None = None,
        lasts: timedelta | None = None,
    ) -> tuple[Token, str]:
        """Make a token; gives what is kept of it, and the token itself, which nobody can be told again.

        Raises:
            ConfigurationError: it would be good for nothing, or for what is of all systems.
            StoreError: the home cannot be written.
        """
        bound = None if systems is None else tuple(sorted(set(systems)))
        if not name.strip() or not scopes or bound == ():
            raise ConfigurationError("A token was not made.", "It has no name, no scope or no system.", "Give them.")
        if bound is not None and Scope.ADMIN in scopes:
            why = "Administration is of the store as a whole."
            raise ConfigurationError("A token was not made.", why, "Leave the systems out, or take another scope.")
        identity, now = secrets.token_hex(4), datetime.now(UTC)
        text = f"orct_{identity}_{secrets.token_urlsafe(32)}"
        kept = tuple(scope.value for scope in Scope if scope in scopes)
        ends = _time(now + lasts) if lasts is not None else None
        token = Token(identity, name.strip(), kept, bound, _digest(text), _time(now), ends)
        with self._changing():
            self._write([*self._known.values(), token])
        return token, text

    def all(self) -> list[Token]:
        """Give every token that was made, oldest first.

        Raises:
            StoreError: the file cannot be read.
        """
        self._refresh()
        return list(self._known.values())

    def revoke(self, identity: str) -> Token:
        """Take a token back, from now on; one that is taken back already stays so.

        Raises:
            ConfigurationError: there is none of this id.
            StoreError: the home cannot be written.
        """
        with self._changing():
            token = self._known.get(identity)
            if token is None:
                why = "Tokens are named by the 8 digits that `orchestrail token list` shows."
                raise ConfigurationError(f"There is no token {identity!r}.", why, "See `orchestrail token list`.")
            if token.revoked_at is None:
                token = replace(token, revoked_at=_time(datetime.now(UTC)))
                self._write([token if each.id == identity else each for each in self._known.values()])
        return token

    def find(self, text: str) -> Token | None:
        """Recognise a token that still counts; None for anything else."""
        self._refresh()
        form = _FORM.fullmatch(text)
        token = self._known.get(form[1]) if form else None
        if token is None or not hmac.compare_digest(token.digest, _digest(text)):
            return None
        return token if token.state(datetime.now(UTC)) == "active" else None

    def behind(self, source: str) -> Token | None:
        """Give the token with which something was sent, one that ended too; None where it came otherwise, or none is kept of it.

        Args:
            source: how the record says that it came; whoever sent it is the last word of that.
        """
        self._refresh()
        kind, _, identity = sent_by(source).partition(_SOURCE)
        return self._known.get(identity) if not kind else None

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock"), mode=0o600):
                self._refresh()
                yield
        except OSError as error:
            raise _unusable(self._path, error.strerror or type(error).__name__) from error

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
            version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if version != self._read_at:
                listed = json.loads(self._path.read_bytes())["tokens"]
                self._known = {token.id: token for token in map(_token, listed)}
                self._read_at = version
        except FileNotFoundError:
            self._known, self._read_at = {}, None
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise _unusable(self._path, f"{type(error).__name__}: {error}") from error

    def _write(self, listed: Iterable[Token]) -> None:
        text = json.dumps({"tokens": [asdict(token) for token in listed]}, indent=1)
        temporary = self._path.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._path)


def sent_by(source: str) -> str:
    """Name who sent something, by how the record says that it came: what senders say of it themselves stands before that."""
    return source.rpartition(" ")[2]


def came_over_network(source: str) -> bool:
    """Say whether something was sent to a server, and did not come out of a file or spool where the store is."""
    by = sent_by(source)
    return by == ANYBODY or by.startswith((ELSEWHERE, _SOURCE))


def _token(kept: dict[str, Any]) -> Token:
    systems = kept["systems"]
    lists = {"scopes": tuple(kept["scopes"]), "systems": None if systems is None else tuple(systems)}
    return Token(**kept | lists)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(
        f"The tokens in {path} cannot be used.", f"{why}.", "See who owns the file; restore a copy of it."
    )
