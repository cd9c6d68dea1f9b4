"""What cannot be done, as an answer: a status, and the three parts that every error of ours has."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from orchestrail.errors import (
    AmbiguousRun,
    ConfigurationError,
    EventRefused,
    Forbidden,
    NotRecorded,
    OrchestrailError,
    StoreError,
    UnknownRun,
)
from orchestrail.server.addresses import API, METRICS, asked_page, sign_in_for

_log = logging.getLogger("orchestrail.server")


class SignInNeeded(OrchestrailError):
    """A token is needed, and none came that counts.

    Attributes:
        reason: why it does not count, for whoever keeps the server: who asks is not told how near it came.
    """

    code = "sign-in-needed"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "A token is needed.",
            "None was sent, or it was revoked, has expired or is none of this server.",
            "Send `Authorization: Bearer TOKEN`; whoever keeps the server makes one with `orchestrail token create`.",
        )
        self.reason = reason


class SignInFailed(SignInNeeded):
    """Somebody came back from the OpenID provider, and is not signed in.

    Attributes:
        status: of HTTP.
    """

    code = "sign-in-failed"

    def __init__(self, status: int, what: str, why: str, do: str, reason: str) -> None:
        OrchestrailError.__init__(self, what, why, do)
        self.status = status
        self.reason = reason


_STATUS: Mapping[type[OrchestrailError], int] = {
    SignInNeeded: 401,
    Forbidden: 403,
    UnknownRun: 404,
    NotRecorded: 404,
    AmbiguousRun: 409,
    ConfigurationError: 400,
    StoreError: 503,
}


class Problem(OrchestrailError):
    """A request that is not served.

    Attributes:
        status: of HTTP.
        reason: stable word for it, in place of the code of an error.
        retry_after: seconds after which another try makes sense; None where it makes none.
    """

    code = "request-refused"

    def __init__(
        self, status: int, reason: str, what: str, why: str = "", do: str = "", *, retry_after: int | None = None
    ) -> None:
        super().__init__(what, why, do)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Document(JSONResponse):
    """A JSON document, as commands print it with `--json`."""

    def render(self, content: Any) -> bytes:
        """Write it in ASCII: what others wrote may hold halves of characters, which UTF-8 cannot say."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def answer(request: Request, error: OrchestrailError) -> Response:
    """Turn an error into an answer."""
    for_people = not request.url.path.startswith((API, METRICS))
    if isinstance(error, SignInNeeded) and for_people and request.method in ("GET", "HEAD"):
        return RedirectResponse(sign_in_for(asked_page(request.scope)), 303)
    status = error.status if isinstance(error, Problem) else status_of(error)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="orchestrail"'
    if isinstance(error, Problem) and error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, StoreError):
        # Paths and words of the database are for whoever keeps the server, and not for those who ask.
        _log.error("%s %s", request.method, error)
        error = StoreError("The store cannot be used now.", "The log of the server says why.", "Try again later.")
        headers["Retry-After"] = "5"
    return Document(problem_document(error), status, headers)


def status_of(error: OrchestrailError) -> int:
    """Give the status that an error is answered with."""
    if isinstance(error, EventRefused):
        return {"not_json": 400, "cut_off": 400, "too_large": 413}.get(error.reason, 422)
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def problem_document(error: OrchestrailError) -> dict[str, str]:
    """Give an error as a document."""
    code = error.reason if isinstance(error, Problem | EventRefused) else error.code
    return {"code": code, "what": error.what, "why": error.why, "do": error.do}
