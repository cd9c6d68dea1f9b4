"""Signing in at an OpenID provider as a browser does it: what is sent, what counts of what comes back, what is kept nowhere."""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from issuing import Issuer
from joserfc.jwk import ECKey
from serving import Serving
from test_openid import packed, public_as_secret

from orchestrail.errors import ConfigurationError
from orchestrail.server import published, sessions
from orchestrail.server.addresses import own_page
from orchestrail.server.caller import Caller
from orchestrail.server.code_flow import CodeFlow
from orchestrail.server.openid import Provider
from orchestrail.server.problems import SignInFailed
from orchestrail.server.published import Published, Unavailable
from orchestrail.server.sessions import Sessions
from orchestrail.settings import load_settings

CLIENT = "desk"
PUBLIC = "http://localhost:8787"
THREADS = 40
"""That a server answers with at one time."""
SECRET = "planted&client secret"
OIDC = {
    "ORCHESTRAIL_OIDC_CLIENT_ID": CLIENT,
    "ORCHESTRAIL_OIDC_AUDIENCE": "orchestrail",
    "ORCHESTRAIL_PUBLIC_URL": PUBLIC,
    "ORCHESTRAIL_OIDC_SCOPE": "profile groups",
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """A provider."""
    found = Issuer()
    found.key("k1")
    found.key("RS256", "RS256")
    yield found
    found.close()


@pytest.fixture(scope="module")
def desk(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server at which people sign in through it."""
    environment = OIDC | {"ORCHESTRAIL_OIDC_ISSUER": issuer.url, "ORCHESTRAIL_OIDC_CLIENT_SECRET": SECRET}
    running = Serving(tmp_path_factory.mktemp("desk") / "server", environment=environment)
    yield running
    running.stop()


@pytest.fixture
def browser(desk: Serving, issuer: Issuer) -> Iterator[httpx.Client]:
    """What asks it, and keeps its cookies; the provider is as ever afterwards."""
    with httpx.Client(base_url=desk.url, timeout=60) as client:
        yield client
    issuer.answer, issuer.described = None, {}


@dataclass(frozen=True)
class Led:
    """Where a browser was led to, and what for.

    Attributes:
        address: of the provider.
        asked: what stands in it.
    """

    address: str
    asked: dict[str, str]


def begin(browser: httpx.Client, to: str = "/") -> Led:
    """Begin a sign-in."""
    response = browser.get("/sign-in/provider", params={"to": to})
    assert response.status_code == 303, response.text
    address = response.headers["location"]
    return Led(address, {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()})


def consent(issuer: Issuer, led: Led, token: str | None = None, **claims: Any) -> dict[str, str]:
    """Sign in at the provider; gives what the browser comes back with."""
    said = {"aud": CLIENT, "nonce": led.asked["nonce"], "iat": int(time.time()), "roles": ["orchestrail-read"]} | claims
    code = f"planted-code-{len(issuer.codes)}-{time.monotonic_ns()}"
    issuer.codes[code] = (led.asked["code_challenge"], token or issuer.token(**said))
    return {"code": code, "state": led.asked["state"]}


def signed_in(browser: httpx.Client, issuer: Issuer, to: str = "/", **claims: Any) -> httpx.Response:
    """Sign in, wholly."""
    return browser.get("/sign-in/back", params=consent(issuer, begin(browser, to), **claims))


def accesses(server: Serving) -> list[dict[str, Any]]:
    """Read the log of accesses."""
    return [json.loads(line) for line in (server.home / "access.jsonl").read_text().splitlines()]


def test_person_signs_in_and_goes_on_to_where_they_came_from(
    desk: Serving, issuer: Issuer, browser: httpx.Client
) -> None:
    """From a page to the sign-in, the provider and back; then pages are shown, until they sign out; the log tells who and when."""
    asked = browser.get("/runs?job=a%2Fb&all=true")
    assert (asked.status_code, asked.headers["location"]) == (303, "/sign-in?to=%2Fruns%3Fjob%3Da%252Fb%26all%3Dtrue")
    page = browser.get(asked.headers["location"]).text
    address = unescape(re.search(r'<a class="button" href="([^"]+)"', page)[1])
    assert address == f"{PUBLIC}/sign-in/provider?to=%2Fruns%3Fjob%3Da%252Fb%26all%3Dtrue"

    led = begin(browser, "/runs?job=a%2Fb&all=true")
    assert led.address.startswith(f"{issuer.url}/authorize?tenant=bank&")
    fixed = {name: led.asked[name] for name in led.asked.keys() - {"state", "nonce", "code_challenge"}}
    assert fixed == {
        "tenant": "bank",
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"{PUBLIC}/sign-in/back",
        "scope": "openid profile groups",
        "code_challenge_method": "S256",
    }
    back = browser.get("/sign-in/back", params=consent(issuer, led, preferred_username="Alice"))
    assert back.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/runs?job=a%2Fb&amp;all=true">' in back.text
    (kept,) = (each for each in back.headers.get_list("set-cookie") if each.startswith("orchestrail="))
    assert "httponly" in kept.lower()
    assert "samesite=strict" in kept.lower()
    assert browser.get("/runs").status_code == 200
    assert "Alice is signed in" in browser.get("/sign-in").text
    assert browser.post("/sign-out").status_code == 303
    assert browser.get("/runs").headers["location"] == "/sign-in?to=%2Fruns"

    told = [(each["who"], each["token"], each["path"], each["query"], each["refused"]) for each in accesses(desk)]
    assert told[-4:] == [
        ("Alice", "oidc:alice", "/sign-in/back", "", None),
        ("Alice", "oidc:alice", "/runs", "", None),
        ("Alice", "oidc:alice", "/sign-out", "", None),
        (None, None, "/runs", "", "sign-in-needed"),
    ]


def test_session_ends_where_one_signs_out(issuer: Issuer, browser: httpx.Client) -> None:
    """Not only in the browser: whoever copied the cookie before is out too."""
    signed_in(browser, issuer)
    copied = {"Cookie": f"orchestrail={browser.cookies['orchestrail']}"}
    assert browser.get("/runs", headers=copied).status_code == 200
    browser.post("/sign-out")
    assert browser.get("/runs", headers=copied).status_code == 303


def test_session_reads_pages_and_does_nothing_else(issuer: Issuer, browser: httpx.Client, made: ModuleType) -> None:
    """Somebody who may do all: the cookie has no browser write, and is no token for programs."""
    signed_in(browser, issuer, roles=["orchestrail-admin"])
    json_type = {"Content-Type": "application/json"}
    body = made.body(made.event("START", 1))
    assert browser.get("/api/v1/runs").status_code == 200
    assert browser.post("/api/v1/lineage", content=body, headers=json_type).status_code == 401
    word = {"Authorization": f"Bearer {browser.cookies['orchestrail']}"}
    browser.cookies.clear()
    assert browser.get("/api/v1/runs", headers=word).status_code == 401


def test_session_is_bound_to_the_systems_of_the_claim(issuer: Issuer, tmp_path: Path) -> None:
    """As a token of the same claims is."""
    environment = OIDC | {"ORCHESTRAIL_OIDC_ISSUER": issuer.url, "ORCHESTRAIL_OIDC_SYSTEM_CLAIM": "systems"}
    server = Serving(tmp_path / "server", environment=environment)
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        assert signed_in(browser, issuer).status_code == 502
        signed_in(browser, issuer, systems=["fraud"])
        assert browser.get("/api/v1/runs").json()["limited_to"] == ["fraud"]
        assert browser.get("/log").status_code == 403
    assert "names no system" in accesses(server)[0]["why"]
    assert issuer.exchanged[-1][0]["client_id"] == CLIENT  # a public client says who it is, and has no secret
    assert issuer.exchanged[-1][1] is None
    server.stop()


def test_session_ends_with_the_id_token(issuer: Issuer, browser: httpx.Client) -> None:
    """It expired 45 seconds ago, which a minute's difference of the clocks allows for fifteen more."""
    for left in (15, 60, 240):
        over = int(time.time()) + left
        signed_in(browser, issuer, exp=over - 60)
        word = {"Cookie": f"orchestrail={browser.cookies.get('orchestrail')}"}
        status = browser.get("/runs", headers=word).status_code
        if time.time() < over:  # or else signing in alone took that long
            break
    assert status == 200
    while browser.get("/runs", headers=word).status_code == 200:
        time.sleep(0.2)
    assert browser.get("/runs", headers=word).headers["location"] == "/sign-in?to=%2Fruns"


def test_session_lasts_half_a_day_at_most(issuer: Issuer, browser: httpx.Client) -> None:
    """However long the provider's word counts."""
    back = signed_in(browser, issuer, exp=int(time.time()) + 10**9)
    (kept,) = (each for each in back.headers.get_list("set-cookie") if each.startswith("orchestrail="))
    assert 12 * 3600 - 60 < int(re.search(r"max-age=(\d+)", kept.lower())[1]) <= 12 * 3600


@pytest.mark.parametrize(
    ("methods", "is_basic"),
    [(None, True), (["client_secret_post", "client_secret_basic"], True), (["client_secret_post"], False)],
)
def test_secret_goes_the_way_that_the_provider_takes(
    issuer: Issuer, tmp_path: Path, methods: list[str] | None, is_basic: bool
) -> None:
    """As basic authentication, encoded as RFC 6749 has it, or else in the form; never both."""
    issuer.described = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
    flow = CodeFlow(Provider(issuer.url, "orchestrail", "roles", {}, None), CLIENT, SECRET, "", PUBLIC)
    begun = flow.begin("/")
    asked = {name: value for name, (value,) in parse_qs(urlsplit(begun.address).query).items()}
    assert flow.complete(begun.kept, consent(issuer, Led(begun.address, asked))).subject == "alice"
    form, authorization = issuer.exchanged[-1]
    issuer.described = {}
    if is_basic:
        assert base64.b64decode(authorization.removeprefix("Basic ")) == b"desk:planted%26client+secret"
        assert form.keys() == {"grant_type", "code", "redirect_uri", "code_verifier"}
    else:
        assert authorization is None
        assert (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)


def now(seconds: float) -> int:
    """Give a time from now."""
    return int(time.time() + seconds)


LIES: dict[str, tuple[dict[str, Any], int, str]] = {
    "another-issuer": ({"iss": "https://login.example"}, 502, "'iss'"),
    "no-issuer": ({"iss": None}, 502, "'iss'"),
    "another-client": ({"aud": "wiki"}, 502, "'aud'"),
    "audience-of-bearers": ({"aud": "orchestrail"}, 502, "'aud'"),
    "no-audience": ({"aud": None}, 502, "'aud'"),
    "for-others-too": ({"aud": [CLIENT, "wiki"], "azp": CLIENT}, 502, "'aud'"),
    "made-for-nobody-named": ({"aud": [CLIENT, "orchestrail"]}, 502, "'azp'"),
    "made-for-another": ({"azp": "wiki"}, 502, "'azp'"),
    "another-sign-in": ({"nonce": "another"}, 502, "'nonce'"),
    "several-sign-ins": ({"nonce": ["another"]}, 502, "'nonce'"),
    "no-nonce": ({"nonce": None}, 502, "'nonce'"),
    "no-subject": ({"sub": None}, 502, "'sub'"),
    "subject-is-a-number": ({"sub": 7}, 502, "'sub'"),
    "no-end": ({"exp": None}, 502, "'exp'"),
    "no-time": ({"iat": None}, 502, "'iat'"),
    "expired": ({"exp": now(-120)}, 503, "'exp'"),
    "issued-later": ({"iat": now(36_000)}, 503, "'iat'"),
    "not-yet": ({"nbf": now(36_000)}, 503, "'nbf'"),
    "end-is-no-number": ({"exp": "tomorrow"}, 503, "'exp'"),
}


@pytest.mark.parametrize("lie", LIES)
def test_id_token_that_does_not_fit_signs_nobody_in(
    desk: Serving, issuer: Issuer, browser: httpx.Client, lie: str
) -> None:
    """Each claim is looked at; the page says that it does not count, the log why."""
    claims, status, why = LIES[lie]
    back = signed_in(browser, issuer, **claims)
    refused(desk, browser, back, status, why)
    assert ("two clocks differ" in back.text) is (status == 503)


def refused(desk: Serving, browser: httpx.Client, back: httpx.Response, status: int, why: str) -> None:
    """See that nobody is signed in, and that the log says why."""
    assert back.status_code == status, back.text
    assert 'role="alert"' in back.text
    assert "orchestrail=orcs" not in str(back.headers.get_list("set-cookie"))
    entry = accesses(desk)[-1]
    assert (entry["who"], entry["path"], entry["refused"]) == (None, urlsplit(str(back.url)).path, "sign-in-failed")
    assert why in entry["why"]
    assert browser.get("/runs").status_code == 303


FORGED = {
    "none": ("'none'", lambda i, said: unsigned(said)),
    "public-key-as-secret": ("'HS256'", lambda i, said: public_as_secret(i)),
    "key-of-its-own": ("signature", lambda i, said: i.token(key=ECKey.generate_key("P-256"), **said)),
    "unknown-key": ("does not have", lambda i, said: i.token("k0", key=ECKey.generate_key("P-256"), **said)),
    "no-token": ("cannot be read", lambda i, said: "e30.e30.e30"),
}


def unsigned(said: dict[str, Any]) -> str:
    """Say that no signature is needed."""
    return f"{packed({'alg': 'none', 'kid': 'k1'})}.{packed(said)}."


@pytest.mark.parametrize("how", FORGED)
def test_id_token_that_is_forged_signs_nobody_in(
    desk: Serving, issuer: Issuer, browser: httpx.Client, how: str
) -> None:
    """Even though it comes from the provider's own address."""
    why, forge = FORGED[how]
    led = begin(browser)
    said = {
        "iss": issuer.url,
        "aud": CLIENT,
        "sub": "mallory",
        "nonce": led.asked["nonce"],
        "iat": now(0),
        "exp": now(60),
    }
    back = browser.get("/sign-in/back", params=consent(issuer, led, forge(issuer, said)))
    refused(desk, browser, back, 502, why)


ANSWERS: dict[str, tuple[dict[str, Any], int, str]] = {
    "denied": ({"code": None, "error": "access_denied", "error_description": "planted-text"}, 403, "access_denied"),
    "in-trouble": ({"code": None, "error": "temporarily_unavailable"}, 502, "temporarily_unavailable"),
    "with-a-secret": ({"code": None, "error": "Planted-Secret-42"}, 502, "answers an error"),
    "no-code": ({"code": None}, 502, "no code"),
    "long-code": ({"code": "x" * 5000}, 502, "no code"),
    "unknown-code": ({"code": "planted-wrong"}, 400, "invalid_grant"),
    "no-state": ({"state": None}, 400, "state"),
    "another-state": ({"state": "A" * 43}, 400, "state"),
    "state-of-other-letters": ({"state": "\u0394" * 43}, 400, "state"),
    "another-issuer": ({"iss": "https://login.example"}, 502, "another issuer"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answer_that_does_not_fit_signs_nobody_in(
    desk: Serving, issuer: Issuer, browser: httpx.Client, case: str
) -> None:
    """Each gets a page that says what to do; what stands in an address is neither shown nor written down."""
    changes, status, why = ANSWERS[case]
    answer = consent(issuer, begin(browser)) | changes
    back = browser.get("/sign-in/back", params={name: value for name, value in answer.items() if value is not None})
    refused(desk, browser, back, status, why)
    for planted in ("planted", "Planted", "login.example"):
        assert planted not in back.text
        assert planted not in json.dumps(accesses(desk)[-1])
    exchanged = issuer.exchanged[-1][0]["code"] if issuer.exchanged else None
    assert (answer["code"] == exchanged) is (case == "unknown-code")


@pytest.mark.parametrize(
    ("status", "body", "shown", "why"),
    [
        (500, b"planted trouble", 503, "HTTPError"),
        (401, b'{"error": "invalid_client", "error_description": "planted"}', 502, "invalid_client"),
        (302, b"", 503, "HTTPError"),
        (200, b"<html>planted</html>", 503, "JSONDecodeError"),
        (200, b"[" * 200_000, 503, "nested"),
        (200, b"{}", 502, "no ID token"),
        (200, b"[]", 502, "no ID token"),
        (200, b'{"id_token": 7}', 502, "no ID token"),
        (200, b'{"id_token": "%s"}' % (b"x" * 2_000_000), 503, "JSONDecodeError"),
    ],
)
def test_exchange_that_goes_wrong_signs_nobody_in(
    desk: Serving, issuer: Issuer, browser: httpx.Client, status: int, body: bytes, shown: int, why: str
) -> None:
    """Whatever the provider answers to the server itself."""
    issuer.answer = (status, body)
    back = browser.get("/sign-in/back", params=consent(issuer, begin(browser)))
    refused(desk, browser, back, shown, why)
    assert "planted" not in back.text


def test_code_counts_once(desk: Serving, issuer: Issuer, browser: httpx.Client) -> None:
    """Neither in the browser that came back with it, whose cookie is gone, nor where that was kept."""
    answer = consent(issuer, begin(browser))
    kept = {"Cookie": f"orchestrail-sign-in={browser.cookies['orchestrail-sign-in']}"}
    assert browser.get("/sign-in/back", params=answer).status_code == 200
    assert "orchestrail-sign-in" not in browser.cookies
    assert browser.get("/sign-in/back", params=answer).status_code == 400
    browser.cookies.clear()
    refused(desk, browser, browser.get("/sign-in/back", params=answer, headers=kept), 400, "invalid_grant")


def test_answer_of_another_browser_signs_nobody_in(desk: Serving, issuer: Issuer, browser: httpx.Client) -> None:
    """Who is led to the address with which somebody else came back is not signed in as them."""
    with httpx.Client(base_url=desk.url, timeout=60) as other:
        answer = consent(issuer, begin(other))
        refused(desk, browser, browser.get("/sign-in/back", params=answer), 400, "state")
        begin(browser)
        refused(desk, browser, browser.get("/sign-in/back", params=answer), 400, "state")


def test_provider_that_always_says_who_it_is_has_to(issuer: Issuer) -> None:
    """RFC 9207, 2.4: an answer without is then somebody else's."""
    issuer.described = {"authorization_response_iss_parameter_supported": True}
    flow = CodeFlow(Provider(issuer.url, "orchestrail", "roles", {}, None), CLIENT, None, "", PUBLIC)
    begun = flow.begin("/")
    asked = {name: value for name, (value,) in parse_qs(urlsplit(begun.address).query).items()}
    answer = consent(issuer, Led(begun.address, asked))
    with pytest.raises(SignInFailed, match="does not count"):
        flow.complete(begun.kept, answer)
    assert flow.complete(begun.kept, answer | {"iss": issuer.url}).subject == "alice"
    issuer.described = {}


def test_sign_in_is_open_for_ten_minutes(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Afterwards it has to begin anew, and so where the server did."""
    provider = Provider(issuer.url, "orchestrail", "roles", {}, None)
    flow = CodeFlow(provider, CLIENT, None, "", PUBLIC)
    begun = flow.begin("/")
    asked = {name: value for name, (value,) in parse_qs(urlsplit(begun.address).query).items()}
    answer = consent(issuer, Led(begun.address, asked))
    with pytest.raises(SignInFailed, match="is over"):
        CodeFlow(provider, CLIENT, None, "", PUBLIC).complete(begun.kept, answer)
    clock = time.time()
    monkeypatch.setattr(time, "time", lambda: clock + 601)
    with pytest.raises(SignInFailed, match="is over"):
        flow.complete(begun.kept, answer)


def test_person_without_a_role_is_not_signed_in(desk: Serving, issuer: Issuer, browser: httpx.Client) -> None:
    """Whoever may write alone, or nothing, is told so by name, and stands in the log by name."""
    for roles in (["orchestrail-write"], ["cooks"], []):
        back = signed_in(browser, issuer, roles=roles, preferred_username="<b>Bob</b>")
        assert (back.status_code, "&lt;b&gt;Bob&lt;/b&gt; may not read here" in back.text) == (403, True)
        entry = accesses(desk)[-1]
        assert (entry["who"], entry["token"], entry["refused"]) == ("<b>Bob</b>", "oidc:alice", "sign-in-failed")
        assert browser.get("/runs").status_code == 303


def test_provider_that_is_away_is_told(tmp_path: Path) -> None:
    """A page that says so, and a line for whoever keeps the server; people sign in as soon as it is there, over HTTPS alone."""
    issuer = Issuer()
    issuer.away = True
    public = {"ORCHESTRAIL_OIDC_ISSUER": issuer.url, "ORCHESTRAIL_PUBLIC_URL": "https://audit.example/"}
    server = Serving(tmp_path / "server", environment=OIDC | public)
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        away = browser.get("/sign-in/provider")
        assert (away.status_code, "Nobody can sign in there now" in away.text) == (503, True)
        assert 'href="https://audit.example/sign-in/provider?to=%2F"' in browser.get("/sign-in").text
        issuer.away = False
        begun = browser.get("/sign-in/provider")
        assert "redirect_uri=https%3A%2F%2Faudit.example%2Fsign-in%2Fback&" in begun.headers["location"]
        assert re.search(
            "; httponly; max-age=600; path=/sign-in; samesite=lax; secure$", begun.headers["set-cookie"].lower()
        )
    assert "could not be asked where people sign in" in accesses(server)[-1]["why"]
    assert "signing in at the OpenID provider" in server.stop()
    issuer.close()


@pytest.mark.parametrize("address", [None, 7, "", "http://login.example/authorize", "https://[", "file:///etc/passwd"])
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
def test_addresses_that_others_could_answer_at_are_not_taken(name: str, address: object) -> None:
    """Nobody is led there, and no code is sent there; a page to sign out at is not needed."""
    issuer = Issuer()
    issuer.described = {"end_session_endpoint": address}
    heard = Published(issuer.url)
    assert heard.addresses().token == f"{issuer.url}/token"
    assert heard.end is None
    issuer.described = {name: address}
    with pytest.raises(Unavailable, match="names no addresses of HTTPS"):
        Published(issuer.url).addresses()
    issuer.close()


PATIENT = """
from orchestrail.cli import main
from orchestrail.server import published

published.TIMEOUT = published.WHOLE = 600.0
main()
"""
"""A server that waits for its provider longer than pages may take on a busy machine."""


def test_waiting_for_the_provider_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    """More people than the server has threads come back to exchange a code, and no answer comes; pages are given meanwhile."""
    slow = Issuer()
    environment = OIDC | {"ORCHESTRAIL_OIDC_ISSUER": slow.url}
    server = Serving(tmp_path / "server", environment=environment, command=[sys.executable, "-c", PATIENT])
    statuses: list[int] = []

    def come_back(client: httpx.Client, answer: dict[str, str]) -> None:
        statuses.append(client.get("/sign-in/back", params=answer).status_code)

    browsers = [httpx.Client(base_url=server.url, timeout=600, verify=False) for _ in range(THREADS + 5)]
    answers = [{"state": begin(browser).asked["state"], "code": "unknown"} for browser in browsers]
    slow.answers.clear()
    waiting = [threading.Thread(target=come_back, args=pair) for pair in zip(browsers, answers, strict=True)]
    for thread in waiting:
        thread.start()
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        for _ in range(5):
            assert browser.get("/sign-in").status_code == 200
            assert browser.get("/api/v1/runs").status_code == 401
    assert statuses == []
    slow.answers.set()
    for thread in waiting:
        thread.join()
    assert set(statuses) <= {400, 503}
    for each in browsers:
        each.close()
    server.stop()
    slow.close()


def test_all_who_begin_while_the_provider_is_asked_are_led_there() -> None:
    """However many there are: what is answered to one counts for all."""
    slow = Issuer()
    slow.answers.clear()
    flow = CodeFlow(Provider(slow.url, "orchestrail", "roles", {}, None), CLIENT, None, "", PUBLIC)
    with ThreadPoolExecutor(20) as people:
        led = [people.submit(flow.begin, "/") for _ in range(20)]
        slow.answers.set()
        assert len({each.result().kept for each in led}) == 20
    assert slow.asked < 10
    slow.close()


def test_provider_that_trickles_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that come one by one are not heard to their end, and others who ask do not wait without end either."""
    monkeypatch.setattr(published, "WHOLE", 0.2)
    slow = Issuer()
    slow.trickles = True
    heard = Published(slow.url)
    for _ in range(published.AT_ONCE):
        with pytest.raises(TimeoutError, match="no whole answer"):
            heard.ask(f"{slow.url}/keys")
    with pytest.raises(TimeoutError, match="under way"):
        heard.ask(f"{slow.url}/keys")
    slow.trickles = False
    slow.close()


def test_secrets_are_kept_nowhere(issuer: Issuer, tmp_path: Path) -> None:
    """Codes, tokens, verifiers, states, the client's secret and the words of cookies: in no file, no line, no metric."""
    environment = OIDC | {"ORCHESTRAIL_OIDC_ISSUER": issuer.url, "ORCHESTRAIL_OIDC_CLIENT_SECRET": SECRET}
    server = Serving(tmp_path / "server", environment=environment)
    secrets = [SECRET, quote(SECRET)]
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        for change in ({}, {"nonce": "other"}, {"roles": []}, {"exp": now(-500)}):
            led = begin(browser)
            secrets += [browser.cookies["orchestrail-sign-in"], led.asked["state"], led.asked["nonce"]]
            answer = consent(issuer, led, **change)
            secrets += [answer["code"], issuer.codes[answer["code"]][1].rpartition(".")[2]]
            browser.get("/sign-in/back", params=answer)
            browser.get("/sign-in/back", params=answer)
            secrets += [issuer.exchanged[-1][0]["code_verifier"]]
            if not change:
                secrets += [browser.cookies["orchestrail"]]
                seen = browser.get("/metrics").text + browser.get("/runs").text
    said = server.stop()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "server").rglob("*") if path.is_file())
    for secret in secrets:
        assert len(secret) > 15
        assert secret not in said + seen
        assert secret.encode() not in kept


def test_token_of_ours_leads_to_the_page_too(serve: Callable[..., Serving], token: Callable[..., str]) -> None:
    """Signing in with a token goes on to where one came from, and is in the log, as one that does not count is."""
    ours = token("read", name="auditor")
    desk = serve()  # of its own: the others here are refused so often that no more lines of it are written
    with httpx.Client(base_url=desk.url, timeout=60) as browser:
        wrong = browser.post("/sign-in", data={"token": "orct_00000000_" + "a" * 43, "to": "/runs"})
        assert (wrong.status_code, 'name="to" value="/runs"' in wrong.text) == (401, True)
        signed = browser.post("/sign-in", data={"token": ours, "to": "/log?before=3"})
        assert (signed.status_code, signed.headers["location"]) == (303, "/log?before=3")
        again = browser.post("/sign-in", data={"token": ours, "to": "//evil.example"})
        assert again.headers["location"] == "/"
        browser.post("/sign-out")
    told = [(each["who"], each["path"], each["refused"]) for each in accesses(desk)[-4:]]
    assert told == [
        (None, "/sign-in", "sign-in-failed"),
        ("auditor", "/sign-in", None),
        ("auditor", "/sign-in", None),
        ("auditor", "/sign-out", None),
    ]


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"oidc_client_id": "desk", "public_url": PUBLIC}, "OIDC_ISSUER"),
        ({"oidc_client_id": "desk", "oidc_issuer": "https://login.example"}, "PUBLIC_URL"),
        *(
            ({"oidc_client_id": "desk", "oidc_issuer": "https://login.example", "public_url": url}, "PUBLIC_URL as in")
            for url in (
                "http://audit.example",
                "https://audit.example/desk",
                "https://audit.example/?desk",
                "https://a@audit.example",
                "https://[audit.example",
                "audit.example",
            )
        ),
    ],
)
def test_settings_that_lead_nobody_back_stop_the_server(settings: dict[str, str], missing: str) -> None:
    """No provider, no address, or one that others could read along at."""
    loaded = load_settings(**settings)
    with pytest.raises(ConfigurationError, match=missing):
        CodeFlow.of(loaded, Provider.of(loaded))


