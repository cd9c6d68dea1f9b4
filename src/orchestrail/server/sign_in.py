"""Signing in to the pages, with a token or at an OpenID provider, and out again: addresses, cookies and pages.

The cookie holds a token, or the word for a session: no script can read it, no other site has it sent, and it only reads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from orchestrail.errors import OrchestrailError
from orchestrail.operations.tokens import Scope
from orchestrail.server.access import COOKIE, Access
from orchestrail.server.addresses import SIGN_IN, from_another_site, host_name, is_loopback, own_page
from orchestrail.server.body import Bodies
from orchestrail.server.caller import Caller
from orchestrail.server.code_flow import BACK, BEGIN, OPEN, CodeFlow
from orchestrail.server.openid import SKEW
from orchestrail.server.problems import Problem, SignInFailed, SignInNeeded
from orchestrail.server.rate import Rate
from orchestrail.server.sessions import LASTS
from orchestrail.web.rendering import page

_log = logging.getLogger("orchestrail.server")

LONGEST = 3800
"""Characters of a token that a cookie holds everywhere (RFC 6265, 6.1)."""
BEGUN = "orchestrail-sign-in"
"""Name of the cookie of a sign-in that has begun at the provider. It is sent when another site, the provider, leads here."""
AT_ONCE = 8
"""Sign-ins that wait for the provider at one time: whoever asks something else does not wait with them."""


def create_router(access: Access, bodies: Bodies, rate: Rate, flow: CodeFlow | None) -> APIRouter:
    """Make the addresses.

    Args:
        access: knows the tokens and the sessions.
        bodies: reads what is sent.
        rate: of requests.
        flow: how people sign in at an OpenID provider; None where they do not.
    """
    router = APIRouter(tags=["pages"], include_in_schema=False)

    def asked(request: Request, to: str, problem: OrchestrailError | None = None, status: int = 200) -> HTMLResponse:
        found = access.in_browser(request) if access.required else None
        return page(
            "sign_in",
            status,
            problem=problem,
            to=own_page(to),
            needed=access.required,
            name=found.name if isinstance(found, Caller) else None,
            provider=flow.at if flow else None,
            begin=f"{flow.public_url}{BEGIN}?{urlencode({'to': own_page(to)})}" if flow else None,
            sign_out=flow.sign_out_address if flow else None,
        )

    def counted(request: Request) -> None:
        # Before anything is written down, as for other requests.
        rate.take(request.client.host if request.client else "")

    def refuse(request: Request, to: str, failure: SignInFailed, caller: Caller | None = None) -> HTMLResponse:
        access.note(request, caller, failure)
        if failure.status >= 500:
            _log.error("signing in at the OpenID provider: %s", failure.reason)
        return asked(request, to, failure, failure.status)

    @router.get(SIGN_IN, response_class=HTMLResponse)
    def ask(request: Request, to: str = "") -> Response:
        return asked(request, to)

    @router.post(SIGN_IN)
    async def sign_in(request: Request) -> Response:
        counted(request)
        _own_page(request)
        sent = await bodies.form(request)
        token, to = sent.get("token", "").strip(), own_page(sent.get("to", ""))
        return await run_in_threadpool(take, request, token, to)

    def take(request: Request, token: str, to: str) -> Response:
        caller = access.signed_in(token)
        if not isinstance(caller, Caller) or not caller.may(Scope.READ) or len(token) > LONGEST:
            reason = caller.reason if isinstance(caller, SignInNeeded) else "it is not good for reading, or too large"
            failure = SignInFailed(
                401,
                "This token does not count here, or is not good for reading.",
                "",
                "Whoever keeps the server makes one with `orchestrail token create`.",
                reason,
            )
            return refuse(request, to, failure, caller if isinstance(caller, Caller) else None)
        access.note(request, caller)
        # Not over plain HTTP to another machine, where others on the way could read it.
        secure = not is_loopback(host_name(request.headers.get("host", "")))
        response = RedirectResponse(to, 303)
        _keep(response, COOKIE, token, LASTS, secure, "strict")
        return response

    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        counted(request)
        _own_page(request)
        caller = access.in_browser(request)
        if isinstance(caller, Caller):
            access.sessions.end(request.cookies[COOKIE])
            access.note(request, caller)
        response = RedirectResponse(SIGN_IN, 303)
        response.delete_cookie(COOKIE)
        return response

    if flow is None:
        return router
    waiting = asyncio.Semaphore(AT_ONCE)

    @router.get(BEGIN)
    async def begin(request: Request, to: str = "") -> Response:
        counted(request)
        async with waiting:
            return await run_in_threadpool(lead_away, request, to)

    def lead_away(request: Request, to: str) -> Response:
        try:
            begun = flow.begin(to)
        except SignInFailed as failure:
            return refuse(request, to, failure)
        response = RedirectResponse(begun.address, 303)
        _keep(response, BEGUN, begun.kept, OPEN, flow.secure, "lax", SIGN_IN)
        return response

    @router.get(BACK)
    async def come_back(request: Request) -> Response:
        counted(request)
        async with waiting:
            response = await run_in_threadpool(take_back, request)
        response.delete_cookie(BEGUN, SIGN_IN)
        return response

    def take_back(request: Request) -> Response:
        kept = request.cookies.get(BEGUN, "")
        to = flow.came_from(kept)
        try:
            identity = flow.complete(kept, request.query_params)
        except SignInFailed as failure:
            return refuse(request, to, failure)
        caller = access.known_elsewhere(flow.provider.issuer, identity)
        if not caller.may(Scope.READ):
            what, why = f"{caller.name} may not read here.", f"No role that {flow.at} names stands for it."
            reason = f"its scopes: {', '.join(sorted(caller.scopes)) or 'none'}"
            return refuse(request, to, SignInFailed(403, what, why, "Ask for such a role.", reason), caller)
        access.note(request, caller)
        access.sessions.end(request.cookies.get(COOKIE, ""))
        now = time.time()
        ends = min(identity.ends + SKEW, now + LASTS)
        # A page that goes on by itself: the cookie would not be sent to where a redirect of another site's leads.
        response = page("signed_in", name=caller.name, to=to)
        _keep(response, COOKIE, access.sessions.begin(caller, ends), int(ends - now), flow.secure, "strict")
        return response

    return router


def _keep(
    response: Response, name: str, value: str, lasts: int, secure: bool, sent: Literal["lax", "strict"], path: str = "/"
) -> None:
    response.set_cookie(name, value, lasts, path=path, secure=secure, httponly=True, samesite=sent)


def _own_page(request: Request) -> None:
    """Take forms of this server's own pages alone: another site could sign a person in as somebody else.

    Raises:
        Problem: a browser says that it comes from elsewhere.
    """
    if from_another_site(request.headers):
        raise Problem(403, "another-site", "This form comes from another site.", "", "Open the page here.")
