"""Tokens of an OpenID provider: whether they count here, and which of our scopes their roles stand for.

A token counts for what is signed in it: by a key of the provider, for us, now. Nothing that stands in a token leads anywhere. Who
asks for what is `orchestrail.server.access`'s matter, how the provider is asked that of `orchestrail.server.published`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ClaimError, JoseError, MissingClaimError, SecurityWarning
from joserfc.jwt import JWTClaimsRegistry

from orchestrail.errors import ConfigurationError
from orchestrail.operations.tokens import Scope
from orchestrail.server.published import Published, Unavailable, is_safe
from orchestrail.settings import Settings

warnings.simplefilter("ignore", SecurityWarning)  # of what others sign by; which of it is taken is said here

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"),
)
"""Signatures by a private key that the provider alone has: no `none`, and no secret that both sides would share (RFC 8725, 3.1)."""
SKEW = 60
"""Seconds by which the clocks of the provider and of this machine may differ."""
LONGEST = 16 << 10
"""Characters of a token."""
ALL = "*"
"""In the claim of systems: all of them."""
TIMES = frozenset({"exp", "nbf", "iat"})


class NotCounted(Exception):
    """A token does not count; the reason holds nothing of it that is secret."""


class NotNow(NotCounted):
    """A token counts at another time: it has expired, or the clocks of the provider and of this machine differ."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token speaks of.

    Attributes:
        subject: the provider's id of a person or a program.
        name: to be read by people.
        scopes: what its roles stand for.
        systems: the AI systems that it is bound to; None for all.
        ends: when the token expires, in seconds since 1970.
    """

    subject: str
    name: str
    scopes: frozenset[str]
    systems: frozenset[str] | None
    ends: float


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
        if not is_safe(issuer):
            raise ConfigurationError(
                "The OpenID provider cannot be trusted.",
                f"{issuer!r} is no address of HTTPS: others on the way could answer in its place.",
                "Set ORCHESTRAIL_OIDC_ISSUER as in https://login.example/realms/bank.",
            )
        self.issuer = issuer
        self.published = Published(issuer)
        self._audience = audience
        self._role_claim, self._roles, self._system_claim = role_claim, roles, system_claim
        self._signatures = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        self._signatures.max_header_length = LONGEST  # certificates may stand there, which nothing here looks at

    @classmethod
    def of(cls, settings: Settings) -> Provider | None:
        """Give the provider that the settings name; None where they name none.

        Raises:
            ConfigurationError: they do not say enough.
        """
        if settings.oidc_issuer is None:
            return None
        audience = settings.oidc_audience or settings.oidc_client_id
        if not audience:
            raise ConfigurationError(
                "The tokens of the OpenID provider cannot be judged.",
                "Without an audience, a token for any other service of it would count here.",
                "Set ORCHESTRAIL_OIDC_AUDIENCE, or ORCHESTRAIL_OIDC_CLIENT_ID where people sign in with their browser.",
            )
        return cls(
            settings.oidc_issuer,
            audience,
            settings.oidc_role_claim,
            settings.oidc_roles,
            settings.oidc_system_claim,
        )

    def identify(self, token: str) -> Identity:
        """Say whom a token speaks of.

        Raises:
            NotCounted: it does not count.
        """
        return self._identity(self._claims(token, self._expected(self._audience)))

    def identify_signed_in(self, token: str, client: str, nonce: str) -> Identity:
        """Say whom an ID token speaks of that answers a sign-in (OpenID Connect Core 1.0, 3.1.3.7).

        Args:
            token: the ID token.
            client: whom it is for: our name at the provider.
            nonce: what the sign-in was begun with.

        Raises:
            NotCounted: it does not count, or answers another sign-in.
        """
        claims = self._claims(token, self._expected(client))
        if "iat" not in claims:
            raise NotCounted("the claim 'iat' of the token: it is missing")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if not set(audiences) <= {client, self._audience}:
            raise NotCounted("the claim 'aud' of the token: it is for others too")
        if claims.get("azp", client if len(audiences) == 1 else None) != client:
            raise NotCounted("the claim 'azp' of the token: it was made for another one")
        if claims.get("nonce") != nonce:
            raise NotCounted("the claim 'nonce' of the token: it answers another sign-in")
        return self._identity(claims)

    def _expected(self, audience: str) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            leeway=SKEW,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )

    def _claims(self, token: str, expected: JWTClaimsRegistry) -> Mapping[str, Any]:
        try:
            header = self._header(token)
            algorithm, key_id = header.get("alg"), header.get("kid", "")
            if algorithm not in ALGORITHMS:
                raise NotCounted(f"the token is signed by {algorithm!r:.40}, which is not taken")
            if not isinstance(key_id, str):
                raise NotCounted("the token names its key by something that is no text")
            claims = jwt.decode(token, self.published.key(key_id), registry=self._signatures).claims
            expected.validate(claims)
        except Unavailable as error:
            raise NotCounted(str(error)) from None
        except ClaimError as error:
            away = error.claim in TIMES and not isinstance(error, MissingClaimError)
            kind = NotNow if away else NotCounted
            raise kind(f"the claim {error.claim!r} of the token: {error.description}") from None
        except (JoseError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            raise NotCounted(f"the token cannot be read, or its signature is wrong: {type(error).__name__}") from None
        return claims

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
        return Identity(subject, name if isinstance(name, str) and name else subject, scopes, systems, claims["exp"])


def _texts(claims: Mapping[str, Any], name: str) -> list[str]:
    """Give the texts in a claim; its name may have dots of its own, or lead by them into claims that hold others."""
    value: Any = claims.get(name)
    if value is None:
        value = claims
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str) and each]
