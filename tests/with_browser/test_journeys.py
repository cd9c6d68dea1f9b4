from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, Route, expect

from orchestrail.store.merkle import leaf_hash
from orchestrail.store.note import Signer


def test_from_a_model_file_to_its_source_data(desk: Any, page: Page) -> None:
    """A file that is chosen is hashed in the browser alone, and leads to the model, what produced it, and its source data."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url} {request.post_data or ''}"))
    page.goto("/find")
    page.set_input_files("#file", desk.outs[0] / "model.joblib")
    page.wait_for_url("**/data/sha256:*")
    expect(page.locator("h1")).to_contain_text("model.joblib")
    assert all(one.startswith("GET ") for one in sent)
    page.get_by_role("link", name="what produced it").click()
    expect(page.locator(".picture svg")).to_be_visible()
    page.locator(".picture a", has_text="hmda-boston-1990.csv").click()
    expect(page.locator("h1")).to_contain_text("hmda-boston-1990.csv")
    expect(page.get_by_role("row", name="mortgage.ingest").first).to_be_visible()


def test_a_file_that_is_dropped(desk: Any, page: Page) -> None:
    """A file that is dropped onto the page is found like one that is chosen."""
    page.goto("/find")
    content = (desk.outs[0] / "model.joblib").read_bytes().hex()
    dropped = page.evaluate_handle(
        """(hex) => {
            const held = new DataTransfer();
            held.items.add(new File([Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16))], "renamed.bin"));
            return held;
        }""",
        content,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    page.wait_for_url("**/data/sha256:*")
    expect(page.locator("h1")).to_contain_text("model.joblib")


def test_a_file_that_is_not_recorded(desk: Any, page: Page, tmp_path: Any) -> None:
    """A file that no run made leads to a page that says so, with its digest."""
    other = tmp_path / "other.bin"
    other.write_bytes(b"never recorded")
    page.goto("/find")
    page.set_input_files("#file", other)
    page.wait_for_url("**/find?target=sha256*")
    expect(page.get_by_role("alert")).to_contain_text("is not produced by a recorded run")


def test_from_a_red_requirement_to_the_raw_event_and_its_proof(desk: Any, page: Page) -> None:
    """What is not green leads to its witness, that to the raw event, and the browser itself recomputes that it is in the log."""
    page.goto("/requirements?profile=release")
    worst = page.locator("main tbody tr").first
    expect(worst.locator(".verdict")).to_contain_text("fail")
    worst.get_by_role("link").click()
    page.locator("main td a", has_text=re.compile(r"entry \d+")).first.click()
    page.wait_for_url(re.compile(r"/log/\d+$"))
    seq = int(page.url.rpartition("/")[2])
    expect(page.locator("#recomputed")).to_contain_text("✔ Recomputed in this browser")
    body = page.request.get(f"/log/{seq}/event").body()
    assert body.startswith(b"{")
    page.locator("summary", has_text="what the leaf is the hash of").click()
    envelope = page.locator("#envelope").inner_text()
    assert leaf_hash(envelope.encode()).hex() == page.locator("#proof dd code").first.inner_text()


def test_a_proof_that_does_not_hold_is_told(desk: Any, page: Page) -> None:
    """Where the event that the server gives is another one than the entry names, the browser says so."""
    page.route("**/log/3/event", lambda route: route.fulfill(body=b"{}"))
    page.goto("/log/3")
    expect(page.locator("#recomputed")).to_contain_text("✘ Recomputed in this browser: the event is not the one")


def test_the_checkpoint_is_checked_under_the_key_of_the_auditor(desk: Any, page: Page, tmp_path: Any) -> None:
    """Under the server's key a page says that this shows little; under the auditor's it holds; a changed one is not taken."""
    page.goto("/log/3")
    signed = page.locator(".signature")
    expect(signed).to_contain_text("the key that this server names")
    (key,) = (desk.home / "keys").glob("*.pub")
    page.set_input_files("#key-file", key)
    expect(signed).to_contain_text("✔ holds under")
    expect(signed).to_contain_text("the key that you brought")
    page.goto("/log/checkpoints")
    for each in page.locator(".signature").all():
        expect(each).to_contain_text("✔ holds under")
    changed = key.read_text().replace("+", "+0", 1)
    page.get_by_label("The key that you have").fill(changed)
    page.get_by_role("button", name="Check with it").click()
    expect(page.locator("#key-said")).to_contain_text("It is not taken")
    page.get_by_role("button", name="Forget it").click()
    expect(page.locator(".signature").first).to_contain_text("the key that this server names")


def test_a_checkpoint_that_another_key_signed_is_told(desk: Any, page: Page) -> None:
    """A key of the same name that signed nothing here, a note that was changed, and a root that was exchanged are told."""
    name = next((desk.home / "keys").glob("*.pub")).read_text().partition("+")[0]
    other = Signer(name, Ed25519PrivateKey.generate())
    page.goto("/log/3")
    page.get_by_label("The key that you have").fill(other.verifier.to_text())
    page.get_by_role("button", name="Check with it").click()
    signed = page.locator(".signature")
    expect(signed).to_contain_text(f"✘ the key {other.verifier.key_id.hex()} did not sign it")
    page.get_by_role("button", name="Forget it").click()
    right = page.content()
    size = page.locator("#proof").get_attribute("data-size")
    for wrong, said in (
        (right.replace(f"\n{size}\n", f"\n{int(size) + 1}\n"), "signs another size or root"),
        (right.replace(f'data-size="{size}"', f'data-size="{int(size) + 1}"'), "signs another size or root"),
    ):
        page.route("**/log/3", partial(_answer, wrong))
        page.goto("/log/3")
        expect(signed).to_contain_text(said)
        page.unroute("**/log/3")


def test_the_technical_documentation_of_a_model(desk: Any, page: Page) -> None:
    """From a model to its documentation, a draft as the command makes it; figures lead to the log, and looking records nothing."""
    size = desk.size()
    page.goto("/find")
    page.set_input_files("#file", desk.outs[1] / "model.joblib")
    page.get_by_role("link", name="technical documentation").click()
    expect(page.locator("h1")).to_contain_text("Draft of the technical documentation")
    expect(page.locator(".disclaimer")).not_to_be_empty()
    assert page.locator(".document section").count() == 23
    assert page.locator("main").inner_text().count("… (cut:") == 0
    with page.expect_download() as saved:
        page.get_by_role("link", name="documentation.json").click()
    document = json.loads(saved.value.path().read_bytes())
    assert [point["point"] for point in document["points"]] == [
        heading.split()[0] for heading in page.locator(".document section h2").all_inner_texts()
    ]
    page.locator(".document td a").first.click()
    page.wait_for_url(re.compile(r"/log/\d+$"))
    expect(page.locator("#recomputed")).to_contain_text("✔ Recomputed in this browser")
    assert page.request.get(f"/documents/{document['model']}/documentation.exe").status == 404
    assert desk.size() == size


def _answer(body: str, route: Route) -> None:
    route.fulfill(body=body, content_type="text/html; charset=utf-8")


def test_a_graph_opens_box_by_box(desk: Any, page: Page) -> None:
    """A box is opened and shut with the keyboard, which stays on it; the address tells what is open, the table says the same."""
    source = f"sha256:{hashlib.sha256((desk.outs[0] / 'raw.csv').read_bytes()).hexdigest()}"
    page.goto(f"/lineage?target={source}")
    boxes, edges = page.locator(".picture rect").count(), page.locator("#edges ~ .wide tbody tr").count()
    handle = page.get_by_role("link", name="Show what lies beside raw.csv")
    name = handle.get_attribute("id")
    handle.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#{name}")).to_have_attribute("aria-label", "Shut raw.csv")
    expect(page.locator(f"#{name}")).to_be_focused()
    expect(page).to_have_url(re.compile(f"open={name.removeprefix('box-')}$"))
    assert page.locator(".picture rect").count() > boxes
    assert page.locator("#edges ~ .wide tbody tr").count() > edges
    expect(page.get_by_role("row", name="run mortgage.validate").first).to_be_visible()
    opened = page.locator("#lineage").inner_text()
    page.reload()
    assert page.locator("#lineage").inner_text() == opened
    page.locator(f"#{name}").click()
    expect(page.locator(".picture rect")).to_have_count(boxes)
    page.go_back()
    expect(page.locator("#drawn")).to_contain_text("1 of them open")


def test_a_graph_opens_without_scripts(desk: Any, browser: Any) -> None:
    """Without JavaScript a handle is a link to the same graph with the box open."""
    source = f"sha256:{hashlib.sha256((desk.outs[0] / 'raw.csv').read_bytes()).hexdigest()}"
    context = browser.new_context(base_url=desk.url, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"/lineage?target={source}")
    page.get_by_role("link", name="Show what lies beside raw.csv").click()
    expect(page.locator("#drawn")).to_contain_text("1 of them open")
    page.get_by_role("link", name="Shut all").click()
    expect(page.locator("#drawn")).not_to_contain_text("open")
    context.close()


def test_compare_two_runs(desk: Any, page: Page) -> None:
    """From the list of runs to what changed between two of them."""
    newest, oldest = (run["run_id"] for run in desk.roots())
    page.goto("/runs?system=mortgage-approval")
    page.get_by_role("link", name=newest[-12:]).click()
    page.get_by_role("link", name="compare", exact=True).click()
    page.get_by_role("link", name=f"hold A against {oldest[-12:]}").click()
    expect(page.get_by_role("heading", name="Changed", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="input data")).to_be_visible()
    expect(page.get_by_role("row", name="hmda-boston-1990.csv").first).to_be_visible()


def test_with_the_keyboard_alone(desk: Any, page: Page) -> None:
    """The first key reaches the way past the links; every stop shows where it is; a run and a step are reached without a mouse."""
    page.goto("/runs")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    stops: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
        assert outline != "none"
        stops.append(focused.evaluate("element => element.tagName"))
        if focused.evaluate("element => element.closest('tbody') !== null"):
            break
    assert stops[0] in ("SELECT", "INPUT")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    step = page.locator("tr[id^=run-] a").nth(1)
    step.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("navigation", name="Runs around this one")).to_be_visible()
    page.goto("/runs")
    page.goto(f"/lineage?target={desk.roots()[0]['run_id']}")
    node = page.locator(".picture svg a").first
    node.focus()
    assert node.locator("rect").evaluate("box => getComputedStyle(box).strokeWidth") == "3px"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/(data|runs)/"))


def test_filters_narrow_the_list(desk: Any, page: Page) -> None:
    """A filter is sent by its form and kept in it, and the list pages by key without missing or repeating a run."""
    page.goto("/runs")
    page.get_by_label("System").select_option("mortgage-approval")
    page.get_by_label("steps too").check()
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("system=mortgage-approval"))
    expect(page.get_by_label("System")).to_have_value("mortgage-approval")
    seen: list[str] = []
    while True:
        seen += page.locator("tbody tr td:nth-child(2)").all_inner_texts()
        older = page.get_by_role("link", name="Older")
        if older.count() == 0:
            break
        before = page.url
        older.click()
        expect(page).not_to_have_url(before)
        expect(page.get_by_role("link", name="Newest")).to_be_visible()
    assert seen == [run["run_id"][-12:] for run in desk.json("runs", "--all", "--system", "mortgage-approval")["runs"]]
