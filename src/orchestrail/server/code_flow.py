"""Signing in at an OpenID provider with a browser: the authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636;
RFC 9700). What a browser is sent away with, and what counts when it comes back; addresses, cookies, pages are `sign_in`'s matter.

Nothing is kept of a sign-in that has begun: `state`, `nonce` and the verifier are made of what the browser keeps, under a key that
this process alone has. So others cannot fill the memory, and a cookie that is read somewhere tells none of the three.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from urllib.parse import quote_plus, urlencode, urlsplit

from orchestrail.errors import ConfigurationError
from orchestrail.histories.http import basic
from orchestrail.server.addresses import FIRST, SIGN_IN, own_page
from orchestrail.server.openid import Identity, NotCounted, NotNow, Provider
from orchestrail.server.problems import SignInFailed
from orchestrail.server.published import Addresses, Refused, Unavailable, code_of, is_safe
from orchestrail.settings import Settings

BEGIN = f"{SIGN_IN}/provider"
BACK = f"{SIGN_IN}/back"
OPEN = 600
"""Seconds from the beginning of a sign-in to its end."""
LONGEST = 4096
"""Characters of a code."""
DENIED = "access_denied"
ONCE_MORE = "Sign in once more."
SEE_LOG = "Tell whoever keeps this server: its log says more."


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that has begun.

    Attributes:
        address: of the provider, to which the browser goes.
        kept: what the browser keeps until it comes back.
    """

    address: str
    kept: str


