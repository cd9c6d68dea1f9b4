"""Tokens of an OpenID provider: whether they count here, and which of our scopes their roles stand for.

A token counts for what is signed in it: by a key of the provider, for us, now. Which keys it has, the provider says at its own
address; nothing that stands in a token leads anywhere. Who asks for what is `orchestrail.server.access`'s matter.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws, jwt
from joserfc.errors import ClaimError, JoseError, SecurityWarning
from joserfc.jwk import Key, import_key

from orchestrail import __version__
from orchestrail.errors import ConfigurationError
from orchestrail.histories.http import NoRedirects
from orchestrail.operations.tokens import Scope
from orchestrail.server.addresses import is_loopback
from orchestrail.server.problems import Problem
from orchestrail.server.rate import Rate
from orchestrail.settings import Settings

_log = logging.getLogger("orchestrail.server")
warnings.simplefilter("ignore", SecurityWarning)  # of what others sign by; which of it is taken is said here

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
)
"""Signatures by a private key that the provider alone has: no `none`, and no secret that both sides would share (RFC 8725, 3.1)."""
KEYS = frozenset({"RSA", "EC", "OKP"})
SKEW = 60
"""Seconds by which the clocks of the provider and of this machine may differ."""
FRESH = 600.0
"""Seconds after which the provider is asked for its keys again, so that one that it took back counts no more."""
AGAIN = 30.0
"""Seconds until it is asked again when it did not answer."""
KEPT = 24 * 3600.0
"""Seconds for which its keys count without an answer of it."""
UNKNOWN = 0.5
"""Questions a second that tokens with unknown keys may cause; ten seconds' worth at once."""
TIMEOUT = 5.0
LARGEST = 1 << 20
LONGEST = 16 << 10
"""Characters of a token."""
ALL = "*"
"""In the claim of systems: all of them."""


class NotCounted(Exception):
    """A token does not count; the reason holds nothing of it that is secret."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token speaks of.

    Attributes:
        subject: the provider's id of a person or a program.
        name: to be read by people.
        scopes: what its roles stand for.
        systems: the AI systems that it is bound to; None for all.
    """

    subject: str
    name: str
    scopes: frozenset[str]
    systems: frozenset[str] | None


