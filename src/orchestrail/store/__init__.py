"""The append-only audit log: tables, tree, signed checkpoints, verification. No meaning of events lives here.

`open_store` is the door. What an event says is the matter of `orchestrail.events` and `orchestrail.projections`; what may be
appended, and when, is decided in `orchestrail.operations`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrail.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestrail.store.base import Progress, Store, Verification
    from orchestrail.store.outside import Growth
    from orchestrail.store.postgresql import PostgresStore

_SERVER = "postgresql"


def open_store(url: str, *, home: Path, create: bool = False) -> Store:
    """Open the audit store that a URL names.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://user:password@host:port/database`.
        home: folder that holds `keys/`, with the signing key of the store.
        create: make the store, and its keys, where there is none.

    Raises:
        ConfigurationError: the URL names no kind of store that is supported, or what that needs is not installed.
        StoreError: the store is missing, damaged, not ours, or of a newer version.
    """
    if _is_server(url):
        return _server_store().open(url, home=home, create=create)
    from orchestrail.store.sqlite import SqliteStore

    return SqliteStore.open(_path(url), home=home, create=create)


def verify_store(
    url: str,
    home: Path,
    progress: Progress | None = None,
    against: bytes | None = None,
    trusted: Sequence[Path] = (),
    growth: Growth | None = None,
) -> Verification:
    """Recompute the audit store that a URL names, without writing anything.

    Args:
        url: as for `open_store`.
        home: the store's own home: where its `keys/` pins public keys, the one of this log must be among them.
        progress: called with entries done and entries there are.
        against: a signed checkpoint from outside that this log shall contain.
        trusted: other homes; a key that one of them pins for this log counts before that of `home`.
        growth: of the log that the checkpoint is of, where that log can be asked: it may be the longer one then.

    Raises:
        ConfigurationError: the URL names no kind of store that is supported, or what that needs is not installed.
        StoreError: there is no store, or it is of another schema version.
    """
    if _is_server(url):
        return _server_store().verify_at(url, home, progress, against, trusted, growth)
    from orchestrail.store.sqlite import verify_file

    return verify_file(_path(url), home, progress, against, trusted, growth)


def copy_store(source: str, target: str, home: Path, progress: Progress | None = None) -> Verification:
    """Copy the log of a store, which may be in use, to a place that holds none, and verify the copy before it counts.

    Args:
        source: URL of the store, which stays as it is.
        target: URL of the copy.
        home: folder that holds `keys/`, which pins the key of the log.
        progress: called with the rows written and those there are.

    Raises:
        ConfigurationError: a URL cannot be read, or what it needs is not installed.
        StoreError: one of the two cannot be used, or the copy does not verify: then nothing was copied.
    """
    from orchestrail.store.sqlite import copied_file, reading_file

    held = _server_store().held_still(source) if _is_server(source) else reading_file(_path(source))
    with held as session:
        if _is_server(target):
            return _server_store().copied(target, home, session, progress)
        return copied_file(_path(target), home, session, progress)


def remember_checkpoint(url: str, home: Path, note: bytes) -> None:
    """Keep a checkpoint that came from outside: a log that lacks it signs nothing.

    Args:
        url: of the store.
        home: where it is kept.
        note: the checkpoint.

    Raises:
        ConfigurationError: it is none, or not signed by the key of this log.
        StoreError: there is no store, or it cannot be read.
    """
    from orchestrail.store.note import NoteError

    try:
        open_store(url, home=home).remember(note)
    except NoteError as error:
        raise ConfigurationError(
            "The checkpoint cannot be used.",
            f"It is none of this log: {error}.",
            "Name a file of `orchestrail checkpoint`.",
        ) from error


def store_exists(url: str) -> bool:
    """Whether there is a store where a URL says.

    Args:
        url: as for `open_store`.

    Raises:
        ConfigurationError: the URL names no kind of store that is supported, or what that needs is not installed.
        StoreError: the server of the store cannot be reached, or refuses.
    """
    if _is_server(url):
        return _server_store().exists_at(url)
    return _path(url).exists()


def store_file(url: str) -> Path | None:
    """Return the file that is the store of a URL; None where it is on a server.

    Raises:
        ConfigurationError: the URL names no kind of store that is supported.
    """
    return None if _is_server(url) else _path(url)


def store_name(url: str) -> str:
    """Name the store of a URL for people, without a password.

    Raises:
        ConfigurationError: the URL cannot be read, or names no kind of store that is supported.
    """
    return _server_store().name_of(url) if _is_server(url) else str(_path(url))


def _is_server(url: str) -> bool:
    return url.partition("://")[0] == _SERVER


def _server_store() -> type[PostgresStore]:
    try:
        from orchestrail.store.postgresql import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise ConfigurationError(
            "A store in PostgreSQL cannot be used here.",
            "The package psycopg is not installed.",
            "Install orchestrail[postgresql].",
        ) from error
    return PostgresStore


def _path(url: str) -> Path:
    scheme, separator, rest = url.partition(":///")
    if not separator or scheme != "sqlite" or not rest:
        raise ConfigurationError(
            f"The store {url.partition('@')[2] or url!r} is not of a kind that this version supports.",
            "A store is a SQLite file or a PostgreSQL database.",
            "Set ORCHESTRAIL_STORE to sqlite:///path/to/audit.db or postgresql://user@host/database.",
        )
    return Path(rest).expanduser()
