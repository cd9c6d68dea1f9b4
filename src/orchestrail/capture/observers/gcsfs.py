"""gcsfs, through which pandas, pyarrow and others speak to Google Cloud Storage: the objects that its requests read and wrote.

Watched are the two methods that all requests go through, after the store has answered: the name of the object, and the
generation that the store gives each content of it. Of an answer's body only what the store says of an object is looked at. Not
told: what lists or looks at objects without reading them, requests that fail, and what goes over gRPC (zonal buckets), of which
`fsspec` knows the address. An object that the run wrote and then deleted is no output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from orchestrail.capture.observers import Patches, objects

Headers = Mapping[str, str]
Answer = tuple[int, Headers, object, Any]
"""Status, headers, what was asked for, and the body."""

_CONTENT = re.compile(r"/b/([^/?]+)/o/([^/?]+)\?alt=media")
_ONE = "b/{}/o/{}"
_COMPOSED = f"{_ONE}/compose"
_MOVED = f"{_ONE}/moveTo/o/{{}}"
_REWRITTEN = f"{_ONE}/rewriteTo/b/{{}}/o/{{}}"


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the requests of every file system."""
    library: Any = module
    patches.around(library.GCSFileSystem, "_request", after=_answered)
    patches.around(library.GCSFileSystem, "_get_file_request", after=_fetched)
    patches.around(library.GCSFileSystem, "_rm_files", after=_deleted_many)


def _answered(
    capture: Any,
    system: Any,
    method: str,
    path: str,
    *place: str,
    result: Answer,
    json: Any = None,
    generation: str | None = None,
    **more: Any,
) -> None:
    _, headers, _, body = result
    if method == "GET":
        content = _CONTENT.search(path)
        if content is not None:
            _read(capture, content[1], unquote(content[2]), headers)
    elif method == "DELETE":
        if path == _ONE and generation is None:
            capture.told.takes_back(*_named(*place))
    elif method == "POST" and (made := _object_in(body)) is not None:
        if path in (_MOVED, _REWRITTEN):
            source = objects.read(*_named(*place[:2]), version=more.get("sourceGeneration"))
            capture.told.reads(source)
        for part in json.get("sourceObjects", ()) if path == _COMPOSED else ():
            capture.told.reads(objects.read(*_named(place[0], part["name"]), version=part.get("generation")))
        written = objects.written(
            *_named(made["bucket"], made["name"]), version=made["generation"], size=_number(made.get("size"))
        )
        capture.told.writes(written, made=True)
        if path == _MOVED:
            capture.told.takes_back(*_named(*place[:2]))


def _fetched(
    capture: Any, system: Any, source: str, target: object, *rest: object, result: Answer, **more: Any
) -> None:
    bucket, name, _ = system.split_path(source)
    _read(capture, bucket, name, result[1])


def _deleted_many(capture: Any, system: Any, paths: object, *, result: Iterable[object]) -> None:
    for path in result:
        if isinstance(path, str):  # else why it could not be deleted
            bucket, name, generation = system.split_path(path)
            if generation is None:
                capture.told.takes_back(*_named(bucket, name))


def _read(capture: Any, bucket: str, name: str, headers: Headers) -> None:
    told = {"ContentRange": headers.get("Content-Range"), "ContentLength": _number(headers.get("Content-Length"))}
    size = _number(headers.get("X-Goog-Stored-Content-Length"))
    capture.told.reads(
        objects.read(
            *_named(bucket, name),
            version=headers.get("X-Goog-Generation"),
            etag=headers.get("ETag"),
            size=objects.whole_size(told) if size is None else size,
        )
    )


def _object_in(body: Any) -> Mapping[str, Any] | None:
    """Give what an answer says of the object that was written; None where it says nothing, or the upload goes on."""
    if not isinstance(body, bytes) or not body.startswith(b"{"):
        return None
    said = json.loads(body)
    made = said.get("resource") if said.get("kind") == "storage#rewriteResponse" else said
    return made if made and made.get("kind") == "storage#object" and made.get("generation") else None


def _named(bucket: str, name: str) -> tuple[str, str]:
    return f"gs://{bucket}", name


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str | int) and str(text).isdigit() else None
