"""Copies of the record, and a record that was put back from one: what it lacks of what it had signed is told, and stops it."""

from __future__ import annotations

import shutil
import sqlite3
import threading

import pytest

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.operations import open_record
from orchestrail.operations.backup import backup, recover, restore
from orchestrail.operations.checkpoint import checkpoint
from orchestrail.operations.verify import verify
from orchestrail.queries.snapshot import snapshot
from orchestrail.settings import Settings
from orchestrail.store import open_store
from orchestrail.testing.stores import foreign, quarantined, rewrite, spooled

WHY = "The disk failed, and the copy was of the night before."


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def store(settings):
    return open_record(settings, create=True)


def lose(settings):
    """Take the store away, as a disk does that fails."""
    for path in settings.home.glob("audit.db*"):
        path.unlink()


def contents(settings):
    with open_record(settings) as store:
        return [record.body for record in store.records()], store.checkpoint()


def fallen_back(settings, store, tmp_path):
    """Put a copy of five events back, where eight had been signed."""
    store.append([spooled(number) for number in range(5)])
    backup(settings, tmp_path / "copy.db")
    store.append([spooled(number) for number in range(5, 8)])
    checkpoint(store, tmp_path / "kept.note")
    store.close()
    lose(settings)
    return restore(settings, tmp_path / "copy.db")


def test_a_copy_put_back_is_the_same_log(settings, store, tmp_path):
    """Bytes, checkpoints, quarantine and what is known of other producers' events; it goes on as if nothing had been."""
    store.append([spooled(0), foreign(1)])
    store.quarantine(b"no", "not_json", "Not JSON.", "a: line 1")
    before = contents(settings)
    backup(settings, tmp_path / "copy.db")
    store.close()
    lose(settings)
    restored = restore(settings, tmp_path / "copy.db")
    assert restored.behind is None
    assert (restored.verification.ok, contents(settings)) == (True, before)
    with open_record(settings) as again:
        assert (len(quarantined(again)), again.append([foreign(1), spooled(2)]).appended) == (1, 1)
    assert verify(settings).ok


def test_a_copy_is_made_while_others_append(settings, store, tmp_path):
    """What had been acknowledged when it began is in it, and it verifies."""
    store.append([spooled(number) for number in range(300)])
    enough = threading.Event()

    def work():
        number = 300
        while not enough.is_set():
            store.append([spooled(number)])
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        found = []
        for number in range(3):
            found.append(backup(settings, tmp_path / f"copy-{number}.db"))
            while store.size() == found[-1].size:  # the other thread may get no turn meanwhile
                thread.join(0.01)
                assert thread.is_alive()
    finally:
        enough.set()
        thread.join()
    assert all(one.ok and one.size >= 300 for one in found)
    assert len({one.size for one in found}) > 1


def test_a_log_that_fell_back_signs_nothing(settings, store, tmp_path):
    """It is told of when it is put back and when it is verified, and takes no event; the spool and the sender keep them."""
    restored = fallen_back(settings, store, tmp_path)
    assert (restored.behind.size, restored.behind.known_size, restored.behind.parted) == (5, 8, False)
    (problem,) = verify(settings).problems
    assert (problem.table, problem.place) == ("known", "size 8")
    with open_record(settings) as again, pytest.raises(StoreError, match="was not continued"):
        again.append([spooled(9)])
    assert len(contents(settings)[0]) == 5


def test_a_recovery_is_on_the_record_and_the_log_goes_on(settings, store, tmp_path):
    """Who says so, from which checkpoint to which, and what is lost; the checkpoint that is no more in it is still none of it."""
    fallen_back(settings, store, tmp_path)
    assert recover(settings, WHY, "operations").known_size == 8
    with open_record(settings) as again:
        assert again.append([spooled(5)]).appended == 1
        with snapshot(again) as record:
            (row,) = record.exec_driver_sql("SELECT known_size, size, lost, reason, by FROM proj_recovery")
    assert tuple(row) == (8, 5, 3, WHY, "operations")
    assert verify(settings).ok
    assert not verify(settings, against=str(tmp_path / "kept.note")).ok
    with pytest.raises(ConfigurationError, match="nothing to recover"):
        recover(settings, WHY, "operations")


def test_a_log_that_parted_is_told_of(settings, store, tmp_path):
    """Others went on from a copy elsewhere: as many entries as were signed, and not the same ones."""
    fallen_back(settings, store, tmp_path)
    shutil.rmtree(settings.home / "checkpoints")  # another machine, which had not seen the later checkpoint
    with open_record(settings) as again:
        again.append([spooled(number) for number in (20, 21, 22, 23)])
        again.remember((tmp_path / "kept.note").read_bytes())
    shutil.rmtree(settings.home / "checkpoints")
    with open_record(settings) as again:
        again.remember((tmp_path / "kept.note").read_bytes())
        assert again.behind().parted
    assert recover(settings, WHY, "operations").parted
    with open_record(settings) as again, snapshot(again) as record:
        assert record.exec_driver_sql("SELECT lost FROM proj_recovery").scalar() is None


