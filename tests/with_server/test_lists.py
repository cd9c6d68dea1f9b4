"""Lists of many pages: each thing once, and the same links for who sees one system, whatever else is on the record. What leads
from a page leads to what it names, whatever it is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

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


class Seen(HTMLParser):
    """What a browser makes of a page: its links with their texts, the values of its options, and what it says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.values: dict[str, list[str]] = {}
        self.following: str | None = None
        self.text = ""
        self._leads: str | None = None
        self._choice = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and "href" in given:
            self._leads = given["href"] or ""
            self.links.append((self._leads, ""))
            if given.get("rel") == "next":
                self.following = self._leads
        elif tag == "select":
            self._choice = given["name"] or ""
            self.values[self._choice] = []
        elif tag == "option" and "value" in given:
            self.values.setdefault(self._choice, []).append(given["value"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._leads = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._leads is not None:
            self.links[-1] = (self._leads, self.links[-1][1] + data)


@pytest.fixture
def desk(made: ModuleType, tmp_path: Path) -> Callable[..., httpx.Client]:
    """A client who sees all of a record of some events."""

    def hold(*events: dict[str, Any]) -> httpx.Client:
        store = open_record(load_settings(home=tmp_path), create=True)
        store.append([Incoming(made.body(event), "test", event_time=event["eventTime"]) for event in events])
        _, token = Tokens(tmp_path).create("reader", [Scope.READ])
        app = create_app(load_settings(home=tmp_path), store, Access(tmp_path))
        return TestClient(app, headers={"Authorization": f"Bearer {token}"})

    return hold


def test_pages_follow_one_another_whatever_the_names(made: ModuleType, desk: Any) -> None:
    """Addresses of a thousand characters are no text to be cut: no name is left out, none comes twice, and filters stay."""
    names = [f"/{'ä' * 65}/{number:02}" for number in range(66)] + [f"/{'訓' * 3000}/{number}" for number in range(60)]
    namespace = "ж" * 80
    outputs = [made.dataset(name, name) | {"namespace": namespace} for name in names]
    other = made.event("COMPLETE", 2, outputs=[made.dataset("/other", "o")])
    asked = desk(made.event("COMPLETE", 1, outputs=outputs), other)
    listed = []
    following: str | None = f"/datasets?{urlencode({'namespace': namespace})}"
    while following:
        answer = asked.get(following)
        assert answer.status_code == 200
        rows = [href for href, _ in Seen(answer.text).links if href.startswith("/data?")]
        listed += [parse_qs(urlsplit(row).query)["name"][0] for row in rows]
        assert asked.get(rows[-1]).status_code == 200
        following = Seen(answer.text).following
    assert listed == sorted(names)


@pytest.mark.parametrize(
    "long", ["部" * 70, "ж" * 450, "ü & <b> \"'" * 45, "a" * 390 + "\u202e\u200c\u00ad", "訓" * 3000]
)
def test_what_leads_from_a_page_leads_to_what_it_names(long: str, made: ModuleType, desk: Any) -> None:
    """Each link of the pages on which a system, a job, a data set or a model of a long name stands answers, and is about it."""
    source, model = made.dataset(f"/in/{long}"), made.dataset(f"/out/{long}", "m", kind="model")
    asked = desk(
        made.event("COMPLETE", 1, inputs=[source], outputs=[model], ours={"system": long}, job=f"j{long}"),
        made.event("COMPLETE", 2, inputs=[made.dataset("/out/other")], ours={"system": "other"}, job="other"),
    )
    run, content = f"/runs/{made.run_id(1)}", f"/data/{made.digest('m')}"
    lineage = f"/lineage?{urlencode({'target': made.digest('m')})}"
    by_name = f"/data?{urlencode({'namespace': 'file', 'name': source['name']})}"
    pages = ["/", "/runs", "/models", "/datasets", run, content, by_name, lineage, f"/compare?a={made.run_id(1)}"]
    led = {}
    for page in pages:
        answer = asked.get(page)
        assert answer.status_code == 200
        for href, text in Seen(answer.text).links:
            if href and not href.startswith("#"):
                led[href] = text
    for href, text in led.items():
        answer = asked.get(href)
        assert answer.status_code == 200, (href, text)
        named = parse_qs(urlsplit(href).query)
        if "system" in named and href.startswith("/runs"):
            assert named["system"] in ([long], ["other"])
            assert (made.run_id(1) in answer.text) == (named["system"] == [long])
            assert (made.run_id(2) in answer.text) == (named["system"] == ["other"])
    for address in (f"/runs?{urlencode({'system': long})}", f"/requirements?{urlencode({'system': long})}", by_name):
        assert address in led
    assert {f"/in/{long}", f"file:/in/{long}"} & {
        one for href in led for one in parse_qs(urlsplit(href).query).get("target", ())
    }


@pytest.mark.parametrize(
    "name",
    [
        " two  spaces ",
        "a\u200cb\u00adc",
        "turn\u202eed",
        "\"'<&amp;>\u00a0",
        "z" * 401,
        "訓" * 3000,
        "lines\nof\rtext\r\n",
    ],
)
def test_what_a_list_lets_choose_is_what_is_asked_for(name: str, made: ModuleType, desk: Any) -> None:
    """An option says the name as it is, and shows it as other texts; a browser sends the ends of its lines as CR LF."""
    asked = desk(
        made.event("COMPLETE", 1, ours={"system": name}), made.event("COMPLETE", 2, ours={"system": "a\u200bnother"})
    )
    for path in ("/runs", "/requirements"):
        page = asked.get(path)
        assert {name, "a\u200bnother"} <= set(Seen(page.text).values["system"])
        assert not set("\u200b\u200c\u00ad\u202e") & set(page.text)
        sent = "\r\n".join(re.split("\r\n|\r|\n", name))
        chosen = asked.get(path, params={"system": sent})
        assert chosen.status_code == 200
        assert len(re.findall(r"<option[^>]* selected", chosen.text)) == (1 if path == "/runs" else 2)
    listed = asked.get("/runs", params={"system": sent}).text
    assert made.run_id(1) in listed
    assert made.run_id(2) not in listed


def test_nothing_leads_to_a_name_too_long_for_an_address(made: ModuleType, desk: Any) -> None:
    """It stands there as text, cannot be chosen, and the page goes on after the last name that can be named."""
    names = [f"/a/{number:02}" for number in range(40)] + [f"/b/{number:02}{'訓' * 20_000}" for number in range(11)]
    long = "s" * 100_000
    asked = desk(made.event("COMPLETE", 1, inputs=[made.dataset(name) for name in names], ours={"system": long}))
    first = asked.get("/datasets")
    assert "cut: 20,005 characters" in first.text
    assert len([href for href, _ in Seen(first.text).links if href.startswith("/data?")]) == 40
    assert Seen(first.text).following == "/datasets?after=%2Fa%2F39&after_namespace=file"
    rest = Seen(asked.get(Seen(first.text).following).text)
    assert not [href for href, _ in rest.links if href.startswith("/data?")]
    assert all(f"/b/{number:02}" in rest.text for number in range(11))
    for path in ("/", "/runs", "/requirements", f"/runs/{made.run_id(1)}", f"/lineage?target={made.run_id(1)}"):
        page = asked.get(path)
        assert page.status_code == 200
        assert long[:500] not in page.text
        for href, _ in Seen(page.text).links:
            assert not href or href.startswith("#") or asked.get(href).status_code == 200
    assert asked.get("/find", params={"target": names[-1][-300:]}).status_code in (400, 404)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (f"/runs?system={'x' * 50_000}", "longer than the 49,152 characters"),
        ("/datasets?kind=none", "none of what is known"),
        ("/lineage", "has to be given"),
        ("/requirements?profile=none", "none of what is known"),
        ("/log?before=none", "no whole number"),
        ("/runs?all=perhaps", "neither true nor false"),
    ],
)
def test_what_cannot_be_asked_for_is_told(address: str, why: str, made: ModuleType, desk: Any) -> None:
    """400 and our words: there is a page, and what was asked of it cannot be used."""
    answer = desk(made.event("COMPLETE", 1)).get(address)
    assert answer.status_code == 400
    assert "Cannot be asked" in answer.text
    assert "cannot be used." in answer.text
    assert why in answer.text


@pytest.mark.parametrize("address", ["/runs?job=", "/datasets?name=", "/api/v1/runs?job="])
def test_a_pattern_that_no_engine_takes_is_told(address: str, made: ModuleType, desk: Any) -> None:
    """400 wherever it is asked, and no damage of the store; one that is long and can be looked for is."""
    asked = desk(made.event("COMPLETE", 1))
    assert asked.get(address + "x" * 30_000).status_code == 200
    answer = asked.get(address + "_" * 30_000)
    assert answer.status_code == 400
    assert "can be looked for" in answer.text


def test_space_around_a_name_may_belong_to_it(made: ModuleType, desk: Any) -> None:
    """What is looked up or compared is taken as it was written, and without the space around it where nothing is called so."""
    name = "/data/ends with space "
    asked = desk(made.event("COMPLETE", 1, outputs=[made.dataset(name)]))
    for given in (name, f" {made.run_id(1)} "):
        found = asked.get("/find", params={"target": given}, follow_redirects=False)
        assert found.status_code == 303
        assert asked.get("/compare", params={"a": given, "b": given}).status_code == 200
