"""Keys as people have them, and signatures with them."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from orchestrail.statements.content import Signed, Unusable, content_of
from orchestrail.statements.signatures import (
    KeyProblem,
    is_by,
    private_key,
    public_key,
    public_line,
    read_envelope,
    sign,
    write_envelope,
)

DIGEST = "sha256:" + "ab" * 32
CONTENT = content_of(
    {
        "kind": "statement",
        "about": ["DOC-04"],
        "subject": {"kind": "run", "name": "0192f000-0000-7000-8000-000000000001", "digest": DIGEST},
        "by": "tess",
        "role": "test_responsible",
        "madeAt": "2026-03-01T12:00:00.000000Z",
        "validUntil": "2027-03-01",
        "statement": "The test ran on the data of May, as planned.",
    }
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def no_passphrase():
    raise AssertionError("the key has no passphrase")


@pytest.fixture(scope="module")
def made_by_ssh(tmp_path_factory):
    """Files that ssh-keygen makes: without a passphrase, with one, and of another kind."""
    folder = tmp_path_factory.mktemp("keys")
    for name, kind, word in (("plain", "ed25519", ""), ("locked", "ed25519", "open sesame"), ("other", "ecdsa", "")):
        command = ["ssh-keygen", "-q", "-t", kind, "-N", word, "-C", "tess@laptop", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


@pytest.mark.parametrize("name", ["plain", "locked"])
def test_a_key_of_ssh_signs(made_by_ssh, name):
    """And its public file verifies; what is kept of that has no name in it."""
    key = private_key((made_by_ssh / name).read_bytes(), lambda: "open sesame")
    line = (made_by_ssh / f"{name}.pub").read_text()
    assert is_by(CONTENT, sign(CONTENT, key), public_key(line))
    assert public_line(public_key(line)) == public_line(key) == " ".join(line.split()[:2])


def test_a_key_in_pem_signs():
    """As openssl makes it."""
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert is_by(CONTENT, sign(CONTENT, private_key(pem, no_passphrase)), public_key(public_line(KEY)))


def test_what_is_no_key_is_refused(made_by_ssh):
    """A wrong passphrase, another kind, a public key in place of the private one, no key at all."""
    elliptic = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (
        (made_by_ssh / "locked").read_bytes(),
        (made_by_ssh / "other").read_bytes(),
        (made_by_ssh / "plain.pub").read_bytes(),
        (made_by_ssh / "plain").read_bytes()[:100],
        elliptic,
        b"",
    ):
        with pytest.raises(KeyProblem):
            private_key(data, lambda: "wrong")
    for line in ((made_by_ssh / "other.pub").read_text(), "ssh-ed25519 AAAA", "ssh-ed25519", "", "é"):
        with pytest.raises(KeyProblem):
            public_key(line)


def test_a_signature_is_over_one_content_and_of_one_key():
    """Another content, another key or another signature is not by it, whatever the key's name in it says."""
    signed = sign(CONTENT, KEY)
    key, other = public_key(public_line(KEY)), public_key(public_line(OTHER))
    assert is_by(CONTENT, signed, key)
    assert not is_by(CONTENT, signed, other)
    assert not is_by(CONTENT, replace(signed, keyid=other.keyid), other)
    assert not is_by(replace(CONTENT, by="tom"), signed, key)
    assert not is_by(CONTENT, Signed(key.keyid, "00" * 64), key)


@given(st.integers(0, 63), st.integers(1, 255))
def test_no_byte_of_a_signature_can_be_changed(place, change):
    """It verifies whole or not at all."""
    signed = sign(CONTENT, KEY)
    changed = bytearray.fromhex(signed.value)
    changed[place] ^= change
    assert not is_by(CONTENT, Signed(signed.keyid, changed.hex()), public_key(public_line(KEY)))


def test_a_signed_file_is_read_as_it_was_written():
    """Content and signature, through the envelope that other tools read."""
    signed = sign(CONTENT, KEY)
    assert read_envelope(write_envelope(CONTENT, signed)) == (CONTENT, (signed,))


def test_a_signed_file_is_an_envelope_of_the_standard():
    """DSSE: the signature is over the encoding of type and payload that its specification prints."""
    found = json.loads(write_envelope(CONTENT, sign(CONTENT, KEY)))
    payload = base64.b64decode(found["payload"])
    kind = found["payloadType"].encode()
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    KEY.public_key().verify(base64.b64decode(found["signatures"][0]["sig"]), signed)
    assert json.loads(payload)["_type"] == "https://in-toto.io/Statement/v1"


def test_every_flipped_bit_of_a_signed_file_is_found():
    """No bit of it can turn over unnoticed, but those of the key's name, which is a hint that DSSE does not sign."""
    data = write_envelope(CONTENT, sign(CONTENT, KEY))
    key = public_key(public_line(KEY))
    hint = range(data.index(key.keyid.encode()), data.index(key.keyid.encode()) + len(key.keyid))
    missed = []
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            content, (signed,) = read_envelope(bytes(changed))
        except (Unusable, ValueError):
            continue
        if is_by(content, signed, key) and bit // 8 not in hint:
            missed.append((bit, bytes(changed[bit // 8 - 10 : bit // 8 + 10])))
    assert missed == []


def test_base64_for_addresses_is_read_too():
    """DSSE allows both alphabets."""
    found = json.loads(write_envelope(CONTENT, sign(CONTENT, KEY)))
    plain = str.maketrans("+/", "-_")
    found["payload"] = found["payload"].translate(plain)
    found["signatures"][0]["sig"] = found["signatures"][0]["sig"].translate(plain)
    assert read_envelope(json.dumps(found).encode()) == (CONTENT, (sign(CONTENT, KEY),))


def envelope_of(payload: bytes, **changes):
    found = json.loads(write_envelope(CONTENT, sign(CONTENT, KEY)))
    return json.dumps(found | {"payload": base64.b64encode(payload).decode()} | changes).encode()


def test_what_is_no_signed_statement_is_refused():
    """No JSON, no envelope, another payload, another writing of the same one, a signature that is none."""
    loose = json.dumps(json.loads(CONTENT.payload), indent=1).encode()
    foreign = json.dumps({**json.loads(CONTENT.payload), "predicateType": "https://slsa.dev/provenance/v1"}).encode()
    for data in (
        b"",
        b"[]",
        b"{}",
        b"\xff",
        envelope_of(b"no json"),
        envelope_of(b"[]"),
        envelope_of(loose),
        envelope_of(foreign),
        envelope_of(CONTENT.payload, payloadType="text/plain"),
        envelope_of(CONTENT.payload, signatures=[{"keyid": "x", "sig": "AAAA"}]),
        envelope_of(CONTENT.payload, signatures=[{"keyid": 5, "sig": "AAAA"}]),
        envelope_of(CONTENT.payload, signatures="x"),
    ):
        with pytest.raises(Unusable):
            read_envelope(data)


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig"]), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_can_be_read(data):
    """They are refused in our own words, and never otherwise."""
    with pytest.raises(Unusable):
        read_envelope(data)
