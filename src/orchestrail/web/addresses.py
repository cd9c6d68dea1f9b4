"""Where each page is. All of a name is encoded, so that no name leads anywhere else; nothing is looked up."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from orchestrail.model import DatasetRef


def run(run_id: str) -> str:
    """Give the page of a run."""
    return f"/runs/{_whole(run_id)}"


def data(dataset: DatasetRef) -> str:
    """Give the page of a data set: by its digest, else by its name and version."""
    if dataset.digest:
        return content(dataset.digest)
    return named(dataset.namespace, dataset.name, dataset.version)


def named(namespace: str, name: str, version: str | None = None) -> str:
    """Give the page of a data set by its name; without a version, of the last content that bore it."""
    return _asked("/data", namespace=namespace, name=name, version=version)


def models(**asked: Any) -> str:
    """Give the list of models."""
    return _asked("/models", **asked)


def datasets(**asked: Any) -> str:
    """Give the list of data sets with some filters."""
    return _asked("/datasets", **asked)


def content(digest: str) -> str:
    """Give the page of a content by its digest."""
    return f"/data/{_whole(digest)}"


def document(digest: str, name: str = "") -> str:
    """Give the technical documentation of a model, or one of its files."""
    return f"/documents/{_whole(digest)}{'/' if name else ''}{_whole(name)}"


def lineage(target: str, direction: str = "back", **asked: Any) -> str:
    """Give the graph around something."""
    return _asked("/lineage", target=target, direction=None if direction == "back" else direction, **asked)


def entry(seq: int) -> str:
    """Give the page of a log entry."""
    return f"/log/{seq}"


def requirement(identifier: str, **asked: Any) -> str:
    """Give the page of a requirement, judged of what was asked for."""
    return _asked(f"/requirements/{_whole(identifier)}", **asked)


def requirements(**asked: Any) -> str:
    """Give the page of all requirements, judged of what was asked for."""
    return _asked("/requirements", **asked)


def runs(**asked: Any) -> str:
    """Give the list of runs with some filters."""
    return _asked("/runs", **asked)


def compare(a: str, b: str) -> str:
    """Give the comparison of two runs or models."""
    return _asked("/compare", a=a, b=b)


def find(target: str) -> str:
    """Give the page that looks something up, whatever it is."""
    return _asked("/find", target=target)


def _whole(text: str) -> str:
    return quote(text, safe=":")


def _asked(path: str, **asked: Any) -> str:
    given = {name: value for name, value in asked.items() if value not in (None, "", False, [])}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path
