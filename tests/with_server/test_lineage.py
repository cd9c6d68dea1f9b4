"""The page of a graph: which version of a name it is of, and what opening a box follows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from serving import Serving

from orchestrail.operations import open_record
from orchestrail.queries.snapshot import Store, snapshot
from orchestrail.queries.targets import find_target
from orchestrail.settings import load_settings
from orchestrail.store.base import Incoming
from orchestrail.web.lineage import Lineages


@pytest.fixture
def append(made: ModuleType, tmp_path: Path) -> Callable[..., Store]:
    """Append runs that each write a content to `/m`; give the record."""

    def put(*contents: str, first: int = 1, system: str = "scoring") -> Store:
        record = open_record(load_settings(home=tmp_path / "server"), create=True)
        for number, content in enumerate(contents, first):
            written = made.dataset("/m", content, kind="model")
            told = made.event("COMPLETE", number, second=number, ours={"system": system}, outputs=[written])
            record.append([Incoming(made.body(told), "test")])
        return record

    return put


def test_a_page_says_which_version_it_is_of(
    append: Callable[..., Store], serve: Callable[..., Serving], made: ModuleType
) -> None:
    """Runs that wrote the same once more are named with their lineage, and so are other contents of the name."""
    append("old", "new", "new", "new")
    served = serve()
    page = httpx.get(f"{served.url}/lineage?target=file:/m").text
    said = page[page.index('id="versions"') : page.index('id="lineage"')]
    shown, again, others = said.partition("The same content")[0], said.partition("The same content")[2], said
    assert made.digest("new").removeprefix("sha256:")[:12] in shown
    assert made.run_id(4)[-12:] in shown
    assert [made.run_id(number) in again for number in (1, 2, 3, 4)] == [False, True, True, False]
    assert f"/lineage?target={made.digest('old').replace(':', '%3A')}" in others
    forward = httpx.get(f"{served.url}/lineage?target={made.digest('new')}&direction=forward").text
    assert "what is shown is not of them" in forward
    assert 'id="versions"' not in httpx.get(f"{served.url}/lineage?target=file:/m&direction=forward").text
    assert 'id="versions"' not in httpx.get(f"{served.url}/lineage?target={made.run_id(1)}").text


def test_runs_of_a_mapped_step_are_told_apart(
    append: Callable[..., Store], serve: Callable[..., Serving], made: ModuleType
) -> None:
    """In the box of each, in the name of what opens it and in the table; one that is there alone has its name alone."""
    store = append()
    parts = [
        made.event(
            "COMPLETE", 0xD002 + number, job="train.part", parent=0xD001, second=number,
            ours={"nativeId": f"run/part/{number}"}, inputs=[made.dataset("/raw", "raw")],
            outputs=[made.dataset(f"/part-{number}", f"part {number}")],
        )
        for number in (0, 1)
    ]  # fmt: skip
    read = [made.dataset(f"/part-{number}", f"part {number}") for number in (0, 1)]
    last = made.event(
        "COMPLETE",
        0xD004,
        job="train.fit",
        parent=0xD001,
        second=9,
        inputs=read,
        outputs=[made.dataset("/m", "m", kind="model")],
    )
    store.append(
        [Incoming(made.body(told), "test") for told in (made.event("COMPLETE", 0xD001, job="train"), *parts, last)]
    )
    served = serve()
    page = httpx.get(f"{served.url}/lineage?target=file:/m").text
    assert [page.count(f">step [{number}]<") for number in (0, 1)] == [1, 1]
    assert [f"<title>part [{number}]</title>" in page for number in (0, 1)] == [True, True]
    assert [f">run train.part [{number}]</a>" in page for number in (0, 1)] == [True, True]
    alone = httpx.get(f"{served.url}/lineage?target=file:/part-1").text
    assert ">run train.part</a>" in alone
    assert "[1]" not in alone


def test_that_steps_did_what_was_not_seen_is_told(
    append: Callable[..., Store], serve: Callable[..., Serving], made: ModuleType
) -> None:
    """Forward, where the picture would look like an all-clear; back, what produced it is no matter of theirs."""
    store = append("m")
    missed = {"notCaptured": [{"what": "cp", "reason": "it ran in a process that is not recorded"}]}
    copied = made.event("COMPLETE", 0xD002, job="copy", parent=1, second=5, orchestrail_capture=missed)
    store.append([Incoming(made.body(copied), "test")])
    served = serve()
    said = "Steps in the same processes did what was not seen"
    pages = [httpx.get(f"{served.url}/lineage?target=file:/m&direction={way}").text for way in ("forward", "back")]
    assert [said in page for page in pages] == [True, False]


def test_what_was_followed_is_kept_while_the_record_stands(append: Callable[..., Store], made: ModuleType) -> None:
    """An opened box follows nothing anew; a record that grew does, and for whoever may see some systems one that grew by these."""
    store, kept, small = append("old"), Lineages(), Lineages(0)

    def follow(systems: list[str] | None = None) -> object:
        with snapshot(store, systems=systems) as record:
            return kept.of(record, find_target(record, made.digest("old")), None)

    first = follow()
    assert follow() is first
    append("old", first=7, system="pricing")
    seen = {systems: follow(list(systems)) for systems in (("scoring",), ("pricing",), ("pricing", "scoring"))}
    assert len({id(found) for found in (first, *seen.values())}) == 4
    append("old", first=8, system="pricing")
    assert [follow(list(systems)) is found for systems, found in seen.items()] == [True, False, False]
    first = follow()
    with snapshot(store) as record:
        target = find_target(record, made.digest("old"))
        assert small.of(record, target, None) is not small.of(record, target, None)
    append("old", first=2)
    grown = follow()
    assert grown is not first
    assert follow() is grown
