from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

COMMAND = str(Path(sys.executable).with_name("orchestrail"))


@pytest.fixture(scope="module")
def guarded(desk: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The same record at a server that asks for a token, and a token of one system."""
    home = tmp_path_factory.mktemp("guarded") / "home"
    shutil.copytree(desk.home, home)
    create = [COMMAND, "token", "create", "team", "--scope", "read", "--system", "mortgage-approval", "--home", home]
    token = subprocess.run(create, check=True, capture_output=True, text=True).stdout.split()[-1]
    return serve(home), token


def test_who_signs_in_sees_what_is_theirs(guarded: tuple[str, str], browser: Browser) -> None:
    """Without a token a page leads to the sign-in; with one of a system it shows that system, and what concerns all is refused."""
    url, token = guarded
    context = browser.new_context(base_url=url)
    page = context.new_page()
    page.goto("/runs")
    expect(page).to_have_url(f"{url}/sign-in?to=%2Fruns")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not count")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{url}/runs")
    page.goto("/")
    expect(page.locator("main")).to_contain_text("shown to those alone who may see all")
    expect(page.get_by_role("link", name="mortgage-approval").first).to_be_visible()
    assert page.locator("main", has_text="document.title").count() == 0
    assert page.goto("/runs/0192f000-0000-7000-8000-00000000abcd").status == 404
    for path in (
        "/log",
        "/log/3",
        "/log/3/event",
        "/log/checkpoints",
        "/log/quarantine",
        "/documents/00000000",
    ):
        assert page.goto(path).status == 403
    page.goto("/requirements")
    expect(page.locator("main")).to_contain_text("by what is seen of the systems of your token")
    assert "root hash" not in page.locator("main").inner_text()
    page.get_by_role("link", name="REC-01").click()
    expect(page.locator("main")).to_contain_text("it rests on all systems together")
    page.get_by_role("link", name="Sign in or out").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/")
    expect(page).to_have_url(f"{url}/sign-in")
    context.close()
