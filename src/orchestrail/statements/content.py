"""What a person states: fields and rules, and the one form in bytes that is signed and that the id is made of.

The form is an in-toto statement, so that other tools can read what was signed. All values are texts: each is written in one way.
What is stated about whom and by whom is checked here as far as it can be without the record; whether the statement is true cannot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:orchestrail:predicate:statement:1-0-0"
MAX_WAIVER = 180
"""Days that a waiver may last."""
MAX_TEXT = 20_000
"""Characters of a statement: a longer text is a document, and evidence of a shorter one."""

ROLES = (
    "provider_representative",
    "regulatory_lead",
    "data_steward",
    "risk_owner",
    "test_responsible",
    "monitoring_owner",
    "data_protection_officer",
    "store_operator",
    "deployer_oversight",
)
CHANGE_CLASSES = ("pre_determined", "not_substantial", "substantial")
SUBJECT_KINDS = ("data", "model", "run", "system", "file")

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ABOUT = re.compile(r"[A-Za-z][A-Za-z0-9 ().:_/-]{1,79}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,59}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_PLACEHOLDER = re.compile(
    r"<[a-z][^<>\n]{0,60}>|\{\{.*?\}\}|\[(?:insert|your|name|date|describe|fill)\b[^\]\n]*\]|lorem ipsum"
    r"|\b(?:TO[ -]?DO|TBD|FIX[ -]?ME|X{3,})\b",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_LEAST_WORDS = 4


class Kind(StrEnum):
    """What a record of a person does."""

    STATEMENT = "statement"
    WAIVER = "waiver"
    WITHDRAWAL = "withdrawal_of_statement"


class Unusable(ValueError):
    """A content that breaks a rule; says which."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is bound to.

    Attributes:
        kind: `data`, `model`, `run`, `system`, or `file` for what was not on the record.
        name: `namespace:name` of a data set or model, the id of a run, `SYSTEM@VERSION`, or the name of a file.
        digest: of its content; of the log entry that ended a run; of the name of a system.
    """

    kind: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that was relied on.

    Attributes:
        name: its name.
        digest: of its content.
    """

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a person states.

    Attributes:
        kind: a statement, a waiver, or the withdrawal of either.
        about: ids of requirements, points of Annex IV (`IV(2)(g)`); empty for a withdrawal.
        subject: what it is bound to.
        by: the person, or a stable pseudonym that is resolved elsewhere.
        role: in which role, one of `ROLES`.
        made_at: RFC 3339 in UTC with microseconds.
        valid_until: last day on which it stands; None for a withdrawal.
        statement: what is stated, in the person's own words.
        reason: why, for a waiver or a withdrawal.
        fields: what is stated in a form that can be compared, by name.
        evidence: files relied on.
        supersedes: id of the statement in whose place it stands.
        withdraws: id of the statement that a withdrawal takes back.
    """

    kind: Kind
    about: tuple[str, ...]
    subject: Subject
    by: str
    role: str
    made_at: str
    valid_until: date | None = None
    statement: str | None = None
    reason: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    supersedes: str | None = None
    withdraws: str | None = None

    def document(self) -> dict[str, Any]:
        """Give the content as the record and the signed form have it."""
        said = {
            "kind": self.kind.value,
            "about": list(self.about),
            "subject": {"kind": self.subject.kind, "name": self.subject.name, "digest": self.subject.digest},
            "by": self.by,
            "role": self.role,
            "madeAt": self.made_at,
            "validUntil": self.valid_until.isoformat() if self.valid_until else None,
            "statement": self.statement,
            "reason": self.reason,
            "fields": [{"name": name, "value": value} for name, value in self.fields],
            "evidence": [{"name": one.name, "digest": one.digest} for one in self.evidence],
            "supersedes": self.supersedes,
            "withdraws": self.withdraws,
        }
        return {name: value for name, value in said.items() if value is not None}

    @property
    def payload(self) -> bytes:
        """The form that is signed: an in-toto statement with sorted keys, no blanks, UTF-8."""
        subject = {"name": self.subject.name, "digest": {"sha256": self.subject.digest.removeprefix("sha256:")}}
        statement = {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": PREDICATE_TYPE,
            "predicate": self.document(),
        }
        return json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def id(self) -> str:
        """The digest of that form: the same content is the same statement, wherever it is kept."""
        return f"sha256:{sha256(self.payload).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature.

    Attributes:
        keyid: names the key that made it; a hint, and no proof.
        value: the signature, hexadecimal.
    """

    keyid: str
    value: str


