"""Signing in at an OpenID provider in a real browser: the provider is one that others wrote, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from provider import CLIENT, PASSWORD, PUBLIC_CLIENT, SECRET

from orchestrail.testing.ports import kept_port

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""Folder for a picture of each page; empty for none."""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@dataclass(frozen=True)
class Guarded:
    """A server at which people sign in through a provider.

    Attributes:
        url: where it listens, which is its public address too.
        start: starts it anew, in its place.
        at: the provider, as pages name it.
    """

    url: str
    start: Callable[[], str]
    at: str


@pytest.fixture(scope="module")
def guarded(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Guarded]]:
    """Two servers, with nothing on their records: one that has a secret at the provider, one that has none."""
    folder = tmp_path_factory.mktemp("guarded")
    holding = ExitStack()
    ports = {client: holding.enter_context(kept_port()) for client in (CLIENT, PUBLIC_CLIENT)}
    back = " ".join(f"http://localhost:{port}/sign-in/back" for port in ports.values())
    command = [sys.executable, str(Path(__file__).with_name("provider.py")), back, str(folder / "tables.db")]
    provider = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    issuer = provider.stdout.readline().strip()

    def start(client: str) -> str:
        return serve(
            folder / client,
            ports[client],
            ORCHESTRAIL_OIDC_ISSUER=issuer,
            ORCHESTRAIL_OIDC_CLIENT_ID=client,
            ORCHESTRAIL_OIDC_CLIENT_SECRET=SECRET if client == CLIENT else "",
            ORCHESTRAIL_OIDC_ROLES="auditors=read",
            ORCHESTRAIL_PUBLIC_URL=f"http://localhost:{ports[client]}",
        )

    made = {}
    for client, port in ports.items():
        start(client)
        at = re.match(r"http://([^/]+)/", issuer)[1]
        made[client] = Guarded(f"http://localhost:{port}", lambda client=client: start(client), at)
    yield made
    provider.kill()
    provider.communicate()
    holding.close()


@pytest.fixture(params=[CLIENT, PUBLIC_CLIENT])
def each(request: pytest.FixtureRequest, guarded: dict[str, Guarded]) -> Guarded:
    """Each of the servers."""
    return guarded[request.param]


@pytest.fixture
def server(guarded: dict[str, Guarded]) -> Guarded:
    """The one that has a secret."""
    return guarded[CLIENT]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open fresh browsers; none complains of the policy under which pages go out."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opening(server: Guarded, **options: Any) -> Page:
        context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900}, **options)
        context.set_default_timeout(120_000)
        context.on("console", lambda message: complaints.append(message.text))
        contexts.append(context)
        return context.new_page()

    yield opening
    for context in contexts:
        context.close()
    assert [said for said in complaints if "Security Policy" in said] == []


def log_in(page: Page, server: Guarded, name: str) -> None:
    """Go from the page of the sign-in to the provider, and say who one is there."""
    page.get_by_role("link", name=f"Sign in at {server.at}").click()
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Authorize")).to_be_visible()


def kept(page: Page, name: str) -> Any:
    """Give a cookie of the browser; None where there is none."""
    return next((each for each in page.context.cookies() if each["name"] == name), None)


@pytest.mark.parametrize("scripts", [True, False], ids=["with-scripts", "without-scripts"])
def test_person_signs_in_at_the_provider_and_out_again(
    each: Guarded, opened: Callable[..., Page], scripts: bool
) -> None:
    """From a page to the provider and back to that page; out again by the foot of any page."""
    page = opened(each, java_script_enabled=scripts)
    page.goto("/runs?job=mortgage*")
    expect(page).to_have_url(f"{each.url}/sign-in?to=%2Fruns%3Fjob%3Dmortgage%2A")
    log_in(page, each, "alice")
    page.get_by_role("button", name="Authorize").click()
    expect(page).to_have_url(f"{each.url}/runs?job=mortgage*")
    expect(page.locator("h1")).to_have_text("Runs")
    cookie = kept(page, "orchestrail")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert kept(page, "orchestrail-sign-in") is None

    page.get_by_role("link", name="Sign in or out").click()
    expect(page.locator("main")).to_contain_text("alice is signed in with this browser")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{each.url}/sign-in")
    assert kept(page, "orchestrail") is None
    page.goto("/models")
    expect(page).to_have_url(f"{each.url}/sign-in?to=%2Fmodels")


def test_sign_in_that_is_over_leads_back_to_where_one_was(server: Guarded, opened: Callable[..., Page]) -> None:
    """The browser forgot the cookie at its time, or the server began anew: the provider knows them, and nothing is typed again."""
    page = opened(server)
    page.goto("/models")
    log_in(page, server, "alice")
    page.get_by_role("button", name="Authorize").click()
    expect(page).to_have_url(f"{server.url}/models")
    for end in (lambda: page.context.clear_cookies(name="orchestrail"), server.start):
        end()
        page.get_by_role("link", name="Requirements").click()
        expect(page).to_have_url(f"{server.url}/sign-in?to=%2Frequirements")
        page.get_by_role("link", name=f"Sign in at {server.at}").click()
        page.get_by_role("button", name="Authorize").click()
        expect(page).to_have_url(f"{server.url}/requirements")
        page.goto("/models")


def test_person_without_a_role_is_told_so(server: Guarded, opened: Callable[..., Page]) -> None:
    """By name; they may try as somebody else."""
    page = opened(server)
    page.goto("/sign-in")
    log_in(page, server, "bob")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("alert")).to_contain_text("bob may not read here")
    assert kept(page, "orchestrail") is None


def test_state_that_was_tampered_with_signs_nobody_in(server: Guarded, opened: Callable[..., Page]) -> None:
    """The provider gives back what was changed on the way to it."""
    page = opened(server)
    page.goto("/sign-in")
    log_in(page, server, "alice")
    page.goto(re.sub(r"state=[^&]*", "state=another", page.url))
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("alert")).to_contain_text("This sign-in is over, or did not begin in this browser")
    assert kept(page, "orchestrail") is None


def test_pages_of_the_sign_in_are_readable_in_light_and_dark(server: Guarded, opened: Callable[..., Page]) -> None:
    """The way to the provider, a refusal, and the page between: no rule of axe is broken, and all fit a narrow screen."""
    page = opened(server)
    page.goto("/sign-in?to=/runs")
    looked_at(page, "provider")
    log_in(page, server, "alice")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text(f"Access was refused at {server.at}")
    looked_at(page, "denied")
    page.route("**/runs", lambda route: route.fulfill(status=204))  # the page between goes on at once
    page.get_by_role("link", name=f"Sign in at {server.at}").click()
    page.get_by_role("button", name="Authorize").click()
    expect(page.locator("h1")).to_have_text("Signed in")
    looked_at(page, "signed-in")


def looked_at(page: Page, name: str) -> None:
    """Judge a page as it stands."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS, f"sign-in-{name}-{scheme}.png"))
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
