"""The server as a process: TLS, signing in to pages, the local spool, and what it says of itself."""

from __future__ import annotations

import gzip
import re
import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from serving import Serving

from orchestrail.operations import open_record
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming
from orchestrail.transport.spool import Spool


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


def test_other_machines_reach_it_with_tls_and_a_token(
    serve: Callable[..., Serving], token: Callable[..., str], files: tuple[Path, Path]
) -> None:
    """At every address of the machine, over HTTPS, whoever has a token."""
    reads = token("read")
    certificate, key = files
    server = serve("--host", "0.0.0.0", "--tls-cert", str(certificate), "--tls-key", str(key))
    assert server.url == f"https://0.0.0.0:{server.port}"
    address = f"https://127.0.0.1:{server.port}/api/v1/runs"
    trusted = ssl.create_default_context(cafile=str(certificate))
    assert httpx.get(address, verify=trusted, timeout=60).status_code == 401
    headers = {"Authorization": f"Bearer {reads}"}
    assert httpx.get(address, verify=trusted, headers=headers, timeout=60).status_code == 200


@pytest.mark.parametrize("options", [["--tls-cert", "absent"], ["--tls-cert", "absent", "--tls-key", "absent"]])
def test_tls_files_that_cannot_be_used_stop_it(
    command: Callable[..., subprocess.CompletedProcess[str]], options: list[str]
) -> None:
    """It does not fall back to HTTP."""
    refused = command("serve", "--port", "0", *options)
    assert refused.returncode == 2
    assert "TLS" in refused.stderr or "HTTPS" in refused.stderr


def test_port_that_is_taken_stops_it(
    server: Serving, command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """And says so."""
    refused = command("serve", "--port", str(server.port), "--home", str(tmp_path / "other"))
    assert refused.returncode == 2
    assert "cannot listen" in refused.stderr


def test_person_signs_in_and_out(serve: Callable[..., Serving], token: Callable[..., str]) -> None:
    """A page leads to the sign-in, whose cookie no script reads; a token that does not count and a form of another site do not."""
    reads, writes = token("read"), token("write")
    server = serve()
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        assert browser.get("/runs").headers["location"] == "/sign-in?to=%2Fruns"
        assert browser.get("/metrics").status_code == 401  # a program asks, which takes no page for its counters
        assert "<form" in browser.get("/sign-in").text
        for wrong in (writes, "orct_00000000_" + "a" * 43):
            assert browser.post("/sign-in", data={"token": wrong}).status_code == 401
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        assert browser.post("/sign-in", data={"token": reads}, headers=elsewhere).status_code == 403

        signed = browser.post("/sign-in", data={"token": reads})
        assert (signed.status_code, signed.headers["location"]) == (303, "/")
        said = signed.headers["set-cookie"].lower()
        assert "httponly" in said
        assert "samesite=strict" in said
        assert browser.get("/api/v1/runs").status_code == 200

        browser.post("/sign-out")
        assert browser.get("/api/v1/runs").status_code == 401


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        (b"token=" + b"a" * (16 << 10), {}, 413),
        (b"a=b&" * 20, {}, 413),
        (gzip.compress(b"token=a"), {"Content-Encoding": "gzip"}, 415),
        (b"{}", {"Content-Type": "application/json"}, 415),
    ],
    ids=["large", "fields", "packed", "json"],
)
def test_form_of_a_stranger_is_small(shared: Serving, form: bytes, headers: dict[str, str], status: int) -> None:
    """Anybody may send one: nothing is unpacked, and no more is read than a token takes."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert httpx.post(f"{shared.url}/sign-in", content=form, headers=kind | headers, timeout=60).status_code == status


def test_local_runs_are_there_without_collecting(server: Serving, made: ModuleType) -> None:
    """What processes of the same home spool is on the record a moment later."""
    spool = Spool(load_settings(home=server.home).spool)
    spool.append(made.body(made.event("START", 1)))
    spool.close()
    with server.client() as client:
        for _ in range(600):
            if found := client.get("/runs").json()["runs"]:
                break
            time.sleep(0.1)
    assert [run["run_id"] for run in found] == [made.run_id(1)]


def test_addresses_are_listed_for_people_and_for_programs(shared: Serving) -> None:
    """The page needs nothing from another host."""
    page = httpx.get(f"{shared.url}/api", timeout=60).text
    described = httpx.get(f"{shared.url}/api/v1/openapi.json", timeout=60).json()
    assert set(described["paths"]) >= {"/api/v1/lineage", "/api/v1/lineage/batch", "/api/v1/spool", "/api/v1/trace"}
    assert all(path in page for path in described["paths"])
    assert "http" not in page.replace("HTTP", "")


def test_the_page_of_a_run_tells_what_people_did(
    serve: Callable[..., Serving], made: ModuleType, tmp_path: Path
) -> None:
    """Who marked it, when and why, and the end before; what was noted and cleared; persons as pseudonyms, notes as text."""
    who = {"changedBy": "hmac-sha256:abcdef0123456789"}
    by_hand = {"manual": True, **who, "changedAt": made.at(20), "reason": "<b>shipped</b>"}
    changes = [
        {"what": "noted", "at": made.at(1), "reason": "monthly reload"},
        {"what": "cleared", "task": "train", "at": made.at(10), **who},
    ]
    events = [
        made.event("START", 1, job="f"),
        made.event("START", 2, second=2, job="f.train", parent=1),
        made.event("FAIL", 2, second=3, job="f.train", parent=1, errorMessage={"message": "ValueError: no"}),
        made.event("COMPLETE", 2, second=3, job="f.train", parent=1, ours=by_hand),
        made.event("COMPLETE", 1, second=40, job="f", ours={"changes": changes}),
    ]
    record = open_record(load_settings(home=tmp_path / "server"), create=True)
    record.append([Incoming(made.body(event), "test", event_time=event["eventTime"]) for event in events])
    server = serve()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        train, whole = (plain(client.get(f"/runs/{made.run_id(number)}").text) for number in (2, 1))
    assert "✔ COMPLETE (by hand)" in train
    marked = (
        "✔ COMPLETE by abcdef012345, 2026-03-01 12:00:20: &lt;b&gt;shipped&lt;/b&gt;; before that ✘ FAIL ValueError: no"
    )
    assert f"Marked {marked}" in train
    assert "Noted by somebody, 2026-03-01 12:00:01: monthly reload" in whole
    assert "Cleared train by abcdef012345, 2026-03-01 12:00:10, no reason given" in whole
    assert "✔ COMPLETE (by hand)" in whole


def plain(page: str) -> str:
    """Give the text of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split()).replace(" ,", ",").replace(" :", ":").replace(" ;", ";")