class CodeFlow:
    """How people sign in at a provider.

    Args:
        provider: the provider.
        client: what this server is to it.
        secret: its secret there; None for a public client.
        scope: what it is asked for.
        public_url: the address at which browsers reach this server.

    Raises:
        ConfigurationError: others could read along, or be led back to.
    """

    def __init__(self, provider: Provider, client: str, secret: str | None, scope: str, public_url: str) -> None:
        parts = urlsplit(public_url.rstrip("/") if is_safe(public_url) else "")
        if not parts.hostname or parts.path or parts.query or parts.fragment:
            raise ConfigurationError(
                "Nobody can be led back from the OpenID provider.",
                f"{public_url!r} is no address of HTTPS alone, without a path.",
                "Set ORCHESTRAIL_PUBLIC_URL as in https://audit.example.",
            )
        self.public_url = public_url.rstrip("/")
        self.secure = parts.scheme == "https"
        """Whether cookies go over HTTPS alone."""
        self.provider = provider
        self._client, self._secret = client, secret
        self._scope = " ".join(dict.fromkeys(["openid", *scope.split()]))
        self._key = secrets.token_bytes(32)

    @classmethod
    def of(cls, settings: Settings, provider: Provider | None) -> CodeFlow | None:
        """Give what the settings say; None where nobody signs in at a provider.

        Raises:
            ConfigurationError: they do not say enough.
        """
        if settings.oidc_client_id is None:
            return None
        if provider is None or settings.public_url is None:
            missing = "ORCHESTRAIL_OIDC_ISSUER" if provider is None else "ORCHESTRAIL_PUBLIC_URL"
            raise ConfigurationError(
                "Nobody can sign in at the OpenID provider.",
                "ORCHESTRAIL_OIDC_CLIENT_ID is set, which needs the provider, and the address at which browsers reach this server.",
                f"Set {missing}.",
            )
        secret = settings.oidc_client_secret
        return cls(
            provider,
            settings.oidc_client_id,
            secret.get_secret_value() if secret else None,
            settings.oidc_scope,
            settings.public_url,
        )

    @property
    def at(self) -> str:
        """Where people sign in, in a word that they know."""
        return urlsplit(self.provider.issuer).netloc

    @property
    def sign_out_address(self) -> str | None:
        """Where people sign out at the provider (RP-Initiated Logout 1.0, 2); None where that was not heard, or there is none."""
        end = self.provider.published.end
        return end and _with(end, client_id=self._client)

    def begin(self, page: str) -> Begun:
        """Begin a sign-in; asks the provider where, if that is not known.

        Args:
            page: where somebody comes from, and goes back to.

        Raises:
            SignInFailed: the provider cannot be asked.
        """
        addresses = self._addresses()
        came_from = base64.urlsafe_b64encode(own_page(page).encode()).decode()
        kept = f"{int(time.time()) + OPEN}.{secrets.token_urlsafe(32)}.{came_from}"
        challenge = base64.urlsafe_b64encode(sha256(self._made("verifier", kept).encode()).digest()).decode()
        address = _with(
            addresses.authorization,
            response_type="code",
            client_id=self._client,
            redirect_uri=self.public_url + BACK,
            scope=self._scope,
            state=self._made("state", kept),
            nonce=self._made("nonce", kept),
            code_challenge=challenge.rstrip("="),
            code_challenge_method="S256",
        )
        return Begun(address, kept)

    def complete(self, kept: str, answer: Mapping[str, str]) -> Identity:
        """Judge an answer of the provider, and exchange its code for who signed in.

        Args:
            kept: what the browser kept.
            answer: what it came back with.

        Raises:
            SignInFailed: nobody signed in.
        """
        self._expect(kept, answer.get("state", ""))
        if "error" in answer:
            raise self._denied(code_of(answer["error"]))
        addresses = self._addresses()
        if answer.get("iss", "" if addresses.names_itself else self.provider.issuer) != self.provider.issuer:
            raise self._failed("the answer names another issuer")
        code = answer.get("code", "")
        if not 0 < len(code) <= LONGEST:
            raise self._failed("the answer holds no code")
        token = self._exchanged(code, kept, addresses)
        try:
            return self.provider.identify_signed_in(token, self._client, self._made("nonce", kept))
        except NotNow as error:
            raise SignInFailed(
                503,
                "You are not signed in: two clocks differ.",
                f"What {self.at} says is not valid at the time of this server.",
                "Tell whoever keeps this server to set its clock.",
                str(error),
            ) from None
        except NotCounted as error:
            raise self._failed(str(error)) from None

    @staticmethod
    def came_from(kept: str) -> str:
        """Give the page that somebody came from, by what their browser kept: one of this server in any case."""
        try:
            return own_page(base64.urlsafe_b64decode(kept.rpartition(".")[2]).decode())
        except ValueError:
            return FIRST

    def _expect(self, kept: str, state: str) -> None:
        is_ours = hmac.compare_digest(state.encode("utf-8", "replace"), self._made("state", kept).encode())
        # The state is made of what the browser keeps, so that this process wrote it where the two fit.
        if not is_ours or int(kept.partition(".")[0]) <= time.time():
            raise SignInFailed(
                400,
                "This sign-in is over, or did not begin in this browser.",
                f"It counts once, for {OPEN // 60} minutes, in the browser in which it began, and until this server starts anew.",
                ONCE_MORE,
                "its time is over" if is_ours else "the state is none of this browser",
            )

    def _addresses(self) -> Addresses:
        try:
            return self.provider.published.addresses()
        except Unavailable as error:
            raise self._away(str(error)) from None

    def _exchanged(self, code: str, kept: str, addresses: Addresses) -> str:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.public_url + BACK,
            "code_verifier": self._made("verifier", kept),
        }
        authorization = None
        if self._secret is not None and addresses.takes_basic:
            authorization = basic(quote_plus(self._client), quote_plus(self._secret))  # RFC 6749, 2.3.1
        else:
            fields["client_id"] = self._client
            if self._secret is not None:
                fields["client_secret"] = self._secret
        try:
            answer = self.provider.published.ask(addresses.token, fields, authorization)
        except Refused as error:
            if error.error == "invalid_grant":
                raise SignInFailed(
                    400,
                    "You are not signed in.",
                    f"{self.at} does not take the code that it gave: it was used already, or is too old.",
                    ONCE_MORE,
                    f"the code was exchanged: {error}",
                ) from None
            raise self._failed(f"the code was exchanged: {error}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise self._away(f"the code could not be exchanged: {type(error).__name__}: {error}") from None
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise self._failed("the code was exchanged for no ID token")
        return token

    def _made(self, what: str, kept: str) -> str:
        made = hmac.digest(self._key, f"{what}\0{kept}".encode("utf-8", "replace"), "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    def _denied(self, error: str) -> SignInFailed:
        if error == DENIED:
            why = f"Access was refused at {self.at}, by you or by its rules."
            return SignInFailed(403, "You are not signed in.", why, ONCE_MORE, f"the provider answers {error}")
        return self._failed(f"the provider answers {error}")

    def _failed(self, reason: str) -> SignInFailed:
        why = f"What {self.at} answered does not count here."
        return SignInFailed(502, "You are not signed in.", why, SEE_LOG, reason)

    def _away(self, reason: str) -> SignInFailed:
        why = f"{self.at} does not answer this server, or not in a way that it understands."
        return SignInFailed(503, "Nobody can sign in there now.", why, f"Try again in a minute. {SEE_LOG}", reason)


def _with(address: str, **fields: str) -> str:
    parts = urlsplit(address)
    return parts._replace(query="&".join(filter(None, [parts.query, urlencode(fields)]))).geturl()
