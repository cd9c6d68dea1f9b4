from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import BrowserContext, Page

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""Folder for a picture of each page; empty for none."""
DOCS = Path(__file__).parents[2] / "docs" / "reference"
HEAVIEST = 500_000
"""Bytes of a page with its style and scripts."""


def digest_of(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def model(desk: Any) -> str:
    return digest_of(desk.outs[0] / "model.joblib")


def source(desk: Any) -> str:
    (found,) = desk.json("trace", model(desk))["sources"]
    return found["digest"]


def step(desk: Any) -> str:
    runs = desk.json("show", desk.roots()[0]["run_id"])["runs"]
    return next(run["run_id"] for run in runs if run["role"] == "train")


def not_green(desk: Any) -> str:
    verdicts = desk.json("check", "--profile", "release")["verdicts"]
    return next(each["id"] for each in verdicts if each["verdict"] in ("fail", "unknown") and each["witnesses"])


PAGES: dict[str, Callable[[Any], str]] = {
    "overview": lambda desk: "/",
    "runs": lambda desk: "/runs",
    "run": lambda desk: f"/runs/{desk.roots()[0]['run_id']}",
    "step": lambda desk: f"/runs/{step(desk)}",
    "models": lambda desk: "/models",
    "datasets": lambda desk: "/datasets",
    "model": lambda desk: f"/data/{model(desk)}",
    "document": lambda desk: f"/documents/{model(desk)}",
    "source": lambda desk: f"/data/{source(desk)}",
    "lineage": lambda desk: f"/lineage?target={model(desk)}",
    "descendants": lambda desk: f"/lineage?target={source(desk)}&direction=forward",
    "requirements": lambda desk: "/requirements?profile=release",
    "requirement": lambda desk: f"/requirements/{not_green(desk)}?profile=release",
    "log": lambda desk: "/log",
    "entry": lambda desk: "/log/3",
    "checkpoints": lambda desk: "/log/checkpoints",
    "quarantine": lambda desk: "/log/quarantine",
    "refused": lambda desk: "/log/quarantine/1",
    "compare": lambda desk: "/compare?a={}&b={}".format(*(run["run_id"] for run in desk.roots())),
    "choose": lambda desk: "/compare",
    "find": lambda desk: "/find",
    "sign-in": lambda desk: "/sign-in",
    "unknown": lambda desk: "/runs/not-recorded",
}


@pytest.mark.parametrize("name", PAGES)
def test_page_is_readable_in_light_and_dark(name: str, desk: Any, page: Page) -> None:
    """A page answers, has its landmarks and one heading, breaks no rule of axe in either scheme, and is not too heavy."""
    weights: list[int] = []
    page.on("response", lambda response: weights.append(len(response.body())))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        response = page.goto(PAGES[name](desk), wait_until="networkidle")
        assert response.status == (404 if name == "unknown" else 200)
        assert page.locator("h1").count() == page.locator("main").count() == page.locator("header nav").count() == 1
        found = Axe().run(
            page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
        )
        assert found.violations_count == 0, found.generate_report()
        if SCREENSHOTS:
            with Image.open(BytesIO(page.screenshot())) as seen:  # fewer colours, a third of the bytes
                seen.quantize(128).save(Path(SCREENSHOTS, f"{name}-{scheme}.png"), optimize=True)
    assert sum(weights) < 2 * HEAVIEST


@pytest.mark.parametrize("name", PAGES)
def test_page_is_shown_in_the_documentation(name: str) -> None:
    """By a picture in light and one in dark."""
    shown = (DOCS / "pages.md").read_text()
    for scheme in ("light", "dark"):
        assert f"(pages/{name}-{scheme}.png)" in shown
        assert (DOCS / "pages" / f"{name}-{scheme}.png").stat().st_size


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_narrow_screen(name: str, desk: Any, page: Page) -> None:
    """On a telephone, or enlarged four times, nothing but tables and pictures has to be moved sideways (WCAG 1.4.10)."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(PAGES[name](desk))
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("name", PAGES)
def test_page_is_whole_without_scripts(name: str, desk: Any, browser: Any) -> None:
    """Without JavaScript a page says the same; only a file cannot be hashed, and the page says what to do instead."""
    texts = []
    for enabled in (True, False):
        context: BrowserContext = browser.new_context(base_url=desk.url, java_script_enabled=enabled)
        page = context.new_page()
        page.goto(PAGES[name](desk))
        texts.append(page.locator("main").inner_text())
        if name == "find" and not enabled:
            assert "sha256sum" in page.locator("noscript").inner_text()
        context.close()
    if name not in ("find", "entry", "checkpoints"):  # the first takes files, the others say what this browser checked
        assert texts[0] == texts[1]
    assert len(texts[1]) > 40


