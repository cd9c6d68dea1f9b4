"""Proving that the record was not altered: which log, under which key, against which checkpoint; and that the tables beside it are
what it gives. Nothing is written.

The recomputing itself is `orchestrail.store.verify`, and `served` where a server is all that can be asked; that of the tables is
`derived`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrail.errors import ConfigurationError
from orchestrail.operations import open_record
from orchestrail.operations.derived import with_tables
from orchestrail.operations.remote import Server
from orchestrail.operations.served import ServedLog, verify_served
from orchestrail.requirements.catalogue import catalogue_in_force
from orchestrail.settings import Settings
from orchestrail.store import store_file, verify_store
from orchestrail.store.base import Compared, Problem, Progress, Tables, Verification

__all__ = ["Compared", "Tables", "Verification", "verify"]

MAX_CHECKPOINT = 64 * 1024


def verify(
    settings: Settings,
    target: str | None = None,
    against: str | None = None,
    progress: Progress | None = None,
    applying: Progress | None = None,
    judging: Progress | None = None,
    *,
    projections: bool = False,
) -> Verification:
    """Recompute a log.

    Args:
        settings: name the store, and the home that pins its public key.
        target: another store: its file, its home, or a URL, of a server too.
        against: a signed checkpoint that the log shall contain: a file, or the address of a server, whose log may also be
            the longer one and contain this one.
        progress: called with entries done and entries there are.
        applying: the same, while the tables are made anew.
        judging: called with units done and units there are, while kept verdicts are judged again.
        projections: hold the tables that are derived from the log against what it gives, and what is kept of judging against what
            the catalogue of the settings says of them, if the log is what it shall be.

    Raises:
        ConfigurationError: the checkpoint file cannot be read, the target is of no known kind, the key of a server's log is
            not pinned, or the tables of a server are asked for.
        ServerError: a server cannot be asked.
        StoreError: there is no store, the file is none, or the tables are of another version.
    """
    if projections and target is not None and _is_server(target):
        raise ConfigurationError(
            "The tables of a server cannot be compared.",
            "A server gives its log; what it derives from it stands in its database.",
            "Run `orchestrail verify --projections` where the database can be reached, with --store.",
        )
    note, growth = None, None
    if against is not None and _is_server(against):
        outside = _served(settings, against)
        note, growth = outside.checkpoint(), outside.consistency
    elif against is not None:
        note = checkpoint_note(Path(against))
    if target is not None and _is_server(target):
        return verify_served(_served(settings, target), settings.home, progress, note, growth)
    url, home, trusted = _place(settings, target)
    found = verify_store(url, home, progress, note, trusted, growth)
    if target is None:
        found = _with_what_is_known(found, settings)
    if not projections:
        return found
    return with_tables(found, url, home, catalogue_in_force(settings.catalogue), applying, judging)


def _place(settings: Settings, target: str | None) -> tuple[str, Path, tuple[Path, ...]]:
    """Give the URL of a store, its home, and other homes whose keys count first."""
    if target is None:
        return settings.store, settings.home, ()
    url = target if "://" in target else f"sqlite:///{_file(Path(target).expanduser())}"
    file = store_file(url)
    return (url, settings.home, ()) if file is None else (url, file.parent, (settings.home,))


def _is_server(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _served(settings: Settings, address: str) -> ServedLog:
    """Reach the log of a server; the token of the settings is for the server of the settings, and goes to no other."""
    server = Server(address, None)
    if settings.token is not None and (settings.url is None or Server(settings.url, None).address == server.address):
        server = Server(address, settings.token.get_secret_value())
    return ServedLog(server)


def _with_what_is_known(found: Verification, settings: Settings) -> Verification:
    """Add that the log lacks what this home knows it to have signed; a log that is damaged has worse problems."""
    behind = open_record(settings).behind() if found.ok else None
    if behind is None:
        return found
    what = f"the log is behind a checkpoint that it had signed: {behind}; see `orchestrail recover`"
    return replace(found, problems=(Problem("known", f"size {behind.known_size}", what),))


def _file(path: Path) -> Path:
    return path / "audit.db" if path.is_dir() else path


def checkpoint_note(path: Path) -> bytes:
    """Read a file with a checkpoint.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_CHECKPOINT)
    except OSError as error:
        raise ConfigurationError(
            f"The checkpoint {path} cannot be read.", f"{error.strerror}.", "Name a file of `orchestrail checkpoint`."
        ) from error
