"""The signed head of the log, for a keeper outside. Whoever holds one can show later that the log was not rewritten."""

from __future__ import annotations

from pathlib import Path

from orchestrail.errors import ConfigurationError
from orchestrail.store.base import Checkpoint, Store


def checkpoint(store: Store, out: Path | None = None) -> Checkpoint:
    """Return the newest checkpoint, and write its note to a file on request.

    Raises:
        ConfigurationError: the file cannot be written.
        StoreError: the store cannot be read.
    """
    head = store.checkpoint()
    if out is not None:
        try:
            out.write_bytes(head.note)
        except OSError as error:
            raise ConfigurationError(
                f"The checkpoint cannot be written to {out}.", f"{error.strerror}.", "Name a file that can be written."
            ) from error
    return head
