"""Signed notes and checkpoints in the formats of C2SP (signed-note, tlog-checkpoint), with Ed25519. No key files live here.

Every text has exactly one byte form: what does not read back to the same bytes is refused, base64 included, because a flipped
bit in the padding bits of a signature would otherwise go unseen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from orchestrail.store.merkle import HASH_SIZE

_ED25519 = b"\x01"
_SIGNATURE = re.compile("\u2014 ([^ +\n]+) ([A-Za-z0-9+/=]+)")
_NAME = re.compile("[^ +\x00-\x1f\ud800-\udfff]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """Bytes that are not a note, a checkpoint or a key in its one byte form, or a signature that does not hold."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line.

    Attributes:
        name: name of the key.
        key_id: first four bytes of the hash of name and key.
        value: the signature.
    """

    name: str
    key_id: bytes
    value: bytes

    def to_text(self) -> str:
        """Return the line without its end."""
        return f"\u2014 {self.name} {_encode(self.key_id + self.value)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note.

    Attributes:
        text: the signed text, ending with a newline.
        signatures: at least one.
    """

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Return the one byte form."""
        return (self.text + "\n" + "".join(line.to_text() + "\n" for line in self.signatures)).encode()


def parse_note(data: bytes) -> Note:
    """Read a signed note; no signature is checked.

    Raises:
        NoteError: not a note in its one byte form.
    """
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteError("not UTF-8") from error
    if _CONTROL.search(whole):
        raise NoteError("a control character")
    text, separator, lines = whole.rpartition("\n\n")
    if not separator or not text or not lines.endswith("\n"):
        raise NoteError("no signature lines")
    note = Note(text + "\n", tuple(_parse_signature(line) for line in lines[:-1].split("\n")))
    if note.to_bytes() != data:
        raise NoteError("not in the one byte form")
    return note


@dataclass(frozen=True, slots=True)
class Head:
    """The text of a checkpoint.

    Attributes:
        origin: name of the log.
        size: number of leaves.
        root_hash: root of the tree, 32 bytes.
    """

    origin: str
    size: int
    root_hash: bytes

    def to_text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root_hash)}\n"


def parse_head(text: str) -> Head:
    """Read the text of a checkpoint.

    Raises:
        NoteError: not a checkpoint in its one byte form.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise NoteError("not the three lines of a checkpoint")
    if _SIZE.fullmatch(lines[1]) is None:
        raise NoteError("the size is not a plain decimal number")
    root_hash = _decode(lines[2])
    if len(root_hash) != HASH_SIZE:
        raise NoteError("the root hash is not 32 bytes long")
    return Head(lines[0], int(lines[1]), root_hash)


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name: what is pinned.

    Attributes:
        name: name of the key, which is the origin of the log.
        key: 32 bytes.
    """

    name: str
    key: bytes

    @property
    def key_id(self) -> bytes:
        """First four bytes of the hash of name and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:4]

    def to_text(self) -> str:
        """Return the key as `name+id+base64`, the form in which C2SP tools take it."""
        return f"{self.name}+{self.key_id.hex()}+{_encode(_ED25519 + self.key)}"

    def check(self, note: Note) -> None:
        """Require a signature of this key under a note.

        Raises:
            NoteError: there is none, or it does not hold.
        """
        for signature in note.signatures:
            if signature.name == self.name and signature.key_id == self.key_id:
                try:
                    Ed25519PublicKey.from_public_bytes(self.key).verify(signature.value, note.text.encode())
                except (InvalidSignature, ValueError) as error:
                    raise NoteError("the signature does not hold") from error
                return
        raise NoteError(f"no signature of the key {self.name}+{self.key_id.hex()}")


def checked_head(note: Note, verifier: Verifier) -> Head:
    """Read a checkpoint that a log signed.

    Raises:
        NoteError: it is none, it is of another log, or the signature does not hold.
    """
    head = parse_head(note.text)
    if head.origin != verifier.name:
        raise NoteError("it is of another log")
    verifier.check(note)
    return head


def parse_verifier(text: str) -> Verifier:
    """Read a public key as `Verifier.to_text` writes it.

    Raises:
        NoteError: not a public key in its one form.
    """
    # base64 may hold a plus sign, so the third part takes whatever follows the second.
    parts = text.split("+", 2)
    key = _decode(parts[2]) if len(parts) == 3 else b""
    if len(key) != 33 or key[:1] != _ED25519 or _NAME.fullmatch(parts[0]) is None:
        raise NoteError("not an Ed25519 public key")
    verifier = Verifier(parts[0], key[1:])
    if verifier.to_text() != text:
        raise NoteError("the public key is not in its one form")
    return verifier


class Signer:
    """A private key with its name."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = Verifier(name, key.public_key().public_bytes_raw())

    def sign(self, head: Head) -> bytes:
        """Return the signed note of a checkpoint."""
        text = head.to_text()
        signature = Signature(self.verifier.name, self.verifier.key_id, self._key.sign(text.encode()))
        return Note(text, (signature,)).to_bytes()

    def secret(self, purpose: bytes) -> bytes:
        """Derive a 32-byte secret for another purpose from this key."""
        return hmac.digest(self._key.private_bytes_raw(), b"orchestrail " + purpose, "sha256")


def _parse_signature(line: str) -> Signature:
    match = _SIGNATURE.fullmatch(line)
    if match is None:
        raise NoteError("a signature line is not in its form")
    data = _decode(match[2])
    if len(data) < 5:
        raise NoteError("a signature is too short")
    return Signature(match[1], data[:4], data[4:])


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("not base64") from error
    if _encode(data) != text:
        raise NoteError("base64 that is not canonical")
    return data
