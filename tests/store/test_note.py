"""Signed notes and checkpoints have one byte form, and no other bytes pass."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.store.note import (
    Head,
    Note,
    NoteError,
    Signature,
    Signer,
    Verifier,
    parse_head,
    parse_note,
    parse_verifier,
)

SIGNER = Signer("orchestrail/log/test", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

# The example in the documentation of golang.org/x/mod/sumdb/note, another implementation of the format.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="+"), min_size=1)
heads = st.builds(
    Head, names.filter(lambda name: "\n" not in name), st.integers(0, 10**18), st.binary(min_size=32, max_size=32)
)


def accepted(data, signer=SIGNER):
    try:
        note = parse_note(data)
        signer.verifier.check(note)
        return parse_head(note.text)
    except NoteError:
        return None


def test_a_note_of_another_implementation_holds():
    """A note that Go signed is read, checked, and written again byte for byte."""
    verifier = parse_verifier(GO_KEY)
    assert verifier.to_text() == GO_KEY
    note = parse_note(GO_NOTE)
    verifier.check(note)
    assert note.to_bytes() == GO_NOTE


@given(heads)
def test_checkpoint_reads_back(head):
    """What was signed is what is read."""
    assert accepted(SIGNER.sign(head)) == head


def test_every_flipped_bit_of_a_checkpoint_is_seen():
    """No single bit of a note can turn over unnoticed, those in the padding of base64 included."""
    note = SIGNER.sign(Head("orchestrail/log/test", 1234, bytes(range(32))))
    assert accepted(note) is not None
    for bit in range(8 * len(note)):
        changed = bytearray(note)
        changed[bit // 8] ^= 1 << bit % 8
        assert accepted(bytes(changed)) is None, bit


def test_a_signature_in_other_base64_is_refused():
    """The last character of a signature has bits that decoding ignores; only one spelling passes."""
    note = SIGNER.sign(Head("orchestrail/log/test", 1, bytes(32))).decode()
    body, end = note[:-4], note[-4:]
    assert end.endswith("=\n")
    others = [f"{body}{end[0]}{chr(code)}=\n" for code in range(33, 127) if chr(code) != end[1] and chr(code).isalnum()]
    same = [other for other in others if base64.b64decode(other.split()[-1]) == base64.b64decode(note.split()[-1])]
    assert same
    assert all(accepted(other.encode()) is None for other in same)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read_back(data):
    """Reading a note never fails in another way than by refusing it."""
    try:
        note = parse_note(data)
    except NoteError:
        return
    assert note.to_bytes() == data


@given(st.text(max_size=120))
def test_any_text_is_no_head_or_reads_back(text):
    """Reading a checkpoint never fails in another way than by refusing it."""
    try:
        head = parse_head(text)
    except NoteError:
        return
    assert head.to_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "origin\n01\n" + "A" * 43 + "=\n",
        "origin\n+1\n" + "A" * 43 + "=\n",
        "origin\n1\n" + "A" * 43 + "=\nmore\n",
        "origin\n1\n" + "A" * 42 + "==\n",
        "origin\n1\n" + "A" * 42 + "B=\n",
        "origin\n1\nAAAA\n",
        "\n1\n" + "A" * 43 + "=\n",
        "origin\n1\n" + "A" * 43 + "=",
    ],
)
def test_malformed_heads(text):
    """A size with a leading zero or sign, a further line, a short or misspelt hash: all refused."""
    with pytest.raises(NoteError):
        parse_head(text)


@pytest.mark.parametrize(
    "text",
    [
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("c74f20a3", "C74F20A3"),
        GO_KEY + "\n",
        GO_KEY.replace("+ARpc", "+Aipc"),
        GO_KEY[:-1],
        "name",
        "",
    ],
)
def test_malformed_keys(text):
    """A public key with another id, another algorithm or anything behind it is refused."""
    with pytest.raises(NoteError):
        parse_verifier(text)


def test_another_key_does_not_pass():
    """A checkpoint under the same name, signed by another key, is refused."""
    other = Signer("orchestrail/log/test", Ed25519PrivateKey.generate())
    assert accepted(other.sign(Head("orchestrail/log/test", 1, bytes(32)))) is None


def test_a_key_that_claims_the_id_does_not_pass():
    """The id in a signature line is only a hint: the signature itself decides."""
    other = Signer("orchestrail/log/test", Ed25519PrivateKey.generate())
    head = Head("orchestrail/log/test", 1, bytes(32))
    theirs = parse_note(other.sign(head)).signatures[0]
    forged = Note(head.to_text(), (Signature(theirs.name, SIGNER.verifier.key_id, theirs.value),))
    assert accepted(forged.to_bytes()) is None


def test_a_cosigned_note_passes():
    """A witness may add its line; ours still counts."""
    head = Head("orchestrail/log/test", 1, bytes(32))
    witness = Signer("witness.example", Ed25519PrivateKey.generate())
    lines = parse_note(witness.sign(head)).signatures + parse_note(SIGNER.sign(head)).signatures
    assert accepted(Note(head.to_text(), lines).to_bytes()) == head


@given(st.binary(min_size=32, max_size=32))
def test_public_key_reads_back(key):
    """A pinned key has one form, with a plus sign in its base64 too."""
    verifier = Verifier("orchestrail/log/test", key)
    assert parse_verifier(verifier.to_text()) == verifier
