"""Records that no example has: very many steps, very long names, names that try to do harm, clocks that go backwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sending import event, send

SCREENSHOTS = os.environ.get("SCREENSHOTS", "")
"""Folder for a picture of each page; empty for none."""
HEAVIEST = 500_000
"""Bytes of a page."""
ROOT = "0192f000-0000-7000-8000-0000000ff000"
STEPS = 500
TOKEN = "0123456789abcdef0123456789abcdef01234567"
NAMES = {
    "spaced": "train the model of the northern branch office " * 40,
    "unbroken": "f" * 300,
    "letters": "обучение_訓練_تدريب_النموذج_\u05d0\u05d9\u05de\u05d5\u05df",
    "harmful": "\"><img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>\u202e",
}
RUNS = {name: f"0192f000-0000-7000-8000-0000000ff{number:03}" for number, name in enumerate(NAMES, 1)}


@pytest.fixture(scope="module")
def sent() -> list[bool]:
    """Tells whether the record was sent already."""
    return []


@pytest.fixture
def page(fresh: BrowserContext, sent: list[bool]) -> Page:
    """A page before a server with all of this on its record."""
    page = fresh.new_page()
    if not sent:
        events = [event(ROOT, "many", "START", 0), event(ROOT, "many", "COMPLETE", 900)]
        for number in range(STEPS):
            step, job = f"0192f000-0000-7000-8000-0000001{number:05}", f"many.step_{number}_{TOKEN}"
            began, ended = number + 10, number + (2 if number % 7 == 6 else 12)  # two clocks that differ
            events += [event(step, job, "START", began, ROOT), event(step, job, "COMPLETE", ended, ROOT)]
        for name, run in RUNS.items():
            word = NAMES[name]
            data = {"inputs": [f"/in/{word}"], "outputs": [f"/out/{word}", f"/{TOKEN}"]}
            events.append(event(run, word, "COMPLETE", 5, **data))
        send(page, *events)
        sent.append(True)
    return page


PAGES = {
    "many-steps": f"/runs/{ROOT}",
    "names": "/runs",
    "names-of-steps": "/runs?all=true",
    **{f"{name}-run": f"/runs/{run}" for name, run in RUNS.items()},
    **{f"{name}-lineage": f"/lineage?target={run}" for name, run in RUNS.items()},
    "harmful-names-compared": f"/compare?a={RUNS['harmful']}&b={RUNS['letters']}",
    "choose-among-names": "/compare",
}


@pytest.mark.parametrize("name", PAGES)
def test_page_stays_readable(name: str, page: Page) -> None:
    """No name runs out of its page, does harm or breaks a rule of axe, in light and dark; and no page is too heavy."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        response = page.goto(PAGES[name])
        assert response.status == 200
        assert len(response.body()) < HEAVIEST
        assert page.title() != "taken"
        assert page.locator("main img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS, f"{name}-{scheme}.png"))


def test_steps_whose_clock_went_back_say_so(page: Page) -> None:
    """All steps are listed; one that ends before it begins has no bar, and its page says why."""
    page.goto(f"/runs/{ROOT}")
    expect(page.locator("tr[id^=run-]")).to_have_count(STEPS + 1)
    page.locator("tr[id^=run-]").filter(has_text=f"step_6_{TOKEN}").get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("it ends before it starts")


def test_letters_of_any_language_are_shown(page: Page) -> None:
    """Names in other scripts are shown as they are, each by itself, so that none turns what stands beside it."""
    page.goto("/runs")
    link = page.get_by_role("link", name="обучение_訓練")
    expect(link).to_contain_text("النموذج")
    assert link.evaluate("element => getComputedStyle(element).unicodeBidi") == "isolate"
