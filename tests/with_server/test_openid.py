"""Tokens of an OpenID provider: which count, for what, and which do not, whatever they say of themselves."""

from __future__ import annotations

import base64
import hmac
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from issuing import AUDIENCE, EVERY, KINDS, Issuer
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from serving import Serving

from orchestrail.errors import ConfigurationError
from orchestrail.server import published
from orchestrail.server.openid import NotCounted, Provider
from orchestrail.settings import load_settings

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """A provider with a key of each kind."""
    found = Issuer()
    found.key("k1")
    for algorithm in KINDS:
        found.key(algorithm, algorithm)
    yield found
    found.close()


@pytest.fixture(scope="module")
def trusting(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that takes its tokens."""
    folder = tmp_path_factory.mktemp("trusting")
    (folder / "orchestrail.toml").write_text(
        f'oidc_issuer = "{issuer.url}"\noidc_audience = "{AUDIENCE}"\noidc_role_claim = "realm_access.roles"\n'
        'oidc_system_claim = "systems"\n[oidc_roles]\nauditors = "read"\nproducers = "write"\nkeepers = "admin"\n'
    )
    running = Serving(folder / "server", environment={"ORCHESTRAIL_SETTINGS": str(folder / "orchestrail.toml")})
    yield running
    running.stop()


def asked(server: Serving, token: str, path: str = "/runs") -> httpx.Response:
    """Ask with a token."""
    with server.client(token) as client:
        return client.get(path)


def logged(server: Serving) -> dict[str, Any]:
    """Give the last line of the log of accesses."""
    found: dict[str, Any] = json.loads((server.home / "access.jsonl").read_text().splitlines()[-1])
    return found


def roles(*names: str, systems: Any = "*") -> dict[str, Any]:
    """Give the claims of somebody in some roles."""
    return {"realm_access": {"roles": list(names)}, "systems": systems}


@pytest.mark.parametrize("algorithm", KINDS)
def test_token_of_the_provider_counts(trusting: Serving, issuer: Issuer, algorithm: str) -> None:
    """Signed by each kind of key; who asked is in the log, by the name that people know."""
    token = issuer.token(algorithm, algorithm, **roles("auditors"), preferred_username="Alice")
    assert asked(trusting, token).status_code == 200
    entry = logged(trusting)
    assert (entry["who"], entry["token"], entry["refused"]) == ("Alice", "oidc:alice", None)


def test_roles_stand_for_scopes(trusting: Serving, issuer: Issuer, made: ModuleType) -> None:
    """A writer cannot read, a reader cannot write, a keeper may both, a role that means nothing here neither."""
    body = made.body(made.event("START", 1, ours={"system": "scoring"}))
    status = {}
    for role in ("auditors", "producers", "keepers", "cooks"):
        with trusting.client(issuer.token(**roles(role))) as client:
            sent = client.post("/lineage", content=body, headers=JSON).status_code
            status[role] = (client.get("/runs").status_code, sent, client.get("/checkpoint").status_code)
    assert status == {
        "auditors": (200, 403, 200),
        "producers": (403, 200, 403),
        "keepers": (200, 200, 200),
        "cooks": (403, 403, 403),
    }


def test_systems_of_a_claim_bind(trusting: Serving, issuer: Issuer, made: ModuleType) -> None:
    """One or several: the rows of these alone, and no event of another."""
    both = roles("auditors", "producers", systems=["fraud"])
    other = made.body(made.event("START", 2, ours={"system": "scoring"}))
    own = made.body(made.event("START", 3, ours={"system": "fraud"}))
    with trusting.client(issuer.token(**both)) as client:
        assert client.post("/lineage", content=other, headers=JSON).status_code == 403
        assert client.post("/lineage", content=own, headers=JSON).status_code == 200
        answer = client.get("/runs").json()
        assert client.get("/checkpoint").status_code == 403
    assert answer["limited_to"] == ["fraud"]
    assert [run["run_id"] for run in answer["runs"]] == [made.run_id(3)]
    assert asked(trusting, issuer.token(**roles("auditors", systems="fraud"))).json()["limited_to"] == ["fraud"]


def now(seconds: float) -> int:
    """Give a time from now."""
    return int(time.time() + seconds)


FORGED = {
    "expired": (lambda i: i.token(exp=now(-120)), "expired"),
    "no-end": (lambda i: i.token(exp=None), "exp"),
    "not-yet": (lambda i: i.token(nbf=now(120)), "not yet valid"),
    "issued-later": (lambda i: i.token(iat=now(120)), "iat"),
    "another-audience": (lambda i: i.token(aud="wiki"), "aud"),
    "several-others": (lambda i: i.token(aud=["wiki", "mail"]), "aud"),
    "no-audience": (lambda i: i.token(aud=None), "aud"),
    "another-issuer": (lambda i: i.token(iss="https://login.example"), "iss"),
    "no-subject": (lambda i: i.token(sub=None), "sub"),
    "no-systems": (lambda i: i.token(**roles("auditors", systems=[])), "names no system"),
    "unknown-key": (lambda i: i.token("k0", key=ECKey.generate_key("P-256")), "does not have"),
    "key-of-its-own": (lambda i: i.token("k1", key=ECKey.generate_key("P-256")), "signature"),
    "no-key-named": (lambda i: i.token(None), "does not have"),
    "none": (lambda i: unsigned(i), "'none'"),
    "public-key-as-secret": (lambda i: public_as_secret(i), "'HS256'"),
    "secret-that-is-published": (lambda i: i.token("secret", "HS256", key=OctKey.import_key(b"k" * 32)), "'HS256'"),
    "key-of-another-kind": (lambda i: i.token("ES256", "RS256", key=RSAKey.generate_key(2048)), "cannot be read"),
    "key-in-the-header": (lambda i: with_key(i), "signature"),
    "cut-off": (lambda i: i.token().rpartition(".")[0] + ".", "signature"),
    "claims-of-another": (lambda i: mixed(i), "signature"),
    "encrypted": (lambda i: ".".join(["e30abcdefgh"] * 5), "cannot be read"),
    "no-json": (lambda i: "e30.e30.e30", "cannot be read"),
    "long": (lambda i: i.token(more="x" * 20_000), "characters"),
}


def unsigned(issuer: Issuer) -> str:
    """Say that no signature is needed."""
    _, claims, _ = issuer.token().split(".")
    return f"{packed({'alg': 'none', 'kid': 'k1'})}.{claims}."


def packed(document: Any) -> str:
    """Write a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def public_as_secret(issuer: Issuer) -> str:
    """Take what everybody knows for a secret that both sides share."""
    signed = f"{packed({'alg': 'HS256', 'kid': 'RS256'})}.{issuer.token().split('.')[1]}"
    mac = hmac.digest(issuer.keys["RS256"].as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def with_key(issuer: Issuer) -> str:
    """Bring the key along by which the signature is right."""
    own = ECKey.generate_key("P-256")
    header = {"alg": "ES256", "kid": "k1", "jwk": own.as_dict(private=False), "jku": f"{issuer.url}/other"}
    return jwt.encode(
        header, {"iss": issuer.url, "aud": AUDIENCE, "sub": "alice", "exp": now(300)}, own, registry=EVERY
    )


def mixed(issuer: Issuer) -> str:
    """Put other claims under a signature that is right."""
    header, _, signature = issuer.token().split(".")
    return f"{header}.{issuer.token(sub='mallory').split('.')[1]}.{signature}"


@pytest.mark.parametrize("how", FORGED)
def test_forged_token_does_not_count(trusting: Serving, issuer: Issuer, how: str) -> None:
    """401 without a word of why, which stands in the log; the token does not."""
    forge, why = FORGED[how]
    token = forge(issuer)
    answer = asked(trusting, token)
    assert (answer.status_code, answer.json()["code"]) == (401, "sign-in-needed")
    entry = logged(trusting)
    assert (entry["who"], entry["refused"]) == (None, "sign-in-needed")
    assert why in entry["why"]
    longest = max(token.split("."), key=len)
    assert longest not in (trusting.home / "access.jsonl").read_text()
    assert longest not in answer.text


def test_clocks_may_differ_by_a_minute(trusting: Serving, issuer: Issuer) -> None:
    """Ended, begun and issued within it."""
    token = issuer.token(exp=now(-20), nbf=now(30), iat=now(30), **roles("auditors"))
    assert asked(trusting, token).status_code == 200


def test_own_tokens_count_beside_it(trusting: Serving, command: Callable[..., Any]) -> None:
    """A program keeps the token that was made here."""
    created = command("token", "create", "airflow", "--scope", "read", "--json", "--home", str(trusting.home))
    assert asked(trusting, json.loads(created.stdout)["token"]).status_code == 200


def test_person_signs_in_to_the_pages_with_it(trusting: Serving, issuer: Issuer) -> None:
    """As with one that was made here; one too large for a cookie is refused and said to be no good here."""
    with httpx.Client(base_url=trusting.url, timeout=60) as browser:
        large = issuer.token(**roles("auditors"), groups=["x" * 100] * 40)
        assert browser.post("/sign-in", data={"token": large}).status_code == 401
        assert browser.post("/sign-in", data={"token": issuer.token(**roles("auditors"))}).status_code == 303
        assert browser.get("/api/v1/runs").status_code == 200


@pytest.fixture
def rotating() -> Iterator[tuple[Issuer, Provider]]:
    """A provider of its own, and what judges its tokens."""
    found = Issuer()
    found.key("k1")
    yield found, Provider(found.url, AUDIENCE, "roles", {"reader": "read"}, None)
    found.close()


def test_new_key_counts_at_once_and_an_old_one_for_ten_minutes_at_most(
    rotating: tuple[Issuer, Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider is asked when a token names a key that is not known, and now and then; else not."""
    issuer, provider = rotating
    old = issuer.token("k1", roles=["reader"])
    assert provider.identify(old).scopes == {"read"}
    assert provider.identify(old).scopes == {"read"}
    assert issuer.asked == 1

    issuer.key("k2")
    del issuer.keys["k1"]
    assert provider.identify(issuer.token("k2")).subject == "alice"
    assert issuer.asked == 2
    with pytest.raises(NotCounted, match="does not have"):
        provider.identify(old)

    clock = time.monotonic()
    monkeypatch.setattr(published.time, "monotonic", lambda: clock + published.FRESH + 60)
    before = issuer.asked
    provider.identify(issuer.token("k2"))
    assert issuer.asked == before + 1


def test_made_up_keys_do_not_flood_the_provider(rotating: tuple[Issuer, Provider]) -> None:
    """However many there are; those that count go on."""
    issuer, provider = rotating
    own = ECKey.generate_key("P-256")
    began = time.monotonic()
    for number in range(50):
        with pytest.raises(NotCounted):
            provider.identify(issuer.token(f"made-up-{number}", key=own))
    assert issuer.asked < 20 + (time.monotonic() - began) * published.UNKNOWN
    provider.identify(issuer.token("k1"))


def test_provider_that_is_away_stops_nobody_for_a_day(
    rotating: tuple[Issuer, Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known of its keys counts meanwhile; after a day nothing does."""
    issuer, provider = rotating
    issuer.away = True
    with pytest.raises(NotCounted):
        provider.identify(issuer.token("k1"))
    issuer.away = False
    clock = time.monotonic()
    later = 0.0
    monkeypatch.setattr(published.time, "monotonic", lambda: clock + later)
    later = published.AGAIN + 1
    provider.identify(issuer.token("k1"))
    issuer.away = True
    later = published.KEPT - 60
    provider.identify(issuer.token("k1"))
    later = published.KEPT + 2 * published.AGAIN
    with pytest.raises(NotCounted, match="for a day"):
        provider.identify(issuer.token("k1"))


@pytest.mark.parametrize(("name", "value"), [("name", "https://other.example"), ("jwks", "http://other.example/keys")])
def test_provider_that_is_another_or_leads_elsewhere_is_not_believed(
    rotating: tuple[Issuer, Provider], name: str, value: str
) -> None:
    """Neither one that calls itself otherwise nor keys that come over a network in the clear."""
    issuer, provider = rotating
    setattr(issuer, name, value)
    with pytest.raises(NotCounted):
        provider.identify(issuer.token("k1"))
    assert issuer.asked == 0


def test_token_without_a_key_id_counts_where_there_is_one_key(rotating: tuple[Issuer, Provider]) -> None:
    """OpenID Connect Core, 10.1."""
    issuer, provider = rotating
    assert provider.identify(issuer.token(None)).subject == "alice"


@pytest.mark.parametrize(
    ("issuer", "audience"),
    [("https://login.example", None), ("http://login.example", "desk"), ("file:///etc/keys", "desk")],
)
def test_settings_that_would_trust_too_much_stop_the_server(issuer: str, audience: str | None) -> None:
    """No audience, or an issuer that anybody on the way can play."""
    with pytest.raises(ConfigurationError, match="Set ORCHESTRAIL_OIDC_"):
        Provider.of(load_settings(oidc_issuer=issuer, oidc_audience=audience))


def test_roles_are_set_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs separated by commas; without them the roles bear our names."""
    assert load_settings().oidc_roles == {f"orchestrail-{scope}": scope for scope in ("write", "read", "admin")}
    monkeypatch.setenv("ORCHESTRAIL_OIDC_ROLES", "/bank/auditors=read, ml-ops=admin")
    assert load_settings().oidc_roles == {"/bank/auditors": "read", "ml-ops": "admin"}


@pytest.fixture
def provider() -> Iterator[str]:
    """A provider that others wrote, in a process of its own; gives its address."""
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        if match := re.search(r"http://\S+:(\d+)", line):
            yield f"http://localhost:{match[1]}"
            break
    process.kill()
    process.wait()
    process.stdout.close()


def test_provider_that_others_wrote_is_understood(provider: str, serve: Callable[..., Serving], tmp_path: Path) -> None:
    """Discovery, keys, and an ID token by the code of an authorization, brought by a browser, or exchanged by a program."""
    known = {"ORCHESTRAIL_OIDC_CLIENT_ID": "desk", "ORCHESTRAIL_OIDC_CLIENT_SECRET": "secret"}
    places = {"ORCHESTRAIL_OIDC_ISSUER": provider, "ORCHESTRAIL_PUBLIC_URL": "http://localhost:1"}
    serving = serve(environment=known | places)
    with httpx.Client(base_url=provider, timeout=60) as client:
        client.put("/users/alice", json={"roles": ["orchestrail-read"]}).raise_for_status()
        wanted = {"client_id": "desk", "redirect_uri": "http://localhost/back", "response_type": "code"}
        back = client.post("/oauth2/authorize", params=wanted | {"scope": "openid"}, data={"sub": "alice"})
        (code,) = parse_qs(urlsplit(back.headers["location"]).query)["code"]
        answered = client.post(
            "/oauth2/token",
            data={"grant_type": "authorization_code", "code": code, "redirect_uri": wanted["redirect_uri"]},
            auth=("desk", "secret"),
        ).json()
        with httpx.Client(base_url=serving.url, timeout=60) as browser:
            led = browser.get("/sign-in/provider").headers["location"]
            back = client.post(led, data={"sub": "alice"}).headers["location"].removeprefix("http://localhost:1")
            assert browser.get(back).status_code == 200
            assert browser.get("/runs").status_code == 200
    assert asked(serving, answered["id_token"]).status_code == 200
    assert asked(serving, answered["access_token"]).status_code == 401
