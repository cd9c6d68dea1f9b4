"""Who asks, and what they may: tokens in the header, or in the cookie of a page; nobody needs one on a server of one's own machine.

Each request for evidence is written down, granted or not, with who asked and for what; a token never is. What cannot be written
down is not granted.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from starlette.requests import HTTPConnection

from orchestrail.errors import Forbidden, OrchestrailError, StoreError
from orchestrail.operations.tokens import Scope, Token, Tokens

COOKIE = "orchestrail"
"""Name of the cookie that holds the token of a person who signed in; it counts for reading alone, so that no other site can have a
browser write with it."""

SAFE = frozenset({"GET", "HEAD"})


class SignInNeeded(OrchestrailError):
    """A token is needed, and none came that counts."""

    code = "sign-in-needed"

    def __init__(self) -> None:
        super().__init__(
            "A token is needed.",
            "None was sent, or it was revoked, has expired or is none of this server.",
            "Send `Authorization: Bearer TOKEN`; whoever keeps the server makes one with `orchestrail token create`.",
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: of the token; `local` on a server that needs none.
        token: its id; None where none is needed.
        scopes: what the caller may do.
        systems: the systems that the caller may see and write; None for all.
    """

    name: str
    token: str | None
    scopes: frozenset[str]
    systems: frozenset[str] | None

    def may(self, scope: Scope) -> bool:
        """Say whether the caller may do this; whoever administers may do all."""
        return scope.value in self.scopes or Scope.ADMIN.value in self.scopes

    @property
    def source(self) -> str:
        """How the record names whoever sent an event."""
        return f"token:{self.token}" if self.token else "http"


LOCAL = Caller("local", None, frozenset(scope.value for scope in Scope), None)


class Access:
    """Grants requests, or does not.

    Args:
        tokens: of the server's home.
        required: whether a token is needed at all.
        log: the file of accesses, one JSON object a line.
    """

    def __init__(self, tokens: Tokens, *, required: bool, log: Path) -> None:
        self.required = required
        self._tokens = tokens
        self._log = log

    def identify(self, connection: HTTPConnection) -> Caller | None:
        """Say who asks; None where a token is needed and none came that counts."""
        if not self.required:
            # A page elsewhere whose name leads here was not meant for this machine (DNS rebinding).
            return LOCAL if is_loopback(host_name(connection.headers.get("host", ""))) else None
        kind, _, given = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" and connection.scope.get("method") in SAFE:
            given = connection.cookies.get(COOKIE, "")
        return self.signed_in(given.strip())

    def signed_in(self, token: str) -> Caller | None:
        """Say whose token it is; None where it does not count."""
        found = self._tokens.find(token)
        return _caller(found) if found else None

    def grant(
        self,
        connection: HTTPConnection,
        caller: Caller | None,
        scope: Scope,
        *,
        whole: bool = False,
        evidence: bool = True,
    ) -> Caller:
        """Grant a request and write that down, or refuse it and write that down.

        Args:
            connection: the request.
            caller: who asks, by `identify`.
            scope: what it does.
            whole: what it does concerns all systems.
            evidence: what it asks for is evidence, or it changes some; sending events is not written down, the log holds them.

        Raises:
            SignInNeeded: nobody knows who asks.
            Forbidden: whoever asks may not do this.
            StoreError: it cannot be written down.
        """
        refusal: OrchestrailError | None = None
        if caller is None and not self.required:
            why = "It needs no token, so it answers to localhost and to addresses of this machine, by those names."
            refusal = Forbidden("This server answers this machine alone.", why, "See `orchestrail serve --help`.")
        elif caller is None:
            refusal = SignInNeeded()
        elif not caller.may(scope):
            why = f"The token {caller.name!r} is good for {', '.join(sorted(caller.scopes))} alone."
            refusal = Forbidden(f"This needs the scope {scope.value}.", why, "Ask with another token.")
        elif whole and caller.systems is not None:
            refusal = Forbidden(
                "This concerns all systems.",
                f"The token {caller.name!r} is bound to {', '.join(sorted(caller.systems))}.",
                "Ask with a token of all systems.",
            )
        if evidence or refusal is not None:
            self._write(connection, caller, refusal)
        if caller is None or refusal is not None:
            raise refusal or SignInNeeded()
        connection.state.caller = caller
        return caller

    def _write(self, connection: HTTPConnection, caller: Caller | None, refusal: OrchestrailError | None) -> None:
        entry = {
            "at": datetime.now(UTC).isoformat(),
            "who": caller.name if caller else None,
            "token": caller.token if caller else None,
            "peer": connection.client.host if connection.client else None,
            "method": connection.scope.get("method"),
            "path": connection.url.path,
            "query": connection.url.query,
            "refused": refusal.code if refusal else None,
        }
        try:
            descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                file.write(json.dumps(entry).encode() + b"\n")
        except OSError as error:
            why = f"{error.strerror} ({self._log.name}): what cannot be written down is not granted."
            raise StoreError(
                "The access cannot be written down.", why, "Make the home of the server writable."
            ) from error


def _caller(token: Token) -> Caller:
    systems = None if token.systems is None else frozenset(token.systems)
    return Caller(token.name, token.id, frozenset(token.scopes), systems)


def is_loopback(host: str) -> bool:
    """Say whether an address reaches no other machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_name(host: str) -> str:
    """Give the name in a `Host` header, without the port."""
    return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
