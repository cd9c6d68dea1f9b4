"""Signing in to the pages with a token, and out again. The token goes into a cookie that no script can read and that only reads."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from orchestrail.operations.tokens import Scope
from orchestrail.server.access import COOKIE, Access, Caller
from orchestrail.server.addresses import host_name, is_loopback
from orchestrail.server.body import Bodies
from orchestrail.server.problems import Problem
from orchestrail.web.rendering import page

FORM = frozenset({"application/x-www-form-urlencoded"})
LASTS = 12 * 3600
"""Seconds until a browser forgets."""
LONGEST = 3800
"""Characters of a token that a cookie holds everywhere (RFC 6265, 6.1)."""


def create_router(access: Access, bodies: Bodies) -> APIRouter:
    """Make the addresses.

    Args:
        access: knows the tokens.
        bodies: reads what is sent.
    """
    router = APIRouter(tags=["pages"], include_in_schema=False)

    @router.get("/sign-in", response_class=HTMLResponse)
    def ask() -> Response:
        return page("sign_in", problem=None)

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        _own_page(request)
        async with bodies.read(request, FORM) as body:
            token = parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0].strip()
        caller = await run_in_threadpool(access.signed_in, token)
        if not isinstance(caller, Caller) or not caller.may(Scope.READ) or len(token) > LONGEST:
            return page("sign_in", 401, problem="This token does not count here, or is not good for reading.")
        response = RedirectResponse("/", 303)
        # Not over plain HTTP to another machine, where others on the way could read it.
        secure = not is_loopback(host_name(request.headers.get("host", "")))
        response.set_cookie(COOKIE, token, max_age=LASTS, secure=secure, httponly=True, samesite="strict")
        return response

    @router.post("/sign-out")
    async def sign_out(request: Request) -> Response:
        _own_page(request)
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE)
        return response

    return router


def _own_page(request: Request) -> None:
    """Take forms of this server's own pages alone: another site could sign a person in as somebody else.

    Raises:
        Problem: a browser says that it comes from elsewhere.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "another-site", "This form comes from another site.", "", "Open the page here.")
