"""The technical documentation: every figure is found in the record, and what nobody said is missing."""

from __future__ import annotations

import json
from datetime import date
from html.parser import HTMLParser

import pytest

from orchestrail.errors import NotRecorded
from orchestrail.manifest import Manifest
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.reports.document import document_json, documentation
from orchestrail.reports.evidence import gather
from orchestrail.reports.rendering import SEVERAL, html, markdown
from orchestrail.reports.values import Document, Mark
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.statements.content import content_of

DAY = date(2026, 3, 1)
OWN = "Metrics that training steps recorded themselves, which are no evaluation"
MARKUP = '<script>alert(1)</script> | "quoted" | `code`'


def story(made):
    """Flow 1 prepares, trains and evaluates; what it is called would be markup if it were not told from text."""
    step = {"role": "preprocess", "operation": MARKUP, "version": "1"}
    facts = {"python": {"implementation": "cpython", "version": "3.11.7"}, "cpu": {"count": 2, "model": "any"}}
    metric = {"metrics": [{"name": "auc", "value": 0.91}]}
    return [
        made.event("START", 1, ours={"system": "scoring"}, orchestrail_environment=facts),
        made.event(
            "COMPLETE",
            2,
            parent=1,
            second=1,
            orchestrail_step=step,
            inputs=[made.dataset("/raw", "raw")],
            outputs=[made.dataset("/clean", "clean")],
        ),
        made.event(
            "COMPLETE",
            3,
            parent=1,
            second=2,
            orchestrail_step={"role": "train"},
            orchestrail_parameters={"parameters": {"depth": {"type": "int", "value": 3}}, "digest": made.digest("p")},
            inputs=[made.dataset("/clean", "clean", role="train")],
            outputs=[made.dataset("/m", "m", kind="model")],
        ),
        made.event(
            "COMPLETE",
            4,
            parent=1,
            second=3,
            orchestrail_step={"role": "evaluate"},
            orchestrail_metrics=metric,
            inputs=[made.dataset("/m", "m"), made.dataset("/test", "test", role="test")],
        ),
    ]


@pytest.fixture
def documented(made):
    """Record events and document a model."""

    def document(*events, target=None) -> Document:
        log = made.MemoryLog()
        log.add(*events)
        apply(log)
        with log.read() as connection:
            evidence = gather(connection, target or made.digest("m"), DAY)
        return documentation(evidence, load_catalogue(), DAY, log.size(), "0" * 64)

    return document


def point(document, name):
    return next(one for one in document["points"] if one["point"] == name)


def texts(found):
    return [[figure["text"] for figure in row] for table in found["tables"] for row in table["rows"]]


def test_every_point_has_a_mark_and_what_nobody_said_is_missing(made, documented):
    """A record without persons' words is a draft; a figure of it never stands for what a person has to say."""
    document = documented(*story(made))
    assert document.draft
    assert all(each.marks for each in document.points)
    assert len(document.points) == 23
    assert document.counts()[Mark.STATEMENT] == 0
    for each in document.points:
        assert (each.missing is not None) == bool({Mark.MISSING, Mark.PARTIAL} & set(each.marks))


def test_models_are_none_of_the_data_behind_a_model(made, documented):
    """Neither the one that is documented nor one that it was made of: what is asked there are data sheets."""
    found = point(document_json(documented(*story(made))), "2(d)")
    (listed,) = [table for table in found["tables"] if table["title"] == "Data sets behind the model"]
    named = [row[0]["text"] for row in listed["rows"]]
    assert "/m" not in named
    assert "/raw" in named


