"""What an OpenID provider publishes of itself: where it is asked, and its keys. All of the network to it is here, bounded in time
and size; nothing is asked that it did not name over HTTPS under its own name. What its tokens say is the matter of
`orchestrail.server.openid`.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from orchestrail import __version__
from orchestrail.histories.http import NoRedirects
from orchestrail.server.addresses import is_loopback
from orchestrail.server.problems import Problem
from orchestrail.server.rate import Rate

_log = logging.getLogger("orchestrail.server")

KEYS = frozenset({"RSA", "EC", "OKP"})
FRESH = 600.0
"""Seconds after which the provider is asked for its keys again, so that one that it took back counts no more."""
AGAIN = 30.0
"""Seconds until it is asked again when it did not answer."""
KEPT = 24 * 3600.0
"""Seconds for which its keys count without an answer of it."""
UNKNOWN = 0.5
"""Questions a second that tokens with unknown keys may cause; ten seconds' worth at once."""
TIMEOUT = 5.0
"""Seconds to wait for the next bytes of an answer."""
WHOLE = 10.0
"""Seconds for a whole answer, with everything that comes before it."""
AT_ONCE = 8
"""Questions that are under way at one time."""
LARGEST = 1 << 20
"""Bytes of an answer."""
_CODE = re.compile(r"[a-z][a-z_]{0,59}")


class Unavailable(Exception):
    """The provider does not have something, or cannot be asked; the reason holds nothing that is secret."""