def test_a_checkpoint_from_outside_counts(settings, store, tmp_path):
    """Where the home was lost with the store, what a keeper has shows it."""
    fallen_back(settings, store, tmp_path)
    lose(settings)
    shutil.rmtree(settings.home / "checkpoints")
    restored = restore(settings, tmp_path / "copy.db", tmp_path / "kept.note")
    assert restored.behind.known_size == 8


def put_back(settings, copy):
    """Put a copy in the place of the store, while that is open."""
    with sqlite3.connect(copy) as kept, sqlite3.connect(settings.home / "audit.db") as target:
        kept.backup(target)


def test_a_store_that_is_put_back_beneath_a_process_is_not_continued(settings, store, tmp_path):
    """The process knows what it had signed."""
    store.append([spooled(0)])
    backup(settings, tmp_path / "copy.db")
    store.append([spooled(1)])
    put_back(settings, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="was not continued"):
        store.append([spooled(2)])


@pytest.mark.parametrize("others", [1, 2, 5])
def test_others_who_go_on_from_a_copy_do_not_make_up_for_it(settings, store, tmp_path, others):
    """However many entries they have added: the process compares what it had signed, and does not forget it."""
    store.append([spooled(0)])
    backup(settings, tmp_path / "copy.db")
    store.append([spooled(1), spooled(2)])
    put_back(settings, tmp_path / "copy.db")
    shutil.copytree(
        settings.home / "keys", tmp_path / "other" / "keys"
    )  # the home of another machine, which knows no more
    with open_store(settings.store, home=tmp_path / "other") as other:
        other.append([spooled(number) for number in range(10, 10 + others)])
        with pytest.raises(StoreError, match="was not continued"):
            store.append([spooled(3)])
        assert other.append([spooled(20)]).appended == 1
    assert store.behind().known_size == 3


def test_a_home_that_cannot_be_written_leaves_what_is_known_to_the_process(settings, store, tmp_path):
    """Nothing is kept then for the next one."""
    (settings.home / "checkpoints").touch()
    backup(settings, tmp_path / "copy.db")
    store.append([spooled(1), spooled(2)])
    put_back(settings, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="was not continued"):
        store.append([spooled(3)])


def test_a_checkpoint_that_the_log_lacks_is_kept_beside_later_ones(settings, store, tmp_path):
    """Until the loss is on the record: a newer one of a log that parted says nothing of it. A process that runs goes on then."""
    store.append([spooled(0)])
    backup(settings, tmp_path / "copy.db")
    store.append([spooled(1)])
    put_back(settings, tmp_path / "copy.db")
    shutil.copytree(settings.home / "keys", tmp_path / "other" / "keys")
    with open_store(settings.store, home=tmp_path / "other") as other:
        other.append([spooled(5)])
        store.remember(other.checkpoint().note)  # of one size with what is known
        assert store.behind().parted
        other.append([spooled(6)])
        store.remember(other.checkpoint().note)
        assert (store.behind().known_size, store.behind().parted) == (2, True)
    recover(settings, WHY, "operations")
    assert store.append([spooled(7)]).appended == 1
    (kept,) = (settings.home / "checkpoints").glob("*/*")
    assert kept.name == str(store.size())


def flip(path):
    """Change one event in a copy, and leave no trace of it in the database."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER recent_update")
        rewrite(connection.execute, lambda _, payload: payload.replace(b"START", b"OTHER"))


@pytest.mark.parametrize("spoil", ["cut", "foreign", "altered", "gone"])
def test_what_is_no_sound_copy_is_not_put_back(settings, store, tmp_path, spoil):
    """An error of ours, and nothing where the store was to be."""
    store.append([spooled(number) for number in range(50)])
    copy = tmp_path / "copy.db"
    backup(settings, copy)
    store.close()
    lose(settings)
    if spoil == "cut":
        copy.write_bytes(copy.read_bytes()[: copy.stat().st_size // 2])
    elif spoil == "foreign":
        copy.write_bytes(b"no database\n" * 1000)
    elif spoil == "altered":
        flip(copy)
    else:
        copy.unlink()
    with pytest.raises(StoreError):
        restore(settings, copy)
    assert not list(settings.home.glob("*audit.db*"))


def test_a_copy_of_another_key_is_not_put_back(settings, store, tmp_path):
    """The home pins the key of the log that it is for."""
    other = Settings(home=tmp_path / "other")
    open_record(other, create=True).append([spooled(0)])
    backup(other, tmp_path / "copy.db")
    store.close()
    lose(settings)
    with pytest.raises(StoreError, match="pins keys of other logs"):
        restore(settings, tmp_path / "copy.db")


def test_nothing_that_is_there_is_written_over(settings, store, tmp_path):
    """Neither a store by a copy, nor a file by a backup."""
    store.append([spooled(0)])
    backup(settings, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="already"):
        backup(settings, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="already"):
        restore(settings, tmp_path / "copy.db")


def test_a_checkpoint_of_another_log_counts_for_nothing(settings, store, tmp_path):
    """Neither for putting back nor for recovering."""
    other = Settings(home=tmp_path / "other")
    with open_record(other, create=True) as another:
        another.append([spooled(0)])
        checkpoint(another, tmp_path / "other.note")
    store.append([spooled(0)])
    with pytest.raises(ConfigurationError, match="none of this log"):
        recover(settings, WHY, "operations", tmp_path / "other.note")
