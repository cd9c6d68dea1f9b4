"""Keys of persons, and signatures with them over the content of a statement: DSSE envelopes as in-toto has them.

What is signed is the pre-authentication encoding of payload type and payload (DSSE v1), so a signature that was made for anything
else is none here. Private keys and passphrases are held in memory for one signature, and nowhere else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SigningError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

from orchestrail.statements.content import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Content,
    Signed,
    Unusable,
    content_of,
    signed_of,
)

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_FILE = 1_000_000
"""Bytes of a file that holds a signed statement, or a key."""
_URL_SAFE = str.maketrans("-_", "+/")


class KeyProblem(ValueError):
    """A key that cannot be used; says why."""


def public_key(text: str) -> SSlibKey:
    """Read the public key of a person, a line such as `ssh-ed25519 AAAA... comment`.

    Raises:
        KeyProblem: it is damaged, or of another kind.
    """
    try:
        key = load_ssh_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyProblem("a key of a person is a line that begins with ssh-ed25519, as ssh-keygen -t ed25519 makes it")
    return SSlibKey.from_crypto(key)


def public_line(key: Ed25519PrivateKey | SSlibKey) -> str:
    """Give the public key as a line, without a comment: it may hold a name and a host."""
    public = (
        key.public_key()
        if isinstance(key, Ed25519PrivateKey)
        else Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"]))
    )
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def private_key(data: bytes, passphrase: Callable[[], str]) -> Ed25519PrivateKey:
    """Read a private key, in OpenSSH's form or as PEM.

    Args:
        data: the file.
        passphrase: asks for the passphrase, where the key has one.

    Raises:
        KeyProblem: it is damaged, of another kind, or the passphrase is wrong.
    """
    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        try:
            key: object = load(data, None)
        except TypeError:
            key = load(data, passphrase().encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyProblem("the key is damaged, or the passphrase is not that of the key") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyProblem("the key is none of Ed25519, as ssh-keygen -t ed25519 makes it")
    return key


def sign(content: Content, key: Ed25519PrivateKey) -> Signed:
    """Sign a content."""
    made = _envelope(content).sign(CryptoSigner(key))
    return Signed(made.keyid, made.signature)


def is_by(content: Content, signed: Signed, key: SSlibKey) -> bool:
    """Say whether a key made a signature over exactly this content."""
    envelope = _envelope(content)
    # The id in a signature is the signer's word for his key; the key itself decides.
    envelope.signatures[key.keyid] = Signature(key.keyid, signed.value)
    try:
        envelope.verify([key], 1)
    except SigningError:
        return False
    return True


def write_envelope(content: Content, *signed: Signed) -> bytes:
    """Write a signed content as a file that any tool for DSSE reads."""
    envelope = _envelope(content)
    for one in signed:
        envelope.signatures[one.keyid] = Signature(one.keyid, one.value)
    return json.dumps(envelope.to_dict(), indent=2).encode() + b"\n"


def read_envelope(data: bytes) -> tuple[Content, tuple[Signed, ...]]:
    """Read such a file.

    Raises:
        Unusable: it is none, holds something else, or the content breaks a rule.
    """
    try:
        said = json.loads(data.decode())
        written = [said["payload"], *(one["sig"] for one in said["signatures"])]
        envelope = Envelope.from_dict(said)
        statement: object = json.loads(envelope.payload.decode())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SigningError):
        raise Unusable("it is no DSSE envelope with a JSON payload") from None
    if (
        envelope.payload_type != PAYLOAD_TYPE
        or not isinstance(statement, Mapping)
        or statement.get("_type") != STATEMENT_TYPE
        or statement.get("predicateType") != PREDICATE_TYPE
        or not isinstance(statement.get("predicate"), Mapping)
    ):
        raise Unusable(f"it is no in-toto statement of the type {PREDICATE_TYPE}")
    if not all(map(_is_in_one_form, written)):
        raise Unusable("its base64 is not as encoding writes it")
    predicate: Mapping[str, Any] = statement["predicate"]
    content = content_of(predicate)
    if content.payload != envelope.payload:
        raise Unusable("its payload is not in the one form that is signed (keys sorted, no blanks, UTF-8)")
    return content, tuple(signed_of(one.keyid, one.signature) for one in envelope.signatures.values())


def _is_in_one_form(text: str) -> bool:
    """Whether the bits at the end of base64 that decoding passes over are zero: a flipped one would otherwise go unseen."""
    plain = text.translate(_URL_SAFE)
    return base64.b64encode(base64.b64decode(plain)).decode() == plain


def _envelope(content: Content) -> Envelope:
    return Envelope(content.payload, PAYLOAD_TYPE, {})
