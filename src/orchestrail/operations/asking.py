"""A check where the record is at a server: the question is put there, and the answer is the same report."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrail.capture.digest import digest_file
from orchestrail.errors import ConfigurationError, ServerError
from orchestrail.operations.checking import Question
from orchestrail.operations.remote import server_of
from orchestrail.requirements.catalogue import Catalogue
from orchestrail.requirements.report import Report, report_of
from orchestrail.settings import Settings
from orchestrail.store import store_exists


def is_elsewhere(settings: Settings) -> bool:
    """Say whether the record is at the server to which the spool goes: one is named, and there is no store here."""
    return settings.url is not None and not store_exists(settings.store)


def check_there(settings: Settings, catalogue: Catalogue, asked: Question) -> Report:
    """Have the server judge what is asked for.

    Args:
        settings: name the server and the token.
        catalogue: the requirements; the server has to judge by the same.
        asked: the question; a file of this machine is asked for by its digest.

    Raises:
        NotRecorded: the target or the system is not on the record.
        AmbiguousRun: the target fits more than one thing.
        ConfigurationError: the log shall be recomputed.
        ServerError: the server cannot be reached, refuses, or judges by another catalogue.
    """
    if asked.verify:
        why = "The record is at the server, which recomputes a long log for nobody."
        raise ConfigurationError(
            "The log is not recomputed from here.", why, "`orchestrail verify URL` does, entry by entry."
        )
    server = server_of(settings)
    said = server.ask(
        "/api/v1/check",
        target=_by_content(asked.target),
        system=asked.system,
        profile=asked.profile,
        date=asked.day.isoformat(),
    )
    try:
        return report_of(said, catalogue)
    except (LookupError, TypeError, ValueError) as error:
        raise ServerError(
            f"The answer of {server.address} cannot be used.",
            f"{str(error).strip(chr(39))}.",
            "Have the same version here and there, and the same ORCHESTRAIL_CATALOGUE.",
        ) from error


def _by_content(target: str | None) -> str | None:
    """Give the digest of a file; what is no file here is a name or a run there."""
    if target is None:
        return None
    try:
        path = Path(target).expanduser()
        found = digest_file(path, max_bytes=sys.maxsize) if path.is_file() else None
    except (OSError, RuntimeError, ValueError):
        return target
    return found.digest if found is not None and found.digest is not None else target