class Refused(Exception):
    """The provider refuses what it was asked.

    Attributes:
        error: the word for it (RFC 6749, 5.2); what else it says may hold what it was sent.
    """

    def __init__(self, status: int, error: str) -> None:
        super().__init__(f"it answers {error} (status {status})")
        self.error = error


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where people sign in (OpenID Connect Discovery 1.0, 3).

    Attributes:
        authorization: where a browser is led.
        token: where the server exchanges a code.
        end: where a browser is led to sign out there; None where it says none.
        takes_basic: whether a client's secret is taken as basic authentication, or else in the form.
        names_itself: whether its answers always say who it is (RFC 9207).
    """

    authorization: str
    token: str
    end: str | None
    takes_basic: bool
    names_itself: bool


class Published:
    """What a provider publishes, as it was heard last.

    Args:
        issuer: its name, which is an address of HTTPS.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._opener = urllib.request.build_opener(NoRedirects)
        self._said: Mapping[str, Any] = {}
        self._keys: Mapping[str, Key] = {}
        self._asked_at = self._due = float("-inf")
        self._asking = threading.Lock()
        self._unknown = Rate(UNKNOWN)
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def key(self, key_id: str) -> Key:
        """Give the key of an id.

        Raises:
            Unavailable: it has none of this id, or was not heard of for a day.
        """
        self._look(missing=key_id not in self._keys)
        key = self._keys.get(key_id)
        if key is None:
            raise Unavailable("the token names a key that its provider does not have")
        if time.monotonic() - self._asked_at > KEPT:
            raise Unavailable("its provider could not be asked for its keys for a day")
        return key

    def addresses(self) -> Addresses:
        """Say where people sign in.

        Raises:
            Unavailable: it was never heard of, or says nothing that can be used.
        """
        self._look(missing=not self._said)
        if not self._said:
            with self._asking:  # where somebody else asks, their answer is waited for
                pass
        if not self._said:
            raise Unavailable(f"{self.issuer} could not be asked where people sign in")
        authorization, token = (self._said.get(f"{name}_endpoint") for name in ("authorization", "token"))
        if not (is_safe(authorization) and is_safe(token)):
            raise Unavailable(f"{self.issuer} names no addresses of HTTPS where people sign in")
        methods = self._said.get("token_endpoint_auth_methods_supported")
        takes_basic = not isinstance(methods, list) or "client_secret_basic" in methods
        names_itself = self._said.get("authorization_response_iss_parameter_supported") is True
        return Addresses(str(authorization), str(token), self.end, takes_basic, names_itself)

    @property
    def end(self) -> str | None:
        """Where people sign out there, as far as that was heard already."""
        address = self._said.get("end_session_endpoint")
        return str(address) if is_safe(address) else None

    def ask(self, address: str, fields: Mapping[str, str] | None = None, authorization: str | None = None) -> Any:
        """Ask for a document, or with a form.

        Raises:
            OSError, HTTPException, ValueError: there is no answer in time, or none that is understood.
            Refused: it says that it refuses.
        """
        headers = {"Accept": "application/json", "User-Agent": f"orchestrail/{__version__}"}
        if authorization is not None:
            headers["Authorization"] = authorization
        body = None if fields is None else urlencode(fields).encode()
        # The scheme was looked at before: no file is opened here.
        request = urllib.request.Request(address, body, headers)  # noqa: S310
        if not self._places.acquire(timeout=WHOLE):
            raise TimeoutError(f"{AT_ONCE} questions are under way without an answer")
        done: Future[Any] = Future()
        try:
            # A thread of its own: waiting for a name to be found or for bytes that trickle in can be ended in no other way.
            threading.Thread(target=self._read, args=(request, done), daemon=True).start()
        except RuntimeError as error:
            self._places.release()
            raise OSError(str(error)) from None
        try:
            return done.result(WHOLE)
        except TimeoutError as error:
            raise TimeoutError(str(error) or f"no whole answer in {WHOLE:g} s") from None

    def _read(self, request: urllib.request.Request, done: Future[Any]) -> None:
        try:
            with self._opener.open(request, timeout=TIMEOUT) as answer:
                done.set_result(json.loads(answer.read(LARGEST)))
        except HTTPError as error:
            done.set_exception(_refusal(error) or error)
        except RecursionError:
            done.set_exception(ValueError("its answer is nested too deeply"))
        except Exception as error:  # whoever asked is told
            done.set_exception(error)
        finally:
            self._places.release()

    def _look(self, *, missing: bool) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + AGAIN  # others go on with what is known meanwhile
            self._hear()
        elif missing and self._may_ask():
            self._hear()

    def _may_ask(self) -> bool:
        try:
            self._unknown.take("")
        except Problem:
            return False
        return True

    def _hear(self) -> None:
        began = time.monotonic()
        with self._asking:
            if self._asked_at >= began:  # somebody else did meanwhile
                return
            try:
                self._said, self._keys = self._heard()
            except (OSError, HTTPException, Refused, ValueError, TypeError, LookupError, AttributeError) as error:
                _log.error(
                    "the OpenID provider %s was not understood: %s: %s", self.issuer, type(error).__name__, error
                )
            else:
                self._asked_at = time.monotonic()
                self._due = self._asked_at + FRESH

    def _heard(self) -> tuple[Mapping[str, Any], Mapping[str, Key]]:
        said = self.ask(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if said["issuer"] != self.issuer:
            raise ValueError("it calls itself by another name than that of ORCHESTRAIL_OIDC_ISSUER")
        if not is_safe(said["jwks_uri"]):
            raise ValueError("its keys are at no address of HTTPS")
        return said, usable(self.ask(said["jwks_uri"])["keys"])


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


def is_safe(address: object) -> bool:
    """Say whether nobody on the way to an address can answer in another's place."""
    try:
        parts = urlsplit(address if isinstance(address, str) else "")
    except ValueError:  # half of an IPv6 address
        return False
    scheme_fits = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    return scheme_fits and bool(parts.hostname) and parts.username is None


def code_of(error: object) -> str:
    """Give the word for an error as others said it, where it is one: what is shown and logged is of a form that holds no secret."""
    return error if isinstance(error, str) and _CODE.fullmatch(error) else "an error"


def _refusal(answer: HTTPError) -> Refused | None:
    with answer:
        try:
            said = json.loads(answer.read(LARGEST))
        except (OSError, HTTPException, ValueError, RecursionError):
            return None
    return Refused(answer.code, code_of(said["error"])) if isinstance(said, dict) and "error" in said else None
