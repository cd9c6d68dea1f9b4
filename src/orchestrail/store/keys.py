"""Key files in `<home>/keys`: the private signing key of a store and, beside it, its pinned public key. No signing lives here.

The folder is for its owner alone. The files carry the store's id: `<id>.key` (PKCS 8, PEM) and `<id>.pub` (one line, in the
form that C2SP tools take).
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from orchestrail.durable import sync_folder
from orchestrail.errors import StoreError
from orchestrail.store.note import NoteError, Signer, Verifier, parse_verifier

_ORIGIN = "orchestrail/log/"
_LOG = re.compile(_ORIGIN + "([0-9a-f]{32})")


def create_signer(home: Path) -> Signer:
    """Draw the key of a new store and write both files.

    Raises:
        StoreError: the files cannot be written.
    """
    store_id = secrets.token_hex(16)
    key = Ed25519PrivateKey.generate()
    signer = Signer(_ORIGIN + store_id, key)
    folder = home / "keys"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        _write(folder / f"{store_id}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _write(folder / f"{store_id}.pub", signer.verifier.to_text().encode() + b"\n")
        sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"The keys of the store cannot be written to {folder}.", f"{error.strerror}.", "Make the folder writable."
        ) from error
    return signer


def parse_public_key(text: object) -> Verifier:
    """Read the public key of a log of ours.

    Raises:
        NoteError: it is damaged, or its name is not one that we give.
    """
    verifier = parse_verifier(text if isinstance(text, str) else "")
    if _LOG.fullmatch(verifier.name) is None:
        raise NoteError("the name of the public key is not that of an audit store")
    return verifier


def load_signer(home: Path, verifier: Verifier) -> Signer:
    """Read the private key that belongs to a store's public key.

    Raises:
        StoreError: the key is missing, unreadable, or another one.
    """
    path = _file(home, verifier.name, "key")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StoreError(
            f"The signing key {path} cannot be read.",
            f"{error.strerror}: without it nothing can be appended.",
            "Set ORCHESTRAIL_HOME to the folder that the store was made in.",
        ) from error
    except ValueError as error:
        raise _damaged(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _damaged(path)
    signer = Signer(verifier.name, key)
    if signer.verifier != verifier:
        raise _damaged(path)
    return signer


def pinned(home: Path, name: str) -> Verifier | None:
    """Return the public key that is pinned for the log of a name, None where there is none.

    Raises:
        NoteError: there is one, and it is damaged.
    """
    if _LOG.fullmatch(name) is None:
        return None
    path = _file(home, name, "pub")
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise NoteError(f"the pinned public key {path.name} cannot be read") from error
    if not text.endswith("\n"):
        raise NoteError(f"the pinned public key {path.name} is not in its one form")
    return parse_public_key(text[:-1])


def log_id(verifier: Verifier) -> str:
    """Return the id of a log, which its files are named after."""
    return verifier.name.removeprefix(_ORIGIN)


def any_pinned(home: Path) -> bool:
    """Whether a folder pins the public key of any log at all."""
    return any((home / "keys").glob("*.pub"))


def _file(home: Path, name: str, kind: str) -> Path:
    return home / "keys" / f"{name.removeprefix(_ORIGIN)}.{kind}"


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _damaged(path: Path) -> StoreError:
    return StoreError(
        f"The signing key {path} does not belong to this store.",
        "The file was changed or exchanged.",
        "Restore it from a copy.",
    )
