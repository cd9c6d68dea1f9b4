"""The spool into the store: everything once, in the order of time, and nothing silently."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from orchestrail.errors import SpoolError, StoreError
from orchestrail.operations import collect as module
from orchestrail.operations import open_record
from orchestrail.operations.collect import collect, spool_lock
from orchestrail.operations.verify import verify
from orchestrail.settings import Settings
from orchestrail.testing.stores import quarantined
from orchestrail.transport.segments import read_segment, segments
from orchestrail.transport.spool import Spool


def event(name):
    values = {
        "eventTime": "2026-03-01T12:00:00Z",
        "eventType": "START",
        "producer": "urn:test",
        "schemaURL": "urn:schema",
        "run": {"runId": "01960000-0000-7000-8000-000000000000"},
        "job": {"namespace": "tests", "name": str(name)},
    }
    return json.dumps(values).encode()


def names(store):
    return [json.loads(record.body)["job"]["name"] for record in store.records()]


def segment(folder, emitter, lines, end=b""):
    """Write a segment that its owner has left; a line is (counter, time, event)."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{emitter}.seg"
    rows = [b"orchestrail-spool 1 %s {}\n" % emitter.encode()]
    for counter, moment, body in lines:
        nonce = f"{counter:032x}{emitter}".encode()
        rows.append(b"%d %d %s %s\n" % (counter, moment, nonce, body))
    path.write_bytes(b"".join(rows) + end)
    return path


A, B = "a" * 32, "b" * 32


def counts(result):
    return result.appended, result.duplicates, result.quarantined


def test_nothing_to_collect(settings, store):
    """A spool that does not exist yet is an empty one."""
    assert counts(collect(settings, store)) == (0, 0, 0)


def test_a_closed_segment_is_taken_and_deleted(settings, store):
    """All events are in the log with the bytes that were spooled, and the segment is gone."""
    spool = Spool(settings.spool)
    for number in range(3):
        spool.append(event(number))
    spool.close()
    assert counts(collect(settings, store)) == (3, 0, 0)
    assert [record.body for record in store.records()] == [event(number) for number in range(3)]
    assert segments(settings.spool) == []


def test_an_open_segment_is_read_and_kept(settings, store):
    """What a living process has written is collected at once; what follows is collected later, and nothing twice."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    assert counts(collect(settings, store)) == (1, 0, 0)
    assert len(segments(settings.spool)) == 1
    spool.append(event(1))
    assert counts(collect(settings, store)) == (1, 1, 0)
    spool.close()
    assert counts(collect(settings, store)) == (0, 2, 0)
    assert segments(settings.spool) == []
    assert names(store) == ["0", "1"]


def test_an_unfinished_line_of_an_open_segment_is_left_alone(settings, store):
    """A line that is being written is neither collected nor quarantined."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    (path,) = segments(settings.spool)
    with path.open("ab") as file:
        file.write(b"\n2 17")
    assert counts(collect(settings, store)) == (1, 0, 0)
    spool.close()
    assert counts(collect(settings, store)) == (0, 1, 1)
    (entry,) = quarantined(store)
    assert (entry.body, entry.reason_code) == (b"2 17", "cut_off")


def test_lines_are_merged_by_time(settings, store):
    """Events of several processes stand in the log in the order in which they were spooled."""
    segment(settings.spool, A, [(1, 10, event("a1")), (2, 30, event("a2")), (3, 31, event("a3"))])
    segment(settings.spool, B, [(1, 20, event("b1")), (2, 30, event("b2")), (3, 40, event("b3"))])
    collect(settings, store)
    assert names(store) == ["a1", "b1", "a2", "b2", "a3", "b3"]


