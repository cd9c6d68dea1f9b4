"""Pages that follow what runs: a server that holds nothing yet, and events that come while somebody looks."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, expect
from sending import event, send

ROOT = "0192f000-0000-7000-8000-00000000{:04}"
STEP = "0192f000-0000-7000-8000-00000001{:04}"


def named(number: int) -> tuple[str, str, str]:
    """Give each test a job of its own, and the ids of its run and of another one."""
    return f"job-{number}", ROOT.format(number), STEP.format(number)


def test_an_empty_store_says_so(fresh: BrowserContext) -> None:
    """Each list of a record that holds nothing says that there is nothing, and no page fails."""
    page = fresh.new_page()
    for path, said in (
        ("/", "The record holds no run yet"),
        ("/runs", "No run fits"),
        ("/models", "No recorded run wrote a model"),
        ("/datasets", "No data set fits"),
        ("/requirements", "unknown"),
        ("/log", "0 entries"),
        ("/log/checkpoints", "Checkpoints"),
        ("/log/quarantine", "quarantine"),
        ("/compare", "Two root runs"),
        ("/find", "Drop a file here"),
    ):
        assert page.goto(path).status == 200
        expect(page.locator("main")).to_contain_text(said)


def test_a_list_follows_what_runs(fresh: BrowserContext) -> None:
    """A run that ends and one that begins show by themselves; focus and scrolling stay, and it stops when nothing runs."""
    page = fresh.new_page()
    job, root, step = named(1)
    send(page, event(root, job, "START", 1))
    page.goto(f"/runs?job={job}*")
    expect(page.locator("#follow")).to_contain_text("1 run of this list is running.")
    page.get_by_role("link", name=job, exact=True).focus()
    page.evaluate("window.kept = document.activeElement")
    send(page, event(step, f"{job}-other", "START", 2))
    expect(page.get_by_role("status").first).to_have_text("2 runs of this list are running.")
    expect(page.get_by_role("link", name=f"{job}-other")).to_be_visible()
    assert page.evaluate("window.kept === document.activeElement && document.contains(window.kept)")
    send(page, event(root, job, "COMPLETE", 3), event(step, f"{job}-other", "FAIL", 4))
    expect(page.get_by_role("status").first).to_have_text("No run of this list is running.")
    expect(page.locator("tbody")).to_contain_text("✘ FAIL")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert asked == []


def test_a_run_is_followed_until_it_ends(fresh: BrowserContext) -> None:
    """Steps come as they begin, what is open stays open, and its end is told."""
    page = fresh.new_page()
    job, root, step = named(2)
    send(page, event(root, job, "START", 1))
    page.goto(f"/runs/{root}")
    expect(page.get_by_role("status").first).to_have_text("Running.")
    send(page, event(step, f"{job}.train", "START", 2, root))
    expect(page.get_by_role("row", name="train")).to_contain_text("RUNNING")
    expect(page.get_by_role("status").first).to_have_text("Running: 0 of 2 runs ended.")
    send(page, event(step, f"{job}.train", "COMPLETE", 3, root), event(root, job, "COMPLETE", 4))
    expect(page.locator("ul.marks").first).to_contain_text("COMPLETE")
    expect(page.get_by_role("status").first).to_have_text("It does not run any more.")


def test_nothing_is_asked_for_a_page_that_nobody_sees(fresh: BrowserContext) -> None:
    """A hidden page asks for nothing; as soon as it is seen again it looks."""
    page = fresh.new_page()
    job, root, _ = named(3)
    send(page, event(root, job, "START", 1))
    page.goto(f"/runs?job={job}*")
    page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    with page.expect_request("**/health"):  # what it asked for before is behind it then
        page.evaluate("fetch('/health')")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert asked == []
    send(page, event(root, job, "COMPLETE", 2))
    looked = page.evaluate(
        """() => {
            let begun = 0;
            document.addEventListener("htmx:beforeRequest", () => { begun += 1; });
            delete document.hidden;
            document.dispatchEvent(new Event("visibilitychange"));
            return begun;
        }"""
    )
    assert looked == 1, "it waited for its next turn"
    expect(page.locator("tbody")).to_contain_text("COMPLETE")


def test_a_page_holds_still_where_somebody_wants_it(fresh: BrowserContext) -> None:
    """Whoever wants no page to change under the eyes can have it hold still, and follow again."""
    page = fresh.new_page()
    job, root, _ = named(4)
    send(page, event(root, job, "START", 1))
    page.goto(f"/runs?job={job}*")
    page.get_by_role("link", name="Hold this page still").click()
    page.wait_for_url(re.compile("live=no"))
    assert page.locator("[hx-trigger]").count() == 0
    page.get_by_role("link", name="Follow it").click()
    expect(page.locator("[hx-trigger]")).to_have_count(1)


def test_a_server_that_is_away_is_told(fresh: BrowserContext) -> None:
    """What a page shows last stays, and it says that the server does not answer; an answer of another kind is not laid over it."""
    page = fresh.new_page()
    job, root, _ = named(5)
    send(page, event(root, job, "START", 1))
    page.goto(f"/runs?job={job}*")
    page.route("**/runs?*", lambda route: route.abort())
    expect(page.locator("#stale")).to_have_text(re.compile("does not answer"))
    expect(page.get_by_role("link", name=job, exact=True)).to_be_visible()
    page.unroute("**/runs?*")
    page.route("**/runs?*", lambda route: route.fulfill(body="<h1>Sign in</h1>", content_type="text/html"))
    expect(page.locator("#stale")).to_have_text(re.compile("reload it"))
    expect(page.get_by_role("link", name=job, exact=True)).to_be_visible()
