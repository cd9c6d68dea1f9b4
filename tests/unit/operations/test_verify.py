"""Verification from the command line's side: which store, which key, which checkpoint."""

from __future__ import annotations

import shutil

import pytest

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.operations import open_record
from orchestrail.operations.checkpoint import checkpoint
from orchestrail.operations.verify import verify
from orchestrail.settings import Settings
from orchestrail.store.base import Incoming


@pytest.fixture
def filled(store):
    store.append([Incoming(b"{}", "test")])
    return store


def test_the_store_of_the_settings(settings, filled):
    """Without a target it is the configured store, with the key of the home."""
    found = verify(settings)
    assert (found.ok, found.size, found.notes) == (True, 1, ())


def test_a_checkpoint_is_confirmed_later(settings, filled, tmp_path):
    """A checkpoint written to a file is contained in the log that grew since."""
    head = checkpoint(filled, tmp_path / "note")
    assert (tmp_path / "note").read_bytes() == head.note
    filled.append([Incoming(b"[]", "test")])
    assert verify(settings, against=str(tmp_path / "note")).ok
    (tmp_path / "note").write_bytes(head.note[:-1])
    assert not verify(settings, against=str(tmp_path / "note")).ok


def test_files_that_cannot_be_used(settings, filled, tmp_path):
    """A checkpoint that is not there, or cannot be written, is an error of the caller."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        verify(settings, against=str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="cannot be written"):
        checkpoint(filled, tmp_path / "none" / "note")


@pytest.mark.parametrize("form", ["file", "folder", "url"])
def test_another_store(settings, filled, tmp_path, form):
    """A copy is checked with the key that the reader has pinned, however it is named."""
    filled.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(settings.home / "audit.db", copy / "audit.db")
    target = {"file": str(copy / "audit.db"), "folder": str(copy), "url": f"sqlite:///{copy / 'audit.db'}"}[form]
    assert verify(settings, target).notes == ()
    assert verify(Settings(home=tmp_path / "nobody"), target).notes != ()


def test_a_store_of_somebody_else(settings, filled, tmp_path):
    """The own home pins no key of another log, and need not."""
    other = Settings(home=tmp_path / "other")
    with open_record(other, create=True) as theirs:
        theirs.append([Incoming(b"{}", "test")])
    found = verify(settings, str(other.home))
    assert (found.ok, found.notes) == (True, ())


def test_an_exchanged_store(settings, filled, tmp_path):
    """Another log in the place of the configured one is found, although it verifies by itself."""
    other = Settings(home=tmp_path / "other")
    open_record(other, create=True).close()
    filled.close()
    shutil.copy(other.home / "audit.db", settings.home / "audit.db")
    assert [problem.table for problem in verify(settings).problems] == ["key"]


def test_no_store(settings, tmp_path):
    """A store that does not exist is said to, and not made."""
    with pytest.raises(StoreError, match="no audit store"):
        verify(settings)
    with pytest.raises(StoreError):
        verify(settings, str(tmp_path / "none.db"))
    with pytest.raises(ConfigurationError):
        verify(settings, "ftp://host/x")
    assert not settings.home.exists()
