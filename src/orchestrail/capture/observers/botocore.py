"""botocore and aiobotocore, through which boto3, s3fs and s3transfer speak to S3: the objects that their calls read and wrote.

Watched is the one method that each call of a client goes through, after it has returned: the bucket, the key, and what the answer
tells (`objects`). Not told: what lists or looks at objects without reading them, and calls that fail. An object that the run wrote
and then deleted is no output; the deletion of any other is not told. Transfers by `awscrt` do not come through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any
from urllib.parse import unquote

from orchestrail.capture.observers import Patches, objects

Answer = Mapping[str, Any]

_CLIENTS = {"botocore.client": "BaseClient", "aiobotocore.client": "AioBaseClient"}


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the calls of every client."""
    patches.around(getattr(module, _CLIENTS[module.__name__]), "_make_api_call", after=_called)


def _called(capture: Any, client: Any, operation: str, given: Answer, *, result: Answer) -> None:
    tell = _TELLING.get(operation)
    if tell is not None and client.meta.service_model.service_name == "s3":
        tell(capture, given, result)


def _gave(capture: Any, given: Answer, answer: Answer) -> None:
    whole = "Range" not in given and "PartNumber" not in given
    capture.told.reads(
        objects.read(
            *_place(given),
            version=_version(answer.get("VersionId")),
            etag=answer.get("ETag"),
            sha256=answer.get("ChecksumSHA256") if whole else None,
            size=objects.whole_size(answer),
        )
    )


def _selected(capture: Any, given: Answer, answer: Answer) -> None:
    capture.told.reads(objects.read(*_place(given)))


def _put(capture: Any, given: Answer, answer: Answer) -> None:
    _wrote(capture, given, answer, objects.size_of(given.get("Body", b"")))


def _began(capture: Any, given: Answer, answer: Answer) -> None:
    _sizes(capture)[answer.get("UploadId")] = 0


def _put_part(capture: Any, given: Answer, answer: Answer) -> None:
    sizes = _sizes(capture)
    so_far, more = sizes.get(given.get("UploadId")), objects.size_of(given.get("Body"))
    sizes[given.get("UploadId")] = None if so_far is None or more is None else so_far + more


def _copied_part(capture: Any, given: Answer, answer: Answer) -> None:
    _reads_source(capture, given, answer)
    _sizes(capture)[given.get("UploadId")] = None


def _completed(capture: Any, given: Answer, answer: Answer) -> None:
    _wrote(capture, given, answer, _sizes(capture).pop(given.get("UploadId"), None))


def _copied(capture: Any, given: Answer, answer: Answer) -> None:
    _reads_source(capture, given, answer)
    _wrote(capture, given, {**answer.get("CopyObjectResult", {}), **answer}, None)


def _deleted(capture: Any, given: Answer, answer: Answer) -> None:
    if "VersionId" not in given:
        capture.told.takes_back(*_place(given))


def _deleted_many(capture: Any, given: Answer, answer: Answer) -> None:
    failed = {one.get("Key") for one in answer.get("Errors", ())}
    for one in given.get("Delete", {}).get("Objects", ()):
        if one.get("Key") not in failed:
            _deleted(capture, {"Bucket": given.get("Bucket"), **one}, answer)


_TELLING = {
    "CompleteMultipartUpload": _completed,
    "CopyObject": _copied,
    "CreateMultipartUpload": _began,
    "DeleteObject": _deleted,
    "DeleteObjects": _deleted_many,
    "GetObject": _gave,
    "PutObject": _put,
    "SelectObjectContent": _selected,
    "UploadPart": _put_part,
    "UploadPartCopy": _copied_part,
}


def _place(given: Answer) -> tuple[str, str]:
    return f"s3://{given.get('Bucket')}", str(given.get("Key"))


def _version(told: object) -> str | None:
    # What a bucket held before it was versioned has the version `null`, as has everything while versioning is suspended.
    return told if isinstance(told, str) and told != "null" else None


def _wrote(capture: Any, given: Answer, answer: Answer, size: int | None) -> None:
    made = objects.written(
        *_place(given),
        version=_version(answer.get("VersionId")),
        etag=answer.get("ETag"),
        sha256=answer.get("ChecksumSHA256"),
        size=size,
    )
    capture.told.writes(made, made=True)


def _reads_source(capture: Any, given: Answer, answer: Answer) -> None:
    source = given.get("CopySource")
    if isinstance(source, Mapping):
        bucket, key = str(source.get("Bucket")), str(source.get("Key"))
    else:
        place = unquote(str(source).partition("?versionId=")[0]).lstrip("/")
        between = "/object/" if place.startswith("arn:") else "/"
        bucket, _, key = place.partition(between)
    version = _version(answer.get("CopySourceVersionId"))
    capture.told.reads(objects.read(f"s3://{bucket}", key, version=version))


def _sizes(capture: Any) -> dict[Any, int | None]:
    """Give the bytes that were sent so far, by upload in many parts."""
    sizes: dict[Any, int | None] = capture.told.notes.setdefault("botocore", {})
    return sizes