class Provider:
    """An OpenID provider that whoever keeps the server trusts.

    Args:
        issuer: its name, which is an address.
        audience: how its tokens name this server.
        role_claim: where they list roles; dots lead into claims that hold others.
        roles: which of our scopes a role stands for.
        system_claim: where they list AI systems; None where they are not bound to any.

    Raises:
        ConfigurationError: it could not be asked in a way that nobody else can answer.
    """

    def __init__(
        self, issuer: str, audience: str, role_claim: str, roles: Mapping[str, str], system_claim: str | None
    ) -> None:
        if not _is_safe(issuer):
            raise ConfigurationError(
                "The OpenID provider cannot be trusted.",
                f"{issuer!r} is no address of HTTPS: others on the way could answer in its place.",
                "Set ORCHESTRAIL_OIDC_ISSUER as in https://login.example/realms/bank.",
            )
        self.issuer = issuer
        self._role_claim, self._roles, self._system_claim = role_claim, roles, system_claim
        self._claims = jwt.JWTClaimsRegistry(
            leeway=SKEW,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._signatures = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        self._signatures.max_header_length = LONGEST  # certificates may stand there, which nothing here looks at
        self._opener = urllib.request.build_opener(NoRedirects)
        self._keys: Mapping[str, Key] = {}
        self._asked_at = self._due = float("-inf")
        self._asking = threading.Lock()
        self._unknown = Rate(UNKNOWN)

    @classmethod
    def of(cls, settings: Settings) -> Provider | None:
        """Give the provider that the settings name; None where they name none.

        Raises:
            ConfigurationError: they do not say enough.
        """
        if settings.oidc_issuer is None:
            return None
        if not settings.oidc_audience:
            raise ConfigurationError(
                "The tokens of the OpenID provider cannot be judged.",
                "Without an audience, a token for any other service of it would count here.",
                "Set ORCHESTRAIL_OIDC_AUDIENCE.",
            )
        return cls(
            settings.oidc_issuer,
            settings.oidc_audience,
            settings.oidc_role_claim,
            settings.oidc_roles,
            settings.oidc_system_claim,
        )

    def identify(self, token: str) -> Identity:
        """Say whom a token speaks of.

        Raises:
            NotCounted: it does not count.
        """
        try:
            header = self._header(token)
            algorithm, key_id = header.get("alg"), header.get("kid", "")
            if algorithm not in ALGORITHMS:
                raise NotCounted(f"the token is signed by {algorithm!r:.40}, which is not taken")
            if not isinstance(key_id, str):
                raise NotCounted("the token names its key by something that is no text")
            claims = jwt.decode(token, self._key(key_id), registry=self._signatures).claims
            self._claims.validate(claims)
        except ClaimError as error:
            raise NotCounted(f"the claim {error.claim!r} of the token: {error.description}") from None
        except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise NotCounted(f"the token cannot be read, or its signature is wrong: {type(error).__name__}") from None
        return self._identity(claims)

    def _header(self, token: str) -> Mapping[str, Any]:
        if len(token) > LONGEST:
            raise NotCounted(f"the token has more than {LONGEST:,} characters")
        return jws.extract_compact(token.encode("ascii"), registry=self._signatures).headers()

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        subject = claims["sub"]
        scopes = frozenset(self._roles[role] for role in _texts(claims, self._role_claim) if role in self._roles)
        name = claims.get("preferred_username")
        systems: frozenset[str] | None = None
        if self._system_claim is not None and Scope.ADMIN.value not in scopes:
            systems = frozenset(_texts(claims, self._system_claim))
            if not systems:
                raise NotCounted(f"the claim {self._system_claim!r} of the token names no system")
            if ALL in systems:
                systems = None
        return Identity(subject, name if isinstance(name, str) and name else subject, scopes, systems)

    def _key(self, key_id: str) -> Key:
        now = time.monotonic()
        key = self._keys.get(key_id)
        if now >= self._due:
            self._due = now + AGAIN  # others go on with what is known meanwhile
            self._ask()
        elif key is None and self._may_ask():
            self._ask()
        key = self._keys.get(key_id)
        if key is None:
            raise NotCounted("the token names a key that its provider does not have")
        if time.monotonic() - self._asked_at > KEPT:
            raise NotCounted("its provider could not be asked for its keys for a day")
        return key

    def _may_ask(self) -> bool:
        try:
            self._unknown.take("")
        except Problem:
            return False
        return True

    def _ask(self) -> None:
        began = time.monotonic()
        with self._asking:
            if self._asked_at >= began:  # somebody else did meanwhile
                return
            try:
                self._keys = self._fetched()
            except (OSError, HTTPException, ValueError, TypeError, LookupError, AttributeError) as error:
                _log.error(
                    "the OpenID provider %s was not understood: %s: %s", self.issuer, type(error).__name__, error
                )
            else:
                self._asked_at = time.monotonic()
                self._due = self._asked_at + FRESH

    def _fetched(self) -> dict[str, Key]:
        found = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found["issuer"] != self.issuer:
            raise ValueError("it calls itself by another name than that of ORCHESTRAIL_OIDC_ISSUER")
        if not _is_safe(found["jwks_uri"]):
            raise ValueError("its keys are at no address of HTTPS")
        return usable(self._get(found["jwks_uri"])["keys"])

    def _get(self, address: str) -> Any:
        headers = {"Accept": "application/json", "User-Agent": f"orchestrail/{__version__}"}
        # The scheme was looked at before: no file is opened here.
        request = urllib.request.Request(address, headers=headers)  # noqa: S310
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            return json.loads(answer.read(LARGEST))


def usable(listed: Iterable[Mapping[str, Any]]) -> dict[str, Key]:
    """Read the public keys for signatures out of a set of keys, by their ids; others, and those of an unknown kind, are no loss.

    A key of no id is found by a token that names none, where there is no other (OpenID Connect Core, 10.1).
    """
    found: list[tuple[str, Key]] = []
    for each in listed:
        if each.get("kty") not in KEYS or each.get("use", "sig") != "sig":
            continue
        try:
            key = import_key({name: value for name, value in each.items() if name != "d"})
        except (JoseError, ValueError, TypeError):
            continue
        found.append((str(each.get("kid", "")), key))
    keys = dict(found)
    if len(found) == 1:
        keys[""] = found[0][1]
    return keys


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """Give the texts in a claim; its name may have dots of its own, or lead by them into claims that hold others."""
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str) and each]


def _is_safe(address: object) -> bool:
    """Say whether nobody on the way to an address can answer in another's place."""
    parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
    scheme_fits = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    return scheme_fits and bool(parts.hostname) and parts.username is None