def test_checks_of_data_behind_a_model_stand_there_whoever_made_them(made, documented):
    """Those that another run made of other data do not, nor what it ran on; each rests on what told it."""
    of = {name: {"namespace": "file", "name": f"/{name}", "digest": made.digest(name)} for name in ("clean", "else")}
    checks = [{"name": f"of-{name}", "kind": "bias", "success": True, "dataset": of[name]} for name in of]
    facts = {"python": {"implementation": "cpython", "version": "2.7.18"}}
    beside = made.event("COMPLETE", 9, orchestrail_checks={"checks": checks}, orchestrail_environment=facts)
    document = document_json(documented(*story(made), beside))
    tables = {table["title"]: table["rows"] for table in point(document, "2(d)")["tables"]}
    (row,) = tables["Checks of the same contents by other runs"]
    assert [figure["text"] for figure in row[:5]] == ["job-9", "of-clean", "bias", "/clean", "holds"]
    assert {source["run_id"] for figure in row for source in figure["sources"]} == {made.run_id(9)}
    assert made.run_id(9) in {event["run_id"] for event in document["events"]}
    assert not any("2.7.18" in figure for row in texts(point(document, "1(c)")) for figure in row)


def test_what_a_training_step_measured_is_shown_as_that(made, documented):
    """It is a part of what is asked for testing, and no more than a part whatever a person states; an evaluation is more."""
    events = story(made)
    of = {"namespace": "file", "name": "/clean", "digest": made.digest("clean")}
    metrics = {"metrics": [{"name": "auc", "value": 0.83, "dataset": of}, {"name": "f1", "value": 0.7}]}
    events[2]["run"]["facets"]["orchestrail_metrics"] = metrics
    own = [["job-3", "auc", "0.83", "/clean"], ["job-3", "f1", "0.7", "not recorded"]]
    said = statement(made, "IV(2)(g)", "test_responsible")
    for more, marks in (([], ["fact", "partial", "missing"]), ([said], ["fact", "partial", "statement"])):
        found = point(document_json(documented(*events[:3], *more)), "2(g)")
        assert found["marks"] == marks
        assert [table["title"] for table in found["tables"]] == [OWN]
        assert texts(found) == own
    whole = document_json(documented(*events))
    assert point(whole, "2(g)")["marks"] == ["fact", "missing"]
    for name in ("2(g)", "3", "4"):
        tables = {table["title"]: texts({"tables": [table]}) for table in point(whole, name)["tables"]}
        assert tables["Metrics"] == [["job-4", "auc", "0.91", "not recorded"]]
        assert tables[OWN] == own


def test_that_marks_overlap_is_said(made, documented):
    """They add up to more than the points, and each form of the document says why."""
    document = documented(*story(made))
    assert sum(document.counts().values()) > len(document.points)
    assert all(SEVERAL in form for form in (html(document), markdown(document)))


def statement(made, about, role):
    """The record of what a person states about the model."""
    content = {
        "kind": "statement",
        "about": [about],
        "subject": {"kind": "model", "name": "file:/m", "digest": made.digest("m")},
        "by": "dana",
        "role": role,
        "madeAt": made.at(10),
        "validUntil": "2026-06-01",
        "statement": "Collected by the branches in 2025.",
    }
    return made.record("orchestrail_statement", **content_of(content).document(), signatures=[])


def test_what_a_person_states_of_a_point_stands_there_with_name_and_role(made, documented):
    """Beside the facts; in a role that may not speak to the point it is shown, and fills nothing."""
    found = point(document_json(documented(*story(made), statement(made, "IV(2)(d)", "data_steward"))), "2(d)")
    assert found["marks"] == ["fact", "statement"]
    assert [(one["by"], one["signature"], one["state"]) for one in found["statements"]] == [
        ("dana", "unsigned", "valid")
    ]
    other = point(document_json(documented(*story(made), statement(made, "IV(2)(d)", "risk_owner"))), "2(d)")
    assert (other["marks"], len(other["statements"])) == (["fact", "missing"], 1)


