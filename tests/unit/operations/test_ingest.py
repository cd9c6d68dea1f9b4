"""Events of other producers: their bytes are kept exactly, and what is none is put aside."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrail.errors import ConfigurationError
from orchestrail.operations.ingest import ingest, pieces, split
from orchestrail.operations.verify import verify
from orchestrail.testing.stores import quarantined


def event(name="job", **more):
    values = {
        "eventTime": "2026-03-01T12:00:00Z",
        "producer": "urn:test",
        "schemaURL": "urn:schema",
        "job": {"namespace": "tests", "name": name},
    }
    return json.dumps(values | more).encode()


def bodies(store):
    return [record.body for record in store.records()]


def counts(result):
    return result.appended, result.duplicates, result.quarantined


def test_json_lines(store, events):
    """Each line is an event, with the bytes of the line: blanks, and letters that ASCII does not have."""
    file = events / "airflow.jsonl"
    assert counts(ingest(store, [file])) == (2, 0, 0)
    assert bodies(store) == file.read_bytes().splitlines()
    assert "März".encode() in bodies(store)[1]


def test_one_document(store, events):
    """A document over many lines is one event, with the bytes of the whole file."""
    file = events / "spark.json"
    assert counts(ingest(store, [file])) == (1, 0, 0)
    assert bodies(store) == [file.read_bytes()]


def test_an_array(store, events):
    """Each element is an event, with exactly its bytes."""
    file = events / "dbt.json"
    assert counts(ingest(store, [file])) == (3, 0, 0)
    assert [json.loads(body) for body in bodies(store)] == json.loads(file.read_bytes())
    assert all(body in file.read_bytes() for body in bodies(store))
    assert all(body.startswith(b"{") and body.endswith(b"}") for body in bodies(store))


def test_damaged_lines(store, events):
    """What is no event is put aside with a reason and its place, the lines around it are appended."""
    file = events / "damaged.jsonl"
    lines = file.read_bytes().split(b"\n")
    assert counts(ingest(store, [file])) == (2, 0, 6)
    assert bodies(store) == [lines[0], lines[7]]
    assert [(entry.source, entry.reason_code, entry.body) for entry in quarantined(store)] == [
        ("damaged.jsonl: line 2", "not_json", lines[1]),
        ("damaged.jsonl: line 3", "not_json", lines[2]),
        ("damaged.jsonl: line 5", "not_openlineage", lines[4]),
        ("damaged.jsonl: line 6", "not_openlineage", lines[5]),
        ("damaged.jsonl: line 7", "not_openlineage", lines[6]),
        ("damaged.jsonl: line 9", "cut_off", lines[8]),
    ]
    assert verify_ok(store)


def verify_ok(store):
    return store.verify().ok


def test_ingesting_again_drops_what_is_there(store, events):
    """The same files again give duplicates, and the refusals are told again but not kept twice."""
    files = sorted(events.glob("*.json*"))
    first = ingest(store, files)
    again = ingest(store, files)
    assert counts(again) == (0, first.appended, first.quarantined)
    assert len(quarantined(store)) == first.quarantined


def test_a_first_line_that_is_damaged(store, tmp_path):
    """A file of lines stays one where its first line is not an event."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"{cut\n" + event("a") + b"\n" + event("b") + b"\r\n")
    assert counts(ingest(store, [file])) == (2, 0, 1)
    assert bodies(store) == [event("a"), event("b")]


def test_a_document_that_was_cut_off(store, tmp_path):
    """Half a document is one entry of quarantine, whole, and not one for each of its lines."""
    file = tmp_path / "event.json"
    file.write_bytes(json.dumps(json.loads(event()), indent=2).encode()[:-20])
    assert counts(ingest(store, [file])) == (0, 0, 1)
    (entry,) = quarantined(store)
    assert (entry.body, entry.reason_code, entry.source) == (file.read_bytes(), "cut_off", "event.json")
    assert "ends in the middle" in entry.reason


def test_an_array_that_was_cut_off(store, tmp_path):
    """The elements before the cut are appended, the rest is put aside."""
    file = tmp_path / "events.json"
    file.write_bytes(b"[" + event("a") + b", " + event("b") + b", " + event("c")[:30])
    assert counts(ingest(store, [file])) == (2, 0, 1)
    (entry,) = quarantined(store)
    assert (entry.body, entry.reason_code) == (event("c")[:30], "cut_off")


def test_a_damaged_element_does_not_take_the_rest(store, tmp_path):
    """An element that is not JSON is put aside, its neighbours are appended."""
    file = tmp_path / "events.json"
    file.write_bytes(b"[" + b",".join([event("a"), b"{nope}", b"", b"7", event("b")]) + b"] tail")
    assert counts(ingest(store, [file])) == (2, 0, 4)
    assert bodies(store) == [event("a"), event("b")]
    assert [(entry.body, entry.source) for entry in quarantined(store)] == [
        (b"{nope}", "events.json: element 2"),
        (b"", "events.json: element 3"),
        (b"7", "events.json: element 4"),
        (b"tail", "events.json: behind the array"),
    ]


@pytest.mark.parametrize("form", [b"%s", b"%s\n", b"[%s]"])
def test_an_event_of_25_megabytes(store, tmp_path, form):
    """An event beyond the limit is put aside whole; the store verifies."""
    big = event(pad="x" * 25_000_000)
    file = tmp_path / "big.json"
    file.write_bytes(form % big)
    assert counts(ingest(store, [file])) == (0, 0, 1)
    (entry,) = quarantined(store)
    assert entry.reason_code == "too_large"
    assert entry.body == big
    assert verify_ok(store)


@pytest.mark.parametrize("content", [b"", b"\n\n  \r\n", b"[]", b" [ \n ] "])
def test_nothing_in_a_file(store, tmp_path, content):
    """An empty file, blanks, or an empty array hold no event and no mistake."""
    file = tmp_path / "empty.json"
    file.write_bytes(content)
    assert counts(ingest(store, [file])) == (0, 0, 0)


@pytest.mark.parametrize(
    "content", [b"null", b"7", b'"text"', b"{", b"]", b"\xff\xfe", b"\x00", b"a,b\n1,2\n", b"[" * 100_000]
)
def test_no_events_in_a_file(store, tmp_path, content):
    """A file of something else is put aside whole and stops nothing."""
    file, good = tmp_path / "other.json", tmp_path / "good.json"
    file.write_bytes(content)
    good.write_bytes(event())
    assert counts(ingest(store, [file, good])) == (1, 0, 1)
    assert quarantined(store)[0].reason_code in ("not_json", "not_openlineage", "cut_off")
    assert quarantined(store)[0].body in content


def test_a_file_that_cannot_be_read(store, tmp_path):
    """A missing file is an error of the caller; the files before it are stored."""
    good = tmp_path / "good.json"
    good.write_bytes(event())
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ingest(store, [good, tmp_path / "none.json"])
    assert store.size() == 1


def test_many_lines_go_in_several_transactions(store, settings, tmp_path):
    """A long file is stored in batches."""
    file = tmp_path / "many.jsonl"
    file.write_bytes(b"".join(event(str(number)) + b"\n" for number in range(2500)))
    seen = []
    assert ingest(store, [file], progress=lambda *done: seen.append(done)).appended == 2500
    assert seen == [(1, 1)]
    assert verify(settings).ok


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
blanks = st.text(" \t\r\n", max_size=3).map(str.encode)
elements = st.lists(
    st.tuples(blanks, st.tuples(values, st.booleans(), st.sampled_from([None, 1])), blanks).map(
        lambda made: (made[0], json.dumps(made[1][0], ensure_ascii=made[1][1], indent=made[1][2]), made[2])
    ),
    max_size=8,
).map(lambda made: [(before, text.encode("utf-8", "surrogatepass"), after) for before, text, after in made])


def array(parts):
    return b"[" + b",".join(before + body + after for before, body, after in parts) + b"]"


@given(elements, blanks, blanks)
def test_splitting_an_array_gives_its_elements(parts, before, after):
    """For any JSON values and blanks the pieces are exactly the bytes of the elements."""
    assert [piece.body for piece in split(before + array(parts) + after)] == [body for _, body, _ in parts]


@given(elements, st.data())
def test_splitting_a_cut_array_keeps_what_is_whole(parts, data):
    """Wherever an array was cut off, the elements that were whole come first, and at most one piece is the rest."""
    whole = array(parts)
    at = data.draw(st.integers(1, len(whole) - 1)) if len(whole) > 2 else 1
    found = list(split(whole[:at]))
    complete, end = [], 1
    for before, body, after in parts:
        end += len(before) + len(body) + len(after) + 1
        if end <= at:
            complete.append(body)
    assert [piece.body for piece in found][: len(complete)] == complete
    assert len(found) <= len(complete) + 1
    assert all(piece.cut for piece in found[len(complete) :])


@given(st.binary(max_size=60) | st.text('[]{},:" \\\n1a', max_size=60).map(str.encode))
@example(b"[}")
@example(b"[{]")
@example(b'["')
@example(b"[1]]")
def test_splitting_loses_no_byte(data):
    """Whatever a file holds: every byte but blanks, commas and square brackets is in exactly one piece."""
    found = b"".join(piece.body for piece in split(data))
    outside = b" \t\r\n,[]"
    assert Counter(found.translate(None, outside)) == Counter(data.translate(None, outside))
    assert len(found) <= len(data)


@given(
    st.lists(values.map(lambda value: f" {json.dumps({'a': value})}\t"), max_size=8), st.sampled_from([b"\n", b"\r\n"])
)
def test_splitting_lines(tmp_path_factory, lines, end):
    """Lines come with their bytes and without their ends, and blank ones are passed over."""
    file = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    file.write_bytes(b"".join(line.encode() + end + end for line in lines))
    assert [piece.body for piece in pieces(file)] == [line.encode() for line in lines]
