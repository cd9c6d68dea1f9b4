"""Secrets out: by name, by form, by value; ordinary words stay."""

from __future__ import annotations

import json
from collections import OrderedDict
from enum import StrEnum
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrail import redaction
from orchestrail.redaction import MARK, is_sensitive, kept, redact, redact_text, remember, remember_environment

SECRET = "zq7Xp_marker-0042"


@pytest.fixture(autouse=True)
def _forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered here is no secret of the tests that come after."""
    monkeypatch.setattr(redaction, "_now", redaction._now)


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://user:{SECRET}@db.internal:5432/loans",
        f"connection to https://{SECRET}@host/path failed",
        f"amqp://u:with/slash{SECRET}@host",
        f"password={SECRET}",
        f"PASSWORD: '{SECRET}'",
        f'{{"api_key": "{SECRET}"}}',
        f"login --token {SECRET} --user me",
        f"login --my_token {SECRET}",
        f"the api-token {SECRET} has expired",
        f"the password is {SECRET}",
        f"PGPASSWORD={SECRET} psql -h db",
        f"sshpass: {SECRET}",
        f"dbpassword = {SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"GET /x?signature=1&token={SECRET}&b=2",
        f"AccountName=a;AccountKey={SECRET};EndpointSuffix=core",
        f"client_secret => {SECRET}",
        f"ghp_{'a' * 20}{SECRET}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"eyJhbGciOiJ.eyJ{SECRET}.sig",
        f"sk-proj-{SECRET}",
        f"sk_live_{SECRET}",
        f"https://hooks.slack.com/services/T01/B02/{SECRET}",
        f"Cookie: lang=en; sessionid={SECRET}; theme=dark",
        f"run ['mysql', '--db-password', '{SECRET}']",
        f'["--token","{SECRET}"]',
        f"(sqlite3.IntegrityError) failed\n[SQL: select '{SECRET}]\n']\n[parameters: ('{SECRET}',)]\n(Background on this error)",
        f"(E) failed\n[SQL: select ?]\n[parameters: [{{'x': '{SECRET}\n]'}}, {{'x': '{SECRET}'}}]]",
        f"duplicate key\nDETAIL:  Key (name)=({SECRET}\n{SECRET}) already exists.",
        f"syntax error\nLINE 1: select '{SECRET}' form\n    ^\nCONTEXT:  SQL statement \"{SECRET}\"\nHINT:  none",
        f"(1062, \"Duplicate entry '{SECRET}' for key 'users.name'\")",
        f'invalid input syntax for type integer: "{SECRET}"',
        f"CREATE USER loans IDENTIFIED BY '{SECRET}'",
        f"alter user 'a'@'%' identified with caching_sha2_password by '{SECRET}' expire never",
        f"CREATE USER loans IDENTIFIED BY PASSWORD 'it''s {SECRET}'",
        f"create user loans identified by {SECRET} default tablespace users",
        f"ALTER ROLE loans WITH LOGIN PASSWORD '{SECRET}' VALID UNTIL 'infinity'",
        f"the token is revoked-{SECRET}",
        f"the password was the{SECRET}",
    ],
)
def test_secrets_of_known_forms_are_taken_out(text: str) -> None:
    """Whatever form a credential has in a text, it does not stay."""
    told = redact_text(text)
    assert SECRET not in told
    assert SECRET.replace("-", "") not in told
    assert redact_text(told) == told  # what is taken out stays so, and is no secret


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "apassword",
        "-asecret",
        "a.",
        "a://",
        "a://b:",
        "a-",
        "eyJ-",
        "-eyJaaaaaa",
        "-token-",
        "_token ",
        "password=",
        "'",
        "-",
        "[SQL: ",
        "\nDETAIL: ",
        "LINE 1: ",
        "cookie: ",
        "'--token', ",
        "--a-a-a",
        "Duplicate entry",
        "invalid input syntax for a ",
        "hooks.slack.com/services/",
        "identified by '",
        "password '",
        "user a identified by ",
    ],
)
def test_a_long_text_is_searched_in_a_time_that_rises_with_its_length(piece: str) -> None:
    """No text begins to match at each of its characters: if one did, this would take an hour."""
    text = piece * (1 << 16)
    assert redact_text(f"{text} token ://").startswith(text[: len(piece)])


@pytest.mark.parametrize(
    "text",
    [
        "py-tokens-1:sha256:0a",
        "urn:orchestrail:facet:orchestrail_code:1-0-0",
        "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "/data/token_counts.csv",
        "max_tokens=5",
        "key error: 'income'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'keys/data.csv'",
        "https://host:8080/a/@scope/b",
        "in line 3: a detail: of the context: duplicate rows, no cookies",
        '["--rows", "5", "--table", "loans"]',
        "the token was revoked",
        "the token was revoked; the password is not set, and the api-key is missing.",
        "its access-token was refused: the secret of the vault is wrong",
        "rows identified by name, and the user identified by mail",
    ],
)
def test_ordinary_texts_stay(text: str) -> None:
    """What is no secret is evidence and must not be blotted out."""
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "accessToken",
        "api-key",
        "AWS_SECRET_ACCESS_KEY",
        "sshKey",
        "dsn",
        "PGPASSWORD",
        "SSHPASS",
        "REDISCLI_AUTH",
    ],
)
def test_telling_names(name: str) -> None:
    """A value under such a name is a secret, whatever it looks like."""
    assert is_sensitive(name)
    assert redact({name: SECRET, "nested": [{name: 7}]}) == {name: MARK, "nested": [{name: MARK}]}


@pytest.mark.parametrize(
    "name", ["tokenizer", "max_tokens", "author", "keyboard", "passenger", "monkey", "secretary", "key"]
)
def test_names_that_only_look_like_it(name: str) -> None:
    """Words that merely contain a telling one are ordinary parameters."""
    assert not is_sensitive(name)


def test_values_of_the_environment_are_known_everywhere() -> None:
    """A secret of the environment is taken out of any text, URL passwords included; short values are left alone."""
    remember_environment(
        {"MY_TOKEN": "envSecret-991", "DATABASE_URL": "postgres://me:pw-in-url-7@h/db", "PWD_X": "abc"}
    )
    assert redact_text("it said envSecret-991, then pw-in-url-7, then abc") == f"it said {MARK}, then {MARK}, then abc"


@given(
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs"]),
        min_size=12,
        max_size=40,
    )
)
def test_a_remembered_value_never_stays(value: str) -> None:
    """Whatever characters a remembered secret has, it does not survive in a text."""
    remember(value)
    assert value not in redact_text(f"before {value} after")


_LITERALS = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x17F), min_size=6, max_size=30)


@given(
    st.sampled_from(["identified by ", "IDENTIFIED WITH mysql_native_password BY ", "identified  as ", "PASSWORD "]),
    _LITERALS,
)
def test_what_a_statement_makes_a_user_with_never_stays(words: str, value: str) -> None:
    """Whatever characters the literal has, a quote that is doubled too; what comes after it stays."""
    literal = value.replace("'", "''")
    told = redact_text(f"create user a {words}'{SECRET}{literal}' account lock")
    assert SECRET not in told
    assert told.endswith(f"{words}'{MARK}' account lock")


_WORDS = st.sampled_from(["revoked", "expired", "not", "missing", "invalid", "the", "wrong", "rotated"])


@given(
    st.sampled_from(["token", "password", "api-key", "secret", "access-token"]), _WORDS, st.sampled_from(".,;:!?) \n")
)
def test_a_sentence_about_a_secret_is_none(name: str, word: str, end: str) -> None:
    """What it says of one is evidence; a value that only begins like such a word is taken out."""
    assert redact_text(f"its {name} was {word}{end}") == f"its {name} was {word}{end}"
    assert word + SECRET not in redact_text(f"its {name} was {word}{SECRET}{end}")


@given(st.text(alphabet="0123456789abcdef-", min_size=1, max_size=11))
def test_hexadecimal_text_has_no_form_of_a_secret(text: str) -> None:
    """What ids and digests consist of is in none of the forms, which is why they are not looked for in it."""
    assert redact_text(f"({text} {text})") == f"({text} {text})"


def test_a_known_hexadecimal_secret_is_taken_out() -> None:
    """It is no id just because it looks like one."""
    remember("0f9e-77aa-4bd1-aa19")
    assert redact_text("0f9e-77aa-4bd1-aa19") == MARK


def test_what_json_writes_as_a_text_or_an_object_is_searched_like_one() -> None:
    """A member of an enum, an ordered dictionary or a named tuple hides no secret."""

    class Tag(StrEnum):
        OF_A_RUN = f"password={SECRET}"

    class Pair(NamedTuple):
        one: str

    hidden = [Tag.OF_A_RUN, OrderedDict(token=SECRET), Pair(f"token={SECRET}"), {Tag.OF_A_RUN: 1}]
    assert SECRET not in json.dumps(redact(hidden))


def test_what_is_kept_is_made_anew_once_more_is_known() -> None:
    """Before that it is made once for the same arguments."""
    made = []

    @kept
    def text(name: str) -> str:
        made.append(name)
        return redact_text(f"{name} is learntLater-1")

    assert [text("a"), text("a"), text("b")] == ["a is learntLater-1", "a is learntLater-1", "b is learntLater-1"]
    assert made == ["a", "b"]
    remember("learntLater-1")
    assert [text("a"), text("a")] == [f"a is {MARK}"] * 2
    assert made == ["a", "b", "a"]