def test_what_the_manifest_says_does_not_apply_is_marked(made, documented):
    """With the reason and who says so; a point of which the Act asks everybody may not be left out like that."""
    manifest = Manifest.model_validate(
        {"not_applicable": [{"requirement": "IV(1)(f)", "reason": "it is no component of a product", "by": "dana"}]}
    )
    said = {"systems": [], "not_applicable": [], "fields": [], **manifest.document()}
    said |= {"digest": manifest.digest, "by": "somebody"}
    record = json.loads(own_record("orchestrail_manifest", said, "manifest", Job("default", "m")).body)
    found = point(document_json(documented(*story(made), record)), "1(f)")
    assert (found["marks"], found["missing"]) == (["not_applicable"], None)
    assert found["not_applicable"]["text"] == "it is no component of a product (said by dana)"
    assert found["not_applicable"]["sources"][0]["sequence"] == 4


def test_every_figure_names_an_entry_of_the_log(made, documented):
    """And every entry that is named is there."""
    events = story(made)
    document = document_json(documented(*events))
    entries = {event["sequence"]: event for event in document["events"]}
    cited = [
        source
        for each in document["points"]
        for sources in (
            *(figure["sources"] for table in each["tables"] for row in table["rows"] for figure in row),
            *(node["sources"] for diagram in each["diagrams"] for node in diagram["nodes"]),
        )
        for source in sources
    ]
    assert cited
    for source in cited:
        assert entries[source["sequence"]]["run_id"] == source["run_id"]
        assert events[source["sequence"]]["run"]["runId"] == source["run_id"]


def test_figures_stand_under_the_points_that_ask_for_them(made, documented):
    """Parameters under design, metrics under testing, operations under data, hardware under architecture."""
    document = document_json(documented(*story(made)))
    assert ["job-3", "depth", "3"] in texts(point(document, "2(b)"))
    assert ["job-4", "auc", "0.91", "not recorded"] in texts(point(document, "2(g)"))
    assert [MARKUP, "1"] in [row[:2] for row in texts(point(document, "2(d)"))]
    assert ["job-1", "2 x any", "not recorded", "none seen"] in texts(point(document, "2(c)"))
    (diagram,) = point(document, "2(c)")["diagrams"]
    assert [node["title"] for node in diagram["nodes"] if node["kind"] == "model"] == ["m"]


def titled(document, name):
    """Give the rows of the tables of a point by title, without where they come from."""
    tables = point(document, name)["tables"]
    return {table["title"]: [[figure["text"] for figure in row] for row in table["rows"]] for table in tables}


def test_what_was_not_captured_is_told_and_makes_the_architecture_a_part(made, documented):
    """A program of a step beside the training that nobody saw, and a name alone. What came later is not behind it."""
    events = story(made)
    whole = point(document_json(documented(*events)), "2(c)")
    assert whole["marks"] == ["fact"]
    missed = {"notCaptured": [{"what": "sort", "reason": "a program"}]}
    for number, place in ((7, 2), (8, len(events) + 1)):
        beside = made.event("COMPLETE", number, parent=1, second=1, orchestrail_capture=missed)
        events.insert(place, beside)
    events[1]["inputs"] = [made.dataset("/raw", None)]
    events.insert(1, made.event("COMPLETE", 9, parent=1, outputs=[made.dataset("/raw", None)]))
    document = document_json(documented(*events))
    assert titled(document, "2(c)")["Not captured in the processes behind it"] == [["job-7", "sort", "a program"]]
    assert ["file:/raw", "job-2", "by its name alone"] in titled(document, "2(c)")["Ways that nothing proves"]
    assert point(document, "2(c)")["marks"] == ["fact", "partial"]


def test_what_testing_took_stands_among_the_compute(made, documented):
    """The law asks for what was used to develop, train, test and validate."""
    named = [row[0] for row in titled(document_json(documented(*story(made))), "2(c)")["Compute used"]]
    assert named == ["job-2", "job-3", "job-4"]


