"""Lists of many pages: each thing once, and the same links for who sees one system, whatever else is on the record."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from starlette.testclient import TestClient

from orchestrail.operations import open_record
from orchestrail.operations.tokens import Scope, Tokens
from orchestrail.server.access import Access
from orchestrail.server.app import create_app
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming

LISTS = {
    "/runs": r'id="run-([^"]*)"',
    "/models": r'<th scope="row"><a href="([^"]*)"',
    "/datasets": r'row"><a href="([^"]*)"',
}
MANY = 60


def client(made: ModuleType, home: Path, systems: list[str]) -> httpx.Client:
    """A client of one system at a server that holds the runs of some, in turn, each with a model of its own."""
    settings = load_settings(home=home)
    store = open_record(settings, create=True)
    items = []
    for number in range(MANY * len(systems)):
        system = systems[number % len(systems)]
        name = f"{system} {number // len(systems):03}"
        model = made.dataset(f"/m/{name}", name, kind="model")
        run = 1000 * len(system) + number // len(systems)
        event = made.event(
            "COMPLETE", run, second=number // len(systems), outputs=[model], ours={"system": system}, job=name
        )
        items.append(Incoming(made.body(event), "test", event_time=event["eventTime"]))
    store.append(items)
    _, token = Tokens(home).create("reader", [Scope.READ], ["scoring"])
    app = create_app(settings, store, Access(home))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("path", LISTS)
def test_next_pages_hold_the_rest_and_tell_no_place(path: str, made: ModuleType, tmp_path: Path) -> None:
    """Page after page everything of the system once; what others wrote in between moves nothing, and no link counts it."""
    pages: list[list[str]] = []
    for name, systems in (("both", ["scoring", "fraud"]), ("alone", ["scoring"])):
        following: str | None = path
        pages.append([])
        asked = client(made, tmp_path / name, systems)
        while following:
            answer = asked.get(following)
            assert answer.status_code == 200
            pages[-1].append(answer.text)
            link = re.search(r'<a href="([^"]*)" rel="next"', answer.text)
            following = link[1].replace("&amp;", "&") if link else None
    assert pages[0] == pages[1]
    listed = [one for page in pages[0] for one in re.findall(LISTS[path], page)]
    assert len(pages[0]) == 2
    assert len(set(listed)) == len(listed) == MANY
    assert "fraud" not in "".join(pages[0])


def test_a_page_that_does_not_begin_is_told(made: ModuleType, tmp_path: Path) -> None:
    """A link to an older page whose run is not seen, or never was."""
    asked = client(made, tmp_path, ["scoring", "fraud"])
    for before in (made.run_id(5000), "nobody"):
        assert asked.get(f"/runs?before={before}").status_code == 404
        assert asked.get(f"/models?before={before}@0").status_code == 404
