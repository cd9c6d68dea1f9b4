"""Proving that the record was not altered. The recomputing itself is `orchestrail.store.verify`; nothing is written."""

from __future__ import annotations

from pathlib import Path

from orchestrail.errors import ConfigurationError
from orchestrail.settings import Settings
from orchestrail.store import store_file, verify_store
from orchestrail.store.base import Progress, Verification

MAX_CHECKPOINT = 64 * 1024


def verify(
    settings: Settings, target: str | None = None, against: Path | None = None, progress: Progress | None = None
) -> Verification:
    """Recompute a store.

    Args:
        settings: name the store, and the home that pins its public key.
        target: another store: its file, its home, or a URL.
        against: a file with a signed checkpoint that the log shall contain.
        progress: called with entries done and entries there are.

    Raises:
        ConfigurationError: the checkpoint file cannot be read, or the target is of no known kind.
        StoreError: there is no store, or the file is none.
    """
    note = _note(against) if against is not None else None
    if target is None:
        return verify_store(settings.store, settings.home, progress, note)
    url = target if "://" in target else f"sqlite:///{_file(Path(target).expanduser())}"
    file = store_file(url)
    if file is None:
        return verify_store(url, settings.home, progress, note)
    return verify_store(url, file.parent, progress, note, trusted=(settings.home,))


def _file(path: Path) -> Path:
    return path / "audit.db" if path.is_dir() else path


def _note(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_CHECKPOINT)
    except OSError as error:
        raise ConfigurationError(
            f"The checkpoint {path} cannot be read.", f"{error.strerror}.", "Name a file of `orchestrail checkpoint`."
        ) from error