def content_of(said: Mapping[str, Any]) -> Content:
    """Read a content, from the record or from a signed file, and check its rules.

    Args:
        said: as `Content.document` gives it.

    Raises:
        Unusable: a field is missing or breaks a rule.
    """
    kind = _one_of("kind", said.get("kind"), tuple(Kind))
    made_at = _text("madeAt", said.get("madeAt"))
    if not _MOMENT.fullmatch(made_at) or not _is_moment(made_at):
        raise Unusable(f"madeAt is a time in UTC such as 2026-03-01T12:00:00.000000Z, not {made_at!r}")
    content = Content(
        kind=Kind(kind),
        about=tuple(_matching("about", each, _ABOUT) for each in _list("about", said.get("about", []))),
        subject=_subject(said.get("subject")),
        by=_text("by", said.get("by")),
        role=_one_of("role", said.get("role"), ROLES),
        made_at=made_at,
        valid_until=_day(said.get("validUntil")),
        statement=_optional("statement", said.get("statement")),
        reason=_optional("reason", said.get("reason")),
        fields=tuple(
            sorted(
                (_matching("name of a field", one.get("name"), _FIELD), _text("value of a field", one.get("value")))
                for one in _objects("fields", said.get("fields", []))
            )
        ),
        evidence=tuple(
            Evidence(_text("name of evidence", one.get("name")), _digest("digest of evidence", one.get("digest")))
            for one in _objects("evidence", said.get("evidence", []))
        ),
        supersedes=_optional_digest("supersedes", said.get("supersedes")),
        withdraws=_optional_digest("withdraws", said.get("withdraws")),
    )
    _check(content)
    return content


def signed_of(keyid: object, value: object) -> Signed:
    """Read a signature; whether it is one over a content is not looked at here.

    Raises:
        Unusable: it has not the form of an Ed25519 signature.
    """
    return Signed(_text("keyid", keyid), _matching("value of a signature", value, _SIGNATURE))


def problem_of_text(text: str) -> str | None:
    """Say why a text cannot be somebody's own statement; None where nothing speaks against it."""
    if len(text.split()) < _LEAST_WORDS:
        return f"it has fewer than {_LEAST_WORDS} words, and states nothing"
    if len(text) > MAX_TEXT:
        return f"it has more than {MAX_TEXT:,} characters: give the document as evidence, and state what it shows"
    if found := _PLACEHOLDER.search(text):
        return f"{found[0]!r} in it is the text of a template"
    return None


def _check(content: Content) -> None:
    made = datetime.fromisoformat(content.made_at).date()
    if len({name for name, _ in content.fields}) < len(content.fields):
        raise Unusable("a field is given twice")
    for name, value in content.fields:
        if problem := _problem_of_field(name, value):
            raise Unusable(f"the field {name} {problem}, not {value!r}")
    if content.kind == Kind.WITHDRAWAL:
        if content.withdraws is None or content.reason is None:
            raise Unusable("a withdrawal names what it withdraws, and a reason")
        return
    if not content.about:
        raise Unusable("about names at least one requirement or point of Annex IV")
    if content.valid_until is None or content.valid_until < made:
        raise Unusable("the last day (validUntil) is a day that is not before the statement was made")
    if content.withdraws is not None:
        raise Unusable(f"a {content.kind} withdraws nothing; it may supersede")
    if content.kind == Kind.WAIVER:
        if content.reason is None:
            raise Unusable("a waiver has a reason")
        if content.valid_until > made + timedelta(days=MAX_WAIVER):
            raise Unusable(f"a waiver ends after {MAX_WAIVER} days at the latest")
    elif content.statement is None:
        raise Unusable("a statement states something")
    if content.statement is not None and (problem := problem_of_text(content.statement)):
        raise Unusable(f"statement: {problem}")
    if content.reason is not None and (problem := problem_of_text(content.reason)):
        raise Unusable(f"reason: {problem}")


def _problem_of_field(name: str, value: str) -> str | None:
    """Check the fields that requirements compare with facts."""
    if name == "placed_on_market":
        try:
            return None if date.fromisoformat(value).isoformat() == value else "is a day, YYYY-MM-DD"
        except ValueError:
            return "is a day, YYYY-MM-DD"
    if name == "change_class" and value not in CHANGE_CLASSES:
        return f"is one of {', '.join(CHANGE_CLASSES)}"
    if name == "accuracy_target" and not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", value, re.ASCII):
        return "is a number"
    if name == "monitoring_interval_days" and not re.fullmatch(r"[1-9]\d{0,3}", value, re.ASCII):
        return "is a number of days"
    return None


def _subject(value: object) -> Subject:
    if not isinstance(value, Mapping):
        raise Unusable("subject is an object with kind, name and digest")
    return Subject(
        _one_of("kind of the subject", value.get("kind"), SUBJECT_KINDS),
        _text("name of the subject", value.get("name")),
        _digest("digest of the subject", value.get("digest")),
    )


def _is_moment(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _day(value: object) -> date | None:
    if value is None:
        return None
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise Unusable(f"the last day (validUntil) is a day, YYYY-MM-DD, not {value!r}")
    return day


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise Unusable(f"{name} is missing, empty or too long")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unusable(f"{name} is no text that can be written as UTF-8") from None
    return value


def _optional(name: str, value: object) -> str | None:
    return None if value is None else _text(name, value)


def _matching(name: str, value: object, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise Unusable(f"{name} cannot be {value!r}")
    return value


def _digest(name: str, value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise Unusable(f"{name} is sha256: and 64 hexadecimal digits, not {value!r}")
    return value


def _optional_digest(name: str, value: object) -> str | None:
    return None if value is None else _digest(name, value)


def _one_of(name: str, value: object, allowed: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise Unusable(f"{name} is one of {', '.join(allowed)}, not {value!r}")
    return value


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise Unusable(f"{name} is a list")
    return value


def _objects(name: str, value: object) -> list[Mapping[str, Any]]:
    found = _list(name, value)
    if not all(isinstance(one, Mapping) for one in found):
        raise Unusable(f"{name} is a list of objects")
    return found
