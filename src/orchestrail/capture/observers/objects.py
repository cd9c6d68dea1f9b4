"""Objects in stores, as the answers that the host itself received tell of them: what the observers of stores share.

A version id that a store gives is the object's version. Where it gives none (a bucket without versioning), the ETag stands in its
place, as `etag:` and its text, and is weak: it changes with the object, but is no digest of its content. A digest is there only
where the store tells the SHA-256 of the whole content. Nothing is asked of a store here, and of a request only the name is taken.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

from orchestrail.capture import given
from orchestrail.capture.observers import models
from orchestrail.model import DatasetRef

UNPINNED = "the store told no version"
BY_ETAG = "an ETag changes with the object, but is no digest of its content"


def written(namespace: str, name: str, **told: Any) -> DatasetRef:
    """Describe an object as it was written; `told` is as in `read`."""
    return _object(namespace, name, "at_write", models.kind_of(name), **told)


def read(namespace: str, name: str, **told: Any) -> DatasetRef:
    """Describe an object as it was read.

    Args:
        namespace: the store, by OpenLineage's naming.
        name: the object in it.
        told: `version`, `etag`, `sha256` (as the store writes it, in base 64) and `size`, each None where the store told none.
    """
    return _object(namespace, name, "at_read", "data", **told)


def _object(
    namespace: str,
    name: str,
    observed: str,
    kind: str,
    version: str | None = None,
    etag: str | None = None,
    sha256: str | None = None,
    size: int | None = None,
) -> DatasetRef:
    mark = etag.strip('"') if etag else None
    digest = _digest(sha256)
    weak = None if version or digest else BY_ETAG if mark else UNPINNED
    return DatasetRef(
        namespace,
        name,
        version=version or (f"etag:{mark}" if mark else None),
        digest=digest,
        kind=kind,
        observed=observed,
        weak=weak,
        type="FILE",
        bytes=size,
    )


def size_of(body: Any) -> int | None:
    """Give the bytes of what a program sends; None where that cannot be known without reading it."""
    if type(body) is str:
        return len(body.encode())
    if type(body) in (bytes, bytearray) or given.is_of(body, "s3transfer"):
        return len(body)
    if type(body) is memoryview:
        return body.nbytes
    return int(body.getbuffer().nbytes) if type(body) is io.BytesIO else None


def whole_size(answer: Mapping[str, Any]) -> int | None:
    """Give the bytes of the whole object, of which an answer of S3 may hold a range."""
    total = str(answer.get("ContentRange") or "").rpartition("/")[2]
    if total.isdigit():
        return int(total)
    size = answer.get("ContentLength")
    return size if isinstance(size, int) else None


def _digest(sha256: str | None) -> str | None:
    # Of an object of many parts, S3 tells a digest of the digests of its parts: `...-3`.
    if not sha256 or "-" in sha256:
        return None
    content = base64.b64decode(sha256)
    return f"sha256:{content.hex()}" if len(content) == 32 else None
