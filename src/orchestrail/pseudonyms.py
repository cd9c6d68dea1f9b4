"""What stands for a person on the record: a digest under a key of the home, so that nobody without the key can try names.

A plain digest of a name that can be guessed tells the name. One home has one key, so one person has one pseudonym in it. Who it is,
is found out elsewhere: nothing here leads back.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from orchestrail.capture.observing import unobserved

FILE = "pseudonyms.key"
_BYTES = 32


def keyed_digest(home: Path, *parts: str) -> str:
    """Give the digest of some texts under the key of a home, which is drawn where there is none.

    Args:
        home: the home folder.
        parts: what they are for, then the texts themselves.

    Raises:
        OSError: the key cannot be read or written.
        ValueError: the file is no key.
    """
    said = b"".join(len(part := text.encode("utf-8", "surrogatepass")).to_bytes(8, "big") + part for text in parts)
    return f"hmac-sha256:{hmac.new(_key(home), said, sha256).hexdigest()}"


def person(home: Path, system: str, who: str) -> str:
    """Give the pseudonym of a person.

    Args:
        home: the home folder.
        system: where the name is valid: an orchestrator, or `user` for the users of a machine.
        who: name or id there.

    Raises:
        OSError: the key cannot be read or written.
        ValueError: the file is no key.
    """
    return keyed_digest(home, "person", system, who)


@lru_cache(maxsize=8)
def _key(home: Path) -> bytes:
    path = home / FILE
    with unobserved():
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            _draw(path)
            key = path.read_bytes()
    if len(key) != _BYTES:
        raise ValueError(f"{path} is no key: it has {len(key)} bytes and not {_BYTES}")
    return key


def _draw(path: Path) -> None:
    """Write a new key under its name in one piece; where another process was faster, its key stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    drawn = path.with_name(f"{FILE}.{secrets.token_hex(8)}")
    descriptor = os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            os.link(drawn, path)
    finally:
        drawn.unlink()
