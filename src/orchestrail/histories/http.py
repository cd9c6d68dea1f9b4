"""JSON over HTTP, for reading only: time-outs, a few tries more, errors in three parts. No orchestrator is known here.

Redirects are not followed: a credential is sent to the address that was given, and to no other.
"""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from orchestrail import __version__
from orchestrail.errors import ConfigurationError, HistoryError

TIMEOUT = 30.0
"""Seconds to wait for the next bytes of an answer."""
PAUSES = (0.5, 2.0, 5.0)
"""Seconds before each further try of a request that failed for a reason that may pass."""
LARGEST = 256 << 20
_MAY_PASS = frozenset({429, 500, 502, 503, 504})


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_arguments: Any) -> None:
        """Name no other request."""


class Api:
    """An API below one address.

    Args:
        url: the address; a name and a password in it are taken for basic authentication.
        headers: sent with each request; credentials are among them.

    Raises:
        ConfigurationError: the address is none of HTTP.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                "The address of the orchestrator's API cannot be used.",
                "It does not begin with http:// or https://, or names no host.",
                "Write it as in https://airflow.example:8080.",
            )
        self.address = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
        self._headers = {"Accept": "application/json", "User-Agent": f"orchestrail/{__version__}", **(headers or {})}
        if parts.username is not None:
            self.sign_in(basic(unquote(parts.username), unquote(parts.password or "")))
        self._opener = urllib.request.build_opener(NoRedirects)

    def sign_in(self, authorization: str) -> None:
        """Send this `Authorization` from now on."""
        self._headers["Authorization"] = authorization

    @property
    def is_signed_in(self) -> bool:
        """Whether an `Authorization` is sent."""
        return "Authorization" in self._headers

    def get(self, path: str, **query: object) -> Any:
        """Ask for a document.

        Raises:
            HistoryError: there is none to be had; `status` says which answer came instead.
        """
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return self._ask("GET", f"{path}?{asked}" if asked else path, None)

    def post(self, path: str, body: object) -> Any:
        """Ask with a document.

        Raises:
            HistoryError: as `get`.
        """
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        # The scheme was looked at above: no file is opened here.
        request = urllib.request.Request(self.address + path, body, self._headers, method=method)  # noqa: S310
        if body is not None:
            request.add_header("Content-Type", "application/json")
        for pause in (*PAUSES, None):
            try:
                with self._opener.open(request, timeout=TIMEOUT) as answer:
                    return self._read(answer.read(LARGEST + 1))
            except urllib.error.HTTPError as error:
                with error:
                    failure = self._refused(error.code)
                if error.code not in _MAY_PASS:
                    raise failure from None
            except (OSError, ValueError, HTTPException) as error:  # no connection, half an answer, or none of HTTP
                failure = self._unreachable(error)
            if pause is not None:
                time.sleep(pause)
        raise failure

    def _read(self, answer: bytes) -> Any:
        if len(answer) > LARGEST:
            raise HistoryError(
                f"{self.address} answers with more than {LARGEST >> 20} MB.", "", "Compare a shorter time."
            )
        try:
            return json.loads(answer)
        except ValueError:
            why = "What answers there is not the orchestrator's API, or something stands between."
            raise HistoryError(
                f"{self.address} does not answer in JSON.", why, "See that the address is that of its API."
            ) from None

    def _refused(self, status: int) -> HistoryError:
        if status in (401, 403):
            why = "It wants a credential, or another one." if status == 401 else "The credential may not read this."
            do = "See docs/how-to/reconcile.md for how to give one."
        elif status == 404:
            why, do = "There is nothing at that place.", "See that the address is that of the API."
        elif 300 <= status < 400:
            why, do = "It sends to another address, which is not followed.", "Give the address that it sends to."
        else:
            why, do = "", "See its log; try again."
        return HistoryError(f"{self.address} answers with status {status}.", why, do, status=status)

    def _unreachable(self, error: Exception) -> HistoryError:
        reason = getattr(error, "reason", error)
        why = f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__
        return HistoryError(
            f"{self.address} cannot be reached.", f"{why}.", "See that it runs, and that the address is right."
        )


@contextmanager
def understood(address: str) -> Iterator[None]:
    """Turn an answer of another form than is read here into an error in three parts.

    Raises:
        HistoryError: something is missing in an answer, or is of another kind.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}. It is another service, or a version that this one does not know."
        raise HistoryError(f"{address} does not answer as expected.", why, "See docs/how-to/reconcile.md.") from error


def basic(user: str, password: str) -> str:
    """Write the `Authorization` of basic authentication (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