@hypothesis(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.lists(st.integers(1, 50), max_size=12).map(sorted), max_size=5), st.integers(1, 4))
def test_merging_is_sorting(tmp_path_factory, monkeypatch, processes, batch):
    """Whatever the processes wrote and in whatever batches it is stored: the log is sorted by time, emitter and counter."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    monkeypatch.setattr(module, "BATCH", batch)
    expected = []
    for number, times in enumerate(processes):
        emitter = f"{number:032x}"
        lines = [(counter, moment, event(f"{number}-{counter}")) for counter, moment in enumerate(times, start=1)]
        segment(settings.spool, emitter, lines)
        expected += [(moment, emitter, counter, f"{number}-{counter}") for counter, moment, _ in lines]
    with open_record(settings, create=True) as store:
        result = collect(settings, store)
        assert names(store) == [name for *_, name in sorted(expected)]
    assert result.appended == len(expected)
    assert segments(settings.spool) == []


def test_a_clock_that_was_set_back_does_not_turn_a_process_round(settings, store):
    """Within one process the order of writing holds, whatever its clock did."""
    segment(settings.spool, A, [(1, 100, event("a1")), (2, 50, event("a2")), (3, 120, event("a3"))])
    segment(settings.spool, B, [(1, 110, event("b1"))])
    collect(settings, store)
    assert names(store) == ["a1", "a2", "b1", "a3"]


def test_a_clock_that_is_ahead_holds_nothing_back(settings, store):
    """Events that claim to come from the future are collected like the others, behind them."""
    ten_years = time.time_ns() + 10 * 365 * 86400 * 10**9
    segment(settings.spool, A, [(1, ten_years, event("a1")), (2, ten_years + 1, event("a2"))])
    segment(settings.spool, B, [(1, 10, event("b1"))])
    collect(settings, store)
    assert names(store) == ["b1", "a1", "a2"]
    assert segments(settings.spool) == []


def test_what_comes_during_a_collection_waits_for_the_next(settings, store, monkeypatch):
    """A line spooled after the collection began stays, so that it cannot overtake what it was caused by."""
    started = time.time_ns()
    segment(settings.spool, A, [(1, started - 10, event("early")), (2, started + 10, event("late"))])
    monkeypatch.setattr(module.time, "time_ns", iter([started, started + 100, started + 200, started + 300]).__next__)
    assert counts(collect(settings, store)) == (1, 0, 0)
    assert len(segments(settings.spool)) == 1
    assert counts(collect(settings, store)) == (1, 1, 0)
    assert segments(settings.spool) == []
    assert names(store) == ["early", "late"]


def test_refused_bytes_are_quarantined_once(settings, store):
    """Lines that are no records, events that are none, and a torn end: each with its reason, however often it is read."""
    path = segment(
        settings.spool,
        A,
        [(1, 10, event("good")), (2, 11, b"{not json"), (3, 12, b'{"json": true}'), (0, 13, event("zero"))],
        end=b"garbage\n\n5 14 cut",
    )
    kept = path.read_bytes()
    assert counts(collect(settings, store)) == (1, 0, 5)
    assert {entry.body: entry.reason_code for entry in quarantined(store)} == {
        b"{not json": "not_json",
        b'{"json": true}': "not_openlineage",
        event("zero"): "malformed_line",
        b"garbage": "malformed_line",
        b"5 14 cut": "cut_off",
    }
    assert all(entry.reason and A in entry.source for entry in quarantined(store))
    assert segments(settings.spool) == []
    path.write_bytes(kept)
    assert counts(collect(settings, store)) == (0, 1, 0)
    assert len(quarantined(store)) == 5
    assert verify(settings).ok


def test_equal_damage_at_two_places_is_two_entries(settings, store):
    """Two lines that read the same were both lost."""
    segment(settings.spool, A, [], end=b"x\nx\n")
    assert counts(collect(settings, store)) == (0, 0, 2)


def test_a_segment_without_heading_loses_only_its_name(settings, store):
    """Where the heading is damaged, the heading goes to quarantine and the events are kept."""
    path = segment(settings.spool, A, [(1, 10, event("a1"))])
    path.write_bytes(path.read_bytes().replace(b"orchestrail-spool", b"orchestrail-spo_l"))
    assert counts(collect(settings, store)) == (1, 0, 1)
    assert names(store) == ["a1"]
    assert segments(settings.spool) == []
    assert verify(settings).ok


@pytest.mark.parametrize("content", [b"", b"\n", b"x", b"\x00" * 5000, b"\xff\n\xfe\n"])
def test_a_file_that_is_no_segment(settings, store, content):
    """Whatever lies in the spool under the name of a segment is taken as a whole or to quarantine, and never stops a collection."""
    settings.spool.mkdir(parents=True)
    (settings.spool / f"{A}.seg").write_bytes(content)
    segment(settings.spool, B, [(1, 10, event("b1"))])
    collect(settings, store)
    assert names(store) == ["b1"]
    assert segments(settings.spool) == []
    held = b"".join(entry.body for entry in quarantined(store))
    assert held.strip(b"\n") == content.replace(b"\n", b"").strip(b"\n")
    assert verify(settings).ok


def test_a_newer_segment_stops_itself_only(settings, store):
    """A segment of a later version is left, named, and does not keep the others from being collected."""
    path = segment(settings.spool, A, [(1, 10, event("a1"))])
    path.write_bytes(path.read_bytes().replace(b"spool 1", b"spool 2"))
    segment(settings.spool, B, [(1, 10, event("b1"))])
    with pytest.raises(SpoolError, match="cannot be read"):
        collect(settings, store)
    assert names(store) == ["b1"]
    assert segments(settings.spool) == [path]


def test_another_folder_can_be_collected(settings, store, tmp_path):
    """`--from` reads a folder that was shipped, and leaves the own spool alone."""
    segment(tmp_path / "other", A, [(1, 10, event("a1"))])
    segment(settings.spool, B, [(1, 10, event("b1"))])
    assert counts(collect(settings, store, tmp_path / "other")) == (1, 0, 0)
    assert names(store) == ["a1"]
    assert len(segments(settings.spool)) == 1


def test_gaps_in_the_numbering_are_kept(settings, store):
    """A number that never came is a gap, until it comes."""
    segment(settings.spool, A, [(1, 10, event("a1")), (3, 11, event("a3")), (4, 12, b"{}")])
    collect(settings, store)
    assert [(gap.emitter, gap.missing) for gap in store.gaps()] == [(A, ((2, 2),))]
    segment(settings.spool, A, [(2, 11, event("a2"))])
    collect(settings, store)
    assert store.gaps() == []


def test_many_events_go_in_several_transactions(settings, store):
    """A long spool is stored in batches, each with its checkpoint, and the progress counts segments."""
    for emitter in (A, B):
        segment(settings.spool, emitter, [(n, n, event(f"{emitter[0]}{n}")) for n in range(1, 1301)])
    seen = []
    assert collect(settings, store, progress=lambda *done: seen.append(done)).appended == 2600
    assert seen == [(1, 2), (2, 2)]
    assert store.size() == 2600
    assert verify(settings).ok


def test_a_segment_goes_only_after_its_last_event_is_stored(settings, store, monkeypatch):
    """When the store fails in the middle, what was not stored is still in the spool."""
    monkeypatch.setattr(module, "BATCH", 2)
    segment(settings.spool, A, [(n, n, event(f"a{n}")) for n in range(1, 6)])
    whole = store.append
    calls = []

    def failing(*batch):
        calls.append(batch)
        if len(calls) == 2:
            raise StoreError("The store could not be written.")
        return whole(*batch)

    monkeypatch.setattr(store, "append", failing)
    with pytest.raises(StoreError):
        collect(settings, store)
    assert names(store) == ["a1", "a2"]
    assert len(segments(settings.spool)) == 1
    assert counts(collect(settings, store)) == (3, 2, 0)
    assert names(store) == ["a1", "a2", "a3", "a4", "a5"]


def test_a_segment_that_cannot_be_deleted_is_named(settings, store, monkeypatch):
    """A collection from a medium that cannot be written succeeds and says what it had to leave."""
    segment(settings.spool, A, [(1, 10, event("a1"))])

    def refused(kept):
        raise SpoolError(f"The segment {kept.path.name} cannot be deleted.")

    monkeypatch.setattr(module, "release", refused)
    result = collect(settings, store)
    assert result.appended == 1
    assert A in result.kept[0]


def test_a_held_lock_is_an_error_of_ours(settings, store, monkeypatch):
    """A collector that waits too long for another one says so."""
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with spool_lock(settings), pytest.raises(StoreError, match="is held"):
        collect(settings, store)
    assert counts(collect(settings, store)) == (0, 0, 0)


def test_memory_holds_only_what_overlaps(settings, store, monkeypatch):
    """Segments that follow one another in time are read one after the other."""
    for number in range(6):
        spool = Spool(settings.spool)
        for n in range(3):
            spool.append(event(f"{number}-{n}"))
        spool.close()
    open_at_once, most = set(), []

    def reading(path: Path):
        open_at_once.add(path)
        most.append(len(open_at_once))
        return read_segment(path)

    def released(kept):
        open_at_once.discard(kept.path)
        os.unlink(kept.path)  # noqa: PTH108

    monkeypatch.setattr(module, "BATCH", 1)
    monkeypatch.setattr(module, "read_segment", reading)
    monkeypatch.setattr(module, "release", released)
    assert collect(settings, store).appended == 18
    assert max(most) <= 2
