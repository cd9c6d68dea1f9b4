"""Tokens: what is kept of them, what they are good for, and when they end."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrail.errors import ConfigurationError, StoreError
from orchestrail.operations.tokens import Scope, Tokens


def test_token_is_recognised_and_not_kept(tmp_path: Path) -> None:
    """Its digest alone lies in the home, readable by its owner alone."""
    tokens = Tokens(tmp_path)
    kept, text = tokens.create("airflow", [Scope.WRITE], ["scoring"])

    found = Tokens(tmp_path).find(text)

    assert found == kept
    assert (kept.name, kept.scopes, kept.systems) == ("airflow", ("write",), ("scoring",))
    file = tmp_path / "tokens.json"
    assert text[len("orct_00000000_") :] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"), lambda text: "", str.upper]
)
def test_what_is_no_token_is_none(tmp_path: Path, change: object) -> None:
    """One letter is enough."""
    tokens = Tokens(tmp_path)
    _, text = tokens.create("airflow", [Scope.WRITE])
    assert tokens.find(change(text)) is None


def test_token_that_another_process_revokes_counts_no_more(tmp_path: Path) -> None:
    """The file is looked at again when it changes."""
    here, there = Tokens(tmp_path), Tokens(tmp_path)
    kept, text = here.create("airflow", [Scope.READ])
    assert there.find(text)

    here.revoke(kept.id)

    assert there.find(text) is None
    assert there.all()[0].revoked_at is not None
    assert there.exist


def test_token_ends_by_itself(tmp_path: Path) -> None:
    """After its days it does not count."""
    tokens = Tokens(tmp_path)
    assert tokens.find(tokens.create("long", [Scope.READ], lasts=timedelta(days=1))[1])
    assert tokens.find(tokens.create("over", [Scope.READ], lasts=timedelta(seconds=-1))[1]) is None


def test_token_for_nothing_is_not_made(tmp_path: Path) -> None:
    """No scope, no name, no system of a list, or administration of one system: wrong use."""
    tokens = Tokens(tmp_path)
    for name, scopes, systems in (
        ("a", [], None),
        (" ", [Scope.READ], None),
        ("a", [Scope.READ], []),
        ("a", [Scope.ADMIN], ["s"]),
    ):
        with pytest.raises(ConfigurationError):
            tokens.create(name, scopes, systems)
    with pytest.raises(ConfigurationError):
        tokens.revoke("00000000")
    assert not tokens.exist


def test_damaged_file_lets_nobody_in(tmp_path: Path) -> None:
    """A file that cannot be read is no list without tokens."""
    tokens = Tokens(tmp_path)
    _, text = tokens.create("airflow", [Scope.WRITE])
    (tmp_path / "tokens.json").write_text('{"tokens": [{}]}')
    with pytest.raises(StoreError):
        tokens.find(text)
    assert tokens.exist
