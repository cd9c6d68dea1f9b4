"""What a person states something about: a file, a digest, a data set, a run or a version of a system; and its digest."""

from __future__ import annotations

import re
import sys
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection

from orchestrail.capture.digest import digest_file
from orchestrail.errors import ConfigurationError, NotRecorded
from orchestrail.queries.statements import digest_of_end
from orchestrail.queries.targets import find_target
from orchestrail.statements.content import Subject

_SYSTEM = re.compile(r"[^\s@/]+@[^\s@/]+")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def find_subject(connection: Connection, given: str) -> tuple[Subject, bool]:
    """Find what is meant, and say whether the record knows it.

    Args:
        connection: a snapshot of the store.
        given: a file, `sha256:...`, a data set, a RUN, or `SYSTEM@VERSION`.

    Raises:
        NotRecorded: the record does not know it, and it is nothing that a digest could be taken of.
        AmbiguousRun: it fits more than one thing.
        ConfigurationError: nothing can be bound to it: it has no digest, or has not ended.
    """
    try:
        target = find_target(connection, given)
    except NotRecorded:
        if Path(given).is_file():
            return Subject("file", Path(given).name, read_digest(Path(given))), False
        if _DIGEST.fullmatch(given.lower()):
            return Subject("file", given.lower(), given.lower()), False
        if _SYSTEM.fullmatch(given):
            return Subject("system", given, f"sha256:{sha256(given.encode()).hexdigest()}"), True
        raise
    if target.run is not None:
        digest = digest_of_end(connection, target.run.run_id)
        if digest is None:
            why = "A statement about a run is bound to the event that ended it."
            raise ConfigurationError(f"{given} has not ended.", why, "State it when the run has ended.")
        return Subject("run", target.run.run_id, digest), True
    dataset = target.dataset
    if dataset is None or dataset.digest is None:
        why = "The record knows it by name only, and a name says nothing about content."
        raise ConfigurationError(f"Nothing can be bound to {given}.", why, "Give the file itself, or a digest.")
    kind = "model" if dataset.kind == "model" else "data"
    return Subject(kind, f"{dataset.namespace}:{dataset.name}", dataset.digest), True


def read_digest(file: Path) -> str:
    """Take the digest of a file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    found = digest_file(file, max_bytes=sys.maxsize) if file.is_file() else None
    if found is None or found.digest is None:
        why = f"{found.weak}." if found and found.weak else "There is no such file."
        raise ConfigurationError(f"{file} cannot be read.", why, "Give another file.")
    return found.digest