def test_audience_of_tokens_is_the_client_where_nothing_else_is_said() -> None:
    """Who sets what the desk is at the provider need not say it twice; nobody signs in where that is not set."""
    settings = load_settings(
        oidc_client_id="desk", oidc_issuer="https://login.example", public_url="https://audit.example/"
    )
    provider = Provider.of(settings)
    assert CodeFlow.of(settings, provider).public_url == "https://audit.example"
    assert CodeFlow.of(load_settings(), None) is None


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest one ends for one too many, and those that have ended are dropped first."""
    monkeypatch.setattr(sessions, "MOST", 3)
    held = Sessions()
    caller = Caller("alice", "oidc:alice", "oidc:x", frozenset({"read"}), None)
    over = held.begin(caller, time.time() - 1)
    words = [held.begin(caller, time.time() + 60) for _ in range(3)]
    assert [held.find(word) for word in (over, *words)] == [None, caller, caller, caller]
    held.begin(caller, time.time() + 60)
    assert [held.find(word) for word in words] == [None, caller, caller]


PIECES = st.lists(
    st.sampled_from(["/", "\\", "evil.example", ":", "https:", "\t", "\n", "@", "%2f", ".", "?", "#", "runs"])
)


@given(st.one_of(st.text(), PIECES.map("".join), PIECES.map(lambda parts: "/" + "".join(parts))))
def test_nobody_is_led_to_another_site(address: str) -> None:
    """Whatever is asked for, as browsers read it: they drop tabs and line ends, and take a backslash for a slash."""
    page = own_page(address)
    read = re.sub(r"[\t\r\n]", "", page.strip()).replace("\\", "/")
    assert read == page
    assert urlsplit(urljoin("https://audit.example/sign-in", read)).netloc == "audit.example"
    assert not read.startswith("//")
    assert page in (address, "/")


@pytest.fixture(scope="module")
def flow(issuer: Issuer) -> CodeFlow:
    """A flow in this process."""
    return CodeFlow(Provider(issuer.url, "orchestrail", "roles", {}, None), CLIENT, None, "", PUBLIC)


@given(st.data())
def test_nothing_but_what_was_begun_here_is_taken_up(flow: CodeFlow, data: st.DataObject) -> None:
    """Whatever a browser keeps in its place, with the state of a real sign-in or any other; nothing is exchanged."""
    begun = flow.begin(data.draw(st.sampled_from(["/", "/runs"])))
    state = parse_qs(urlsplit(begun.address).query)["state"][0]
    place = data.draw(st.integers(0, len(begun.kept) - 1))
    drawn = data.draw(st.characters())
    # What was kept is another each time: what is drawn may not hang on it.
    other = "\0" if drawn == begun.kept[place] else drawn
    kept = data.draw(st.one_of(st.just(begun.kept[:place] + other + begun.kept[place + 1 :]), st.text()))
    with pytest.raises(SignInFailed, match="did not begin in this browser"):
        flow.complete(kept, {"state": data.draw(st.one_of(st.just(state), st.text())), "code": "x"})
    assert flow.came_from(kept).startswith("/")