def test_a_value_that_lay_in_memory_is_nothing_from_outside(made, documented):
    """Nobody is known to have made it; a file that no recorded run wrote is."""
    events = story(made)
    events[1]["inputs"].append(made.dataset("job-2.frame", "frame") | {"namespace": "inmemory"})
    written = {
        row[0]: row[-1] for row in titled(document_json(documented(*events)), "2(d)")["Data sets behind the model"]
    }
    assert written["/raw"] == "outside the record"
    assert written["job-2.frame"] == "in memory: no recorded run is known to have made it"


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links, self.places, self.tags = [], set(), set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.add(tag)
        self.links += [found["href"]] if "href" in found else []
        self.places |= {found["id"]} if "id" in found else set()


def test_all_links_of_the_page_lead_to_an_entry(made, documented):
    """Nothing is fetched from elsewhere, and text of the record is no markup."""
    page = html(documented(*story(made)))
    found = _Links()
    found.feed(page)
    assert found.links
    assert {link.removeprefix("#") for link in found.links} <= found.places
    assert "script" not in found.tags
    assert "&lt;script&gt;" in page


def test_markdown_keeps_text_of_the_record_in_its_cell(made, documented):
    """A pipe in a name starts no column."""
    text = markdown(documented(*story(made)))
    rows = [line for line in text.splitlines() if line.startswith("|") and "alert" in line]
    assert rows
    for row in rows:
        assert row.replace("\\|", "").count("|") == 8
        assert "\\<script\\>" in row


def test_a_data_set_is_no_model(made, documented):
    """What is asked for has to be a model that a recorded run wrote."""
    with pytest.raises(NotRecorded, match="is no model"):
        documented(*story(made), target=made.digest("clean"))


def test_the_same_record_gives_the_same_bytes(made, documented):
    """So that a documentation can be made again, and compared with the one that was handed out."""
    first, second = (json.dumps(document_json(documented(*story(made)))) for _ in range(2))
    assert first == second


def test_a_change_against_the_model_before_is_told(made, documented):
    """By what was recorded of both."""
    again = [made.event("START", 11, second=10, ours={"system": "scoring"})]
    again.append(
        made.event(
            "COMPLETE",
            13,
            parent=11,
            second=11,
            job="job-3",
            orchestrail_step={"role": "train"},
            orchestrail_parameters={"parameters": {"depth": {"type": "int", "value": 4}}, "digest": made.digest("q")},
            inputs=[made.dataset("/clean", "clean", role="train")],
            outputs=[made.dataset("/m", "n", kind="model")],
        )
    )
    document = document_json(documented(*story(made), *again, target=made.digest("n")))
    assert ["parameters", "job-3", "parameter depth", "3", "4"] in texts(point(document, "6"))
    entry = {row[0]["text"]: row[1]["sources"][0]["sequence"] for row in point(document, "1(a)")["tables"][0]["rows"]}
    assert (entry["digest"], entry["digest of the model before it"]) == (5, 2)
    assert [made.digest("m")] in [row[1:] for row in texts(point(document, "1(a)"))]


def test_a_model_that_was_made_twice_is_cited_by_the_training_that_is_documented(made, documented):
    """The last of them: what is told of its steps does not rest on what the other one wrote."""
    again = [made.event("COMPLETE", run, second=9, outputs=[made.dataset("/m", "m", kind="model")]) for run in (11, 12)]
    rows = titled(document_json(documented(*story(made), *again)), "1(a)")["On the record"]
    document = document_json(documented(*story(made), *again))
    (table,) = point(document, "1(a)")["tables"]
    cited = [(row[0]["text"], row[0]["sources"][0]["run_id"]) for row in table["rows"]]
    assert [row[0] for row in rows] == ["model", "digest", "also written as", "also written as"]
    assert cited == [
        ("model", made.run_id(12)),
        ("digest", made.run_id(12)),
        ("also written as", made.run_id(3)),
        ("also written as", made.run_id(11)),
    ]
