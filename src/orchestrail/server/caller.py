"""Who asks, once that is known. How it is found out is `orchestrail.server.access`'s matter."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrail.operations.tokens import ANYBODY, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        name: of the token, or of whom an OpenID provider speaks of; `local` on a server that needs no token.
        token: its id, or `oidc:` and the provider's id of who asks; None where none is needed.
        source: how the record names whoever sent an event: a person is not named there.
        scopes: what the caller may do.
        systems: the systems that the caller may see and write; None for all.
    """

    name: str
    token: str | None
    source: str
    scopes: frozenset[str]
    systems: frozenset[str] | None

    def may(self, scope: Scope) -> bool:
        """Say whether the caller may do this; whoever administers may do all."""
        return scope.value in self.scopes or Scope.ADMIN.value in self.scopes


LOCAL = Caller("local", None, ANYBODY, frozenset(scope.value for scope in Scope), None)
