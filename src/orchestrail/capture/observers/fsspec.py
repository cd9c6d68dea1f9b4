"""fsspec: what is opened in file systems that are no local ones, by address; and for which run the threads that read it work.

No version is told here: objects in S3 have theirs where s3fs speaks to the store (`botocore`). Not told: local files, which are
seen through `open`; memory and `data:` addresses, which are no data sets; file systems that stand on others (archives, caches),
since those are seen themselves.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from orchestrail.capture.observers import Patches, paths

_SEEN_ELSEWHERE = frozenset(("file", "local", "s3", "s3a"))
_NO_STORES = frozenset(("abstract", "data", "libarchive", "memory", "tar", "zip"))


def attach(module: ModuleType, patches: Patches) -> None:
    """Watch the opening of files."""
    library: Any = module
    patches.around(library.AbstractFileSystem, "open", after=_opened)
    patches.for_maker(library.AbstractBufferedFile, "read", "flush")


def address_of(system: Any, path: str) -> str | None:
    """Give the address of a path in a file system; None where it is no place outside this process."""
    if _protocol(system) is None:
        return None
    address: str = system.unstrip_protocol(path)
    return address


def _opened(
    capture: Any, system: Any, path: object, mode: str = "rb", *rest: object, result: Any, **more: object
) -> None:
    text = paths.text_of(path)
    if text is None or _protocol(system) in (None, *_SEEN_ELSEWHERE):
        return
    address = system.unstrip_protocol(text)
    if "r" in mode and "+" not in mode:
        capture.told.reads(paths.remote(address, "at_read"))
    else:
        capture.told.writes(paths.remote(address, "at_write"), made="w" in mode)


def _protocol(system: Any) -> str | None:
    """Give the first protocol of a file system that is a store itself."""
    protocol = getattr(system, "protocol", None)
    protocol = protocol[0] if isinstance(protocol, list | tuple) and protocol else protocol
    if not isinstance(protocol, str) or protocol in _NO_STORES or getattr(system, "fs", None) is not None:
        return None
    return protocol
