"""Where each page is. All of a name is encoded, so that no name leads anywhere else; nothing is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from orchestrail.model import DatasetRef

LONGEST = 48 * 1024
"""Characters of an address. The server takes 64 KiB of address and headers; what is asked by an address may be as long as it."""


class Address(str):
    """Where a page is: ASCII, made here alone, never cut. Empty where a name is too long for an address: nothing leads there."""

    __slots__ = ()


NOWHERE = Address("")
_NOTHING: Mapping[str, Any] = {}


def run(run_id: str, **asked: Any) -> Address:
    """Give the page of a run."""
    return _address("/runs/", run_id, asked=asked)


def data(dataset: DatasetRef) -> Address:
    """Give the page of a data set: by its digest, else by its name and version."""
    if dataset.digest:
        return content(dataset.digest)
    return named(dataset.namespace, dataset.name, dataset.version)


def named(namespace: str, name: str, version: str | None = None) -> Address:
    """Give the page of a data set by its name; without a version, of the last content that bore it."""
    return _address("/data", asked={"namespace": namespace, "name": name, "version": version})


def models(**asked: Any) -> Address:
    """Give the list of models."""
    return _address("/models", asked=asked)


def datasets(**asked: Any) -> Address:
    """Give the list of data sets with some filters."""
    return _address("/datasets", asked=asked)


def content(digest: str) -> Address:
    """Give the page of a content by its digest."""
    return _address("/data/", digest)


def document(digest: str, name: str = "") -> Address:
    """Give the technical documentation of a model, or one of its files."""
    return _address("/documents/", digest, *(("/", name) if name else ()))


def lineage(target: str, direction: str = "back", **asked: Any) -> Address:
    """Give the graph around something."""
    return _address(
        "/lineage", asked={"target": target, "direction": None if direction == "back" else direction, **asked}
    )


def entry(seq: int) -> Address:
    """Give the page of a log entry."""
    return _address(f"/log/{seq}")


def event(seq: int) -> Address:
    """Give the bytes of a log entry's event."""
    return _address(f"/log/{seq}/event")


def log(**asked: Any) -> Address:
    """Give the list of log entries."""
    return _address("/log", asked=asked)


def checkpoints(**asked: Any) -> Address:
    """Give the list of checkpoints."""
    return _address("/log/checkpoints", asked=asked)


def quarantine(**asked: Any) -> Address:
    """Give the list of what was refused."""
    return _address("/log/quarantine", asked=asked)


def refused(number: int) -> Address:
    """Give the page of what was refused."""
    return _address(f"/log/quarantine/{number}")


def requirement(identifier: str, **asked: Any) -> Address:
    """Give the page of a requirement, judged of what was asked for."""
    return _address("/requirements/", identifier, asked=asked)


def requirements(**asked: Any) -> Address:
    """Give the page of all requirements, judged of what was asked for."""
    return _address("/requirements", asked=asked)


def runs(**asked: Any) -> Address:
    """Give the list of runs with some filters."""
    return _address("/runs", asked=asked)


def compare(a: str, b: str) -> Address:
    """Give the comparison of two runs or models."""
    return _address("/compare", asked={"a": a, "b": b})


def find(target: str) -> Address:
    """Give the page that looks something up, whatever it is."""
    return _address("/find", asked={"target": target})


def fits(text: str) -> bool:
    """Say whether an address has room for a text."""
    return bool(find(text))


def _address(*path: str, asked: Mapping[str, Any] = _NOTHING) -> Address:
    """Make an address: of its path every second part is a name; what is asked for and empty is left out."""
    given = {name: value for name, value in asked.items() if value not in (None, "", False, [])}
    if sum(map(len, path)) + sum(len(str(value)) for value in given.values()) > LONGEST:
        return NOWHERE  # one of a megabyte is not encoded first
    try:
        made = "".join(quote(part, safe=":" if number % 2 else ":/") for number, part in enumerate(path))
        made += f"?{urlencode(given, doseq=True)}" if given else ""
    except UnicodeEncodeError:  # half a character: no address has it
        return NOWHERE
    return Address(made) if len(made) <= LONGEST else NOWHERE
