"""Who asks, and what they may: tokens in the header, or in the cookie of a page, made here or by an OpenID provider, and sessions
of people who signed in; on a server of one's own machine nobody needs one.

Each request for evidence is written down, granted or not, with who asked and for what, and so is each sign-in; a token never is.
What cannot be written down is not granted.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import HTTPConnection

from orchestrail import pseudonyms
from orchestrail.errors import Forbidden, OrchestrailError, StoreError
from orchestrail.operations.tokens import ELSEWHERE, Scope, Token, Tokens
from orchestrail.server.addresses import from_another_site, host_name, is_loopback
from orchestrail.server.caller import LOCAL, Caller
from orchestrail.server.openid import Identity, NotCounted, Provider
from orchestrail.server.problems import SignInNeeded
from orchestrail.server.refusals import Counted, Refusals, short
from orchestrail.server.sessions import Sessions

COOKIE = "orchestrail"
"""Name of the cookie that holds the token or the session of a person who signed in; it counts for reading alone, so that no other
site can have a browser write with it."""

SAFE = frozenset({"GET", "HEAD"})


class Access:
    """Grants requests, or does not.

    Args:
        home: of the server: its tokens count, and its file of accesses, one JSON object a line, tells of each.
        provider: whose tokens count too.

    Attributes:
        sessions: who signed in through the provider.
    """

    def __init__(self, home: Path, provider: Provider | None = None) -> None:
        self._home = home
        self._tokens = Tokens(home)
        self._provider = provider
        self.sessions = Sessions()
        self._log = home / "access.jsonl"
        self._refusals = Refusals()
        self.required = self._tokens.exist or provider is not None
        """Whether a token is needed at all: said once, so that nobody opens a running server by taking a file away."""

    def identify(self, connection: HTTPConnection) -> Caller | OrchestrailError:
        """Say who asks, or why that is not known."""
        if connection.scope.get("method") not in SAFE and from_another_site(connection.headers):
            # Whoever opened that page asked for nothing, and a server that needs no token has only this to know it by.
            why = "A browser sent it for a page of another site."
            return Forbidden("Pages of other sites change nothing here.", why, "Send it with a program.")
        if not self.required:
            if is_loopback(host_name(connection.headers.get("host", ""))):
                return LOCAL
            # A page elsewhere whose name leads here was not meant for this machine (DNS rebinding).
            why = "It needs no token, so it answers to localhost and to addresses of this machine, by those names."
            return Forbidden("This server answers this machine alone.", why, "See `orchestrail serve --help`.")
        kind, _, given = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.signed_in(given.strip())
        if connection.scope.get("method") in SAFE:
            return self.in_browser(connection)
        return self.signed_in("")

    def in_browser(self, connection: HTTPConnection) -> Caller | SignInNeeded:
        """Say who signed in with the browser that asks, or why nobody did."""
        kept = connection.cookies.get(COOKIE, "")
        if self.sessions.are_named(kept):
            return self.sessions.find(kept) or SignInNeeded("the sign-in is over, or the server began anew since")
        return self.signed_in(kept)

    def signed_in(self, token: str) -> Caller | SignInNeeded:
        """Say whose token it is, or why it does not count."""
        if self._provider is not None and token.count(".") >= 2:
            try:
                return self.known_elsewhere(self._provider.issuer, self._provider.identify(token))
            except NotCounted as error:
                return SignInNeeded(str(error))
        found = self._tokens.find(token)
        return _caller(found) if found else SignInNeeded("no token came" if not token else "no token of this server")

    def known_elsewhere(self, issuer: str, found: Identity) -> Caller:
        """Say who somebody is here of whom a provider speaks."""
        source = f"{ELSEWHERE}{pseudonyms.person(self._home, issuer, found.subject)}"
        return Caller(found.name, f"oidc:{found.subject}", source, found.scopes, found.systems)

    def note(self, connection: HTTPConnection, caller: Caller | None, refusal: OrchestrailError | None = None) -> None:
        """Write down that somebody signed in or out, or did not; of the address its path alone, since a code stands in it.

        Raises:
            StoreError: it cannot be written down.
        """
        self._write(connection, caller, refusal, query="")

    def grant(
        self,
        connection: HTTPConnection,
        found: Caller | OrchestrailError,
        scope: Scope,
        *,
        whole: bool = False,
        evidence: bool = True,
    ) -> Caller:
        """Grant a request and write that down, or refuse it and write that down.

        Args:
            connection: the request.
            found: who asks, by `identify`.
            scope: what it does.
            whole: what it does concerns all systems.
            evidence: what it asks for is evidence, or it changes some; sending events is not written down, the log holds them.

        Raises:
            SignInNeeded: nobody knows who asks.
            Forbidden: whoever asks may not do this.
            StoreError: it cannot be written down.
        """
        if isinstance(found, OrchestrailError):
            self._write(connection, None, found, query=connection.url.query)
            raise found
        refusal = _refusal(found, scope, whole)
        if evidence or refusal is not None:
            self._write(connection, found, refusal, query=connection.url.query)
        if refusal is not None:
            raise refusal
        connection.state.caller = found
        return found

    def _write(
        self, connection: HTTPConnection, caller: Caller | None, refusal: OrchestrailError | None, *, query: str
    ) -> None:
        now = datetime.now(UTC)
        peer = connection.client.host if connection.client else None
        token = caller.token if caller else None
        entry = {
            "at": now.isoformat(),
            "who": caller.name if caller else None,
            "token": token,
            "peer": peer,
            "method": connection.scope.get("method"),
            "path": connection.url.path,
            "query": query,
            "refused": refusal.code if refusal else None,
            "why": refusal.reason if isinstance(refusal, SignInNeeded) else None,
        }
        lines = [_left_out(each, now) for each in self._refusals.ended(now.timestamp())]
        if refusal is None:
            lines.append(entry)
        elif self._refusals.take(token or peer or "", now.timestamp()):
            lines.append({name: short(value) if value else value for name, value in entry.items()})
        self._add(lines)

    def close(self) -> None:
        """Write down how many refusals were left out by now."""
        self._add([_left_out(each, datetime.now(UTC)) for each in self._refusals.ended(math.inf)])

    def _add(self, lines: Sequence[Mapping[str, object]]) -> None:
        if not lines:
            return
        try:
            descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "ab", buffering=0) as file:
                file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        except OSError as error:
            why = f"{error.strerror} ({self._log.name}): what cannot be written down is not granted."
            raise StoreError(
                "The access cannot be written down.", why, "Make the home of the server writable."
            ) from error


def _left_out(counted: Counted, now: datetime) -> dict[str, object]:
    return {
        "at": now.isoformat(),
        "sender": counted.sender,
        "since": datetime.fromtimestamp(counted.since, UTC).isoformat(),
        "refused": "more",
        "count": counted.left_out,
    }


def _refusal(caller: Caller, scope: Scope, whole: bool) -> Forbidden | None:
    if not caller.may(scope):
        good = ", ".join(sorted(caller.scopes)) or "nothing"
        why = f"The token {caller.name!r} is good for {good}{' alone' if caller.scopes else ''}."
        return Forbidden(f"This needs the scope {scope.value}.", why, "Ask with another token.")
    if whole and caller.systems is not None:
        return Forbidden(
            "This concerns all systems.",
            f"The token {caller.name!r} is bound to {', '.join(sorted(caller.systems))}.",
            "Ask with a token of all systems.",
        )
    return None


def _caller(token: Token) -> Caller:
    systems = None if token.systems is None else frozenset(token.systems)
    return Caller(token.name, token.id, token.source, frozenset(token.scopes), systems)
