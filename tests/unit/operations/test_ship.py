"""The spool to another folder."""

from __future__ import annotations

import os
import stat

import pytest

from orchestrail.errors import ConfigurationError, SpoolError
from orchestrail.operations.collect import collect
from orchestrail.operations.ship import ship
from orchestrail.transport.segments import read_segment, segments
from orchestrail.transport.spool import Spool


def event(number):
    return (
        b'{"eventTime":"2026-03-01T12:00:00Z","producer":"p","schemaURL":"s","job":{"namespace":"n","name":"%d"}}'
        % number
    )


def test_closed_segments_move(settings, store, tmp_path):
    """A closed segment arrives byte for byte and is gone from the spool."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    spool.close()
    content = segments(settings.spool)[0].read_bytes()
    result = ship(settings, tmp_path / "to")
    assert (result.moved, result.copied) == (1, 0)
    (arrived,) = segments(tmp_path / "to")
    assert arrived.read_bytes() == content
    assert segments(settings.spool) == []
    assert collect(settings, store, tmp_path / "to").appended == 1


def test_open_segments_are_copied_to_their_last_line(settings, store, tmp_path):
    """What a living process has written so far is sent; a line in the making is not."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    (path,) = segments(settings.spool)
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b"2 17")
    result = ship(settings, tmp_path / "to")
    assert (result.moved, result.copied) == (0, 1)
    (arrived,) = segments(tmp_path / "to")
    assert arrived.read_bytes() == whole
    assert path.read_bytes() == whole + b"2 17"
    result = collect(settings, store, tmp_path / "to")
    assert (result.appended, result.quarantined) == (1, 0)
    spool.close()


def test_shipping_again_changes_nothing(settings, tmp_path):
    """A copy that has arrived is not written again."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    ship(settings, tmp_path / "to")
    (arrived,) = segments(tmp_path / "to")
    before = arrived.stat()
    ship(settings, tmp_path / "to")
    (again,) = segments(tmp_path / "to")
    assert (again, again.stat().st_ino, again.stat().st_mtime_ns) == (arrived, before.st_ino, before.st_mtime_ns)
    spool.close()


def test_a_longer_copy_stands_beside_the_shorter(settings, store, tmp_path):
    """No copy replaces another that may just be collected; their common events count once."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    ship(settings, tmp_path / "to")
    spool.append(event(1))
    spool.close()
    ship(settings, tmp_path / "to")
    assert len(segments(tmp_path / "to")) == 2
    assert {read_segment(path).emitter for path in segments(tmp_path / "to")} == {
        segments(tmp_path / "to")[0].stem.partition("-")[0]
    }
    result = collect(settings, store, tmp_path / "to")
    assert (result.appended, result.duplicates, result.quarantined) == (2, 1, 0)
    assert store.gaps() == []


def test_a_shipped_spool_can_be_shipped_on(settings, store, tmp_path):
    """A folder between two hosts keeps the segments' names."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    spool.close()
    ship(settings, tmp_path / "first")
    ship(settings.model_copy(update={"spool": tmp_path / "first"}), tmp_path / "second")
    (arrived,) = segments(tmp_path / "second")
    assert arrived.stem.count("-") == 1
    assert segments(tmp_path / "first") == []
    assert collect(settings, store, tmp_path / "second").appended == 1


def test_nothing_to_ship(settings, tmp_path):
    """A spool that does not exist yet is an empty one."""
    result = ship(settings, tmp_path / "to")
    assert (result.moved, result.copied) == (0, 0)


def test_the_spool_itself_is_no_target(settings):
    """Shipping onto itself would delete what it copies."""
    settings.spool.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="is the spool itself"):
        ship(settings, settings.spool)


def test_a_target_that_cannot_be_written_keeps_the_spool(settings, tmp_path):
    """What has not arrived is not deleted."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    spool.close()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SpoolError, match="could not be shipped"):
        ship(settings, tmp_path / "file")
    assert len(segments(settings.spool)) == 1


def test_copies_are_private_unless_the_folder_is_shared(settings, tmp_path):
    """A folder with the setgid bit is one that a group shares; all others are for the owner alone."""
    shared = tmp_path / "shared"
    shared.mkdir()
    os.chmod(shared, 0o2770)  # noqa: PTH101
    spool = Spool(settings.spool)
    spool.append(event(0))
    for folder, mode in ((tmp_path / "own", 0o600), (shared, 0o660)):
        ship(settings, folder)
        assert stat.S_IMODE(segments(folder)[0].stat().st_mode) == mode
    spool.close()


def test_no_temporary_file_is_left(settings, tmp_path, monkeypatch):
    """A shipment that fails on its way leaves neither half a segment nor a temporary file."""
    spool = Spool(settings.spool)
    spool.append(event(0))
    spool.close()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpoolError, match="No space"):
        ship(settings, tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []
    assert len(segments(settings.spool)) == 1