@pytest.mark.parametrize("name", PAGES)
def test_page_goes_out_under_a_strict_policy(name: str, desk: Any, page: Page) -> None:
    """No script or style within a page counts, none of another host, and files have the digests that the page names."""
    response = page.goto(PAGES[name](desk))
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.locator("[style], [onclick], style, script:not([src])").count() == 0
    assert page.locator("link[rel=stylesheet]:not([integrity]), script:not([integrity])").count() == 0
    assert page.evaluate("getComputedStyle(document.querySelector('header')).borderBottomWidth") == "1px"


def test_a_large_page_is_sent_compressed(desk: Any) -> None:
    """Whoever takes compressed answers gets a large page so, and the same page; others get it as it is."""
    with urlopen(Request(f"{desk.url}/log", headers={"Accept-Encoding": "gzip"})) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = answer.read()
    with urlopen(f"{desk.url}/log") as answer:
        plain = answer.read()
    assert len(packed) < len(plain) / 4
    assert gzip.decompress(packed) == plain


SERVICE = """
import sys
import orchestrail

@orchestrail.preprocessing("clean", version="2.3.4", serve_time=True)
def clean(value):
    return value

with orchestrail.serving(model=sys.argv[1], deployment="eu-1"):
    clean(1)
    clean(2)
"""


def test_a_service_is_told_once_with_how_it_prepares_data(serve: Any, browser: Any, tmp_path: Any) -> None:
    """However often it told of itself; its last word holds all."""
    program, model, home = tmp_path / "service.py", tmp_path / "model.bin", tmp_path / "home"
    program.write_text(SERVICE)
    model.write_bytes(b"a model")
    environment = os.environ | {"ORCHESTRAIL_HOME": str(home)}
    subprocess.run([sys.executable, program, model], env=environment, check=True, timeout=120)
    command = Path(sys.executable).with_name("orchestrail")
    done = subprocess.run([command, "runs", "--json"], env=environment, check=True, capture_output=True, timeout=120)
    (run,) = json.loads(done.stdout)["runs"]
    page = browser.new_page(base_url=serve(home))
    page.goto(f"/runs/{run['run_id']}")
    told = page.locator("h2:has-text('Serves') + dl").inner_text()
    page.close()
    assert told.count("eu-1") == 1
    assert "clean, version 2.3.4 · code" in told


def test_strange_names_are_text(desk: Any, page: Page) -> None:
    """A script in a name is shown, signs that turn the direction are named, and a text of 1 MB is cut and says so."""
    response = page.goto("/runs/0192f000-0000-7000-8000-00000000abcd")
    assert page.locator("h1").inner_text().startswith("<script>document.title='taken'</script>")
    assert page.title() != "taken"
    text = page.locator("main").inner_text()
    assert "ledger-⟨U+202E⟩gpj.exe" in text
    assert "\u202e" not in response.text()
    assert re.search(r"cut: \d{3},\d{3} characters", text)
    assert len(response.body()) < HEAVIEST
    page.get_by_role("link", name="gpj.exe").click()
    page.wait_for_url("**/data*")
    assert "ledger-⟨U+202E⟩gpj.exe" in page.locator("main").inner_text()
    assert page.title() != "taken"
    page.goto("/runs/0192f000-0000-7000-8000-00000000abcd")
    page.get_by_role("link", name=re.compile(r"^entry \d+$")).first.click()
    page.wait_for_url(re.compile(r"/log/\d+$"))
    assert "As it came" in page.locator("main").inner_text()
    assert page.title() != "taken"


@pytest.mark.parametrize(
    "path",
    [
        "/runs/0192f000-0000-7000-8000-0000000fffff",
        "/data/sha256:" + "0" * 64,
        "/data?namespace=file&name=nothing",
        "/lineage?target=nothing-of-this-name",
        "/requirements/NO-99",
        "/requirements?target=nothing-of-this-name",
        "/log/99999999",
        "/log/none",
        "/log/quarantine/99",
        "/compare?a=nothing&b=nothing",
        "/find?target=nothing-of-this-name",
        "/find?target=/etc/hostname",
        "/static/none.css",
        "/no-such-page",
    ],
)
def test_what_is_not_there_gets_a_page_that_helps(path: str, page: Page) -> None:
    """An address of nothing answers 404 with what happened, and a way on from there."""
    response = page.goto(path)
    assert response.status == 404
    assert page.locator(".problem strong").inner_text()
    assert page.locator("form input[name=target]").count() == 1
