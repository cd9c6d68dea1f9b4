"""Secrets out, before anything leaves memory. Nothing is written here, and nothing is put back.

Three ways a secret is known: by the name it stands under, by its form (URL credentials, bearer tokens, well-known key formats),
and by its value, when the same value stands in an environment variable or a parameter whose name gives it away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, wraps
from itertools import pairwise
from typing import Any, TypeVar, TypeVarTuple

from orchestrail.locks import Lock
from orchestrail.model import DatasetRef

Arguments = TypeVarTuple("Arguments")
R = TypeVar("R")

MARK = "[redacted]"
MAX_TEXT = 64 * 1024
"""Characters up to which a parameter or the text of an error is searched, which costs about 16 ms; longer ones are not kept, so
that a longer secret need not be remembered."""
_SHORTEST = 6
_LONG = 12
"""Values are searched for in texts from 6 characters with two kinds of characters, or from 12: the password `airflow` would
blot out half the record and is no secret anyway."""
_NOT_SECRET = re.compile(r"(?i)^(?:old)?pwd$|_(?:file|path|dir|url|host|port|timeout|name|expir\w*|seconds|enabled)$")
"""Variables whose name tells of a secret but whose value is a place or a setting."""
_WHOLE = frozenset(["ORCHESTRAIL_NOTIFY"])
"""Variables whose name does not tell, and whose value is a secret: an address with tokens in any of its parts."""

_WORDS = frozenset(
    [
        "password", "passwd", "passphrase", "pwd", "pw", "secret", "secrets", "token",
        "apikey", "credential", "credentials", "authorization", "bearer", "cookie", "dsn",
        "authtoken", "accesstoken", "privatekey", "secretkey", "pat", "jwt", "passcode",
        "connstr", "sas", "sshpass",
    ]
)  # fmt: skip
_ENDINGS = ("password", "passwd", "passphrase", "secret")
"""Ends of words that have more before them: `PGPASSWORD`, `dbpassword`, `clientsecret`."""
_PAIRS = frozenset(
    [
        ("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("encryption", "key"),
        ("signing", "key"), ("account", "key"), ("fernet", "key"), ("connection", "string"), ("session", "id"),
        ("auth", "key"), ("sql", "conn"), ("ssh", "key"), ("rediscli", "auth"),
    ]
)  # fmt: skip
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_NAMES = (
    r"[a-z0-9]*(?:password|passwd|passphrase|secret)|pass(?:code)?|sshpass|pwd?|secrets|token|api[-_ ]?key|"
    r"access[-_ ]?key(?:[-_ ]?id)?|private[-_ ]?key|secret[-_ ]?key|account[-_ ]?key|credentials?|authorization|"
    r"client[-_ ]?secret|cookie|dsn|jwt|sig(?:nature)?"
)
_PROSE = (
    r"(?!(?:is|was|were|has|had|have|will|would|can|cannot|could|must|may|should|did|does|not|no|never|now|already|also|too|still|only|"
    r"a|an|the|this|that|it|its|in|on|at|of|to|for|from|by|with|without|and|or|but|as|if|when|"
    r"revoked|expired|invalid|valid|missing|absent|empty|wrong|incorrect|required|optional|set|unset|used|needed|unknown|known|given|"
    r"rejected|refused|denied|accepted|rotated|renewed|refreshed|changed|deleted|removed|disabled|malformed|short|long|weak|"
    r"correct|null|none)(?![^\s.,;:!?)\]'\"]))"
)
"""What a sentence goes on with after one of the names: `the token was revoked` tells of a token, and not which."""
_LITERAL = r"'[^']*(?:''[^']*)*(?:'|\Z)|\"[^\"]*(?:\"\"[^\"]*)*(?:\"|\Z)"
"""A text in a statement, to the end where nothing ends it."""
_QUICK = re.compile(
    r"(?i)pass|pwd|secret|token|key|credential|authorization|bearer|cookie|dsn|jwt|://|sig|eyj|akia|asia|gh[pousr]_|github_pat|"
    r"glpat|sk-|k_live_|k_test_|whsec_|xox|aiza|begin|npm_|hf_|basic |identified|hooks\.slack|webhooks|telegram|"
    r"\[sql: |\[parameters: |detail: |context: |query: |statement: |line \d|duplicate|invalid input"
)


def _up_to_last_at(found: re.Match[str]) -> str:
    _, at, rest = found[0].rpartition("@")
    return f"://{MARK}@{rest}" if at else found[0]


def _of_parts(found: re.Match[str]) -> str:
    return MARK if found[1] else found[0]


# Each takes a time that rises with the length of the text alone: what could begin anew at every character of a match that fails
# would take its square, minutes for a text of 64 kB. So such a form takes all that it looks at, and says itself whether it is one.
_END = r"(?=\n(?:HINT|DETAIL|CONTEXT|QUERY|STATEMENT|LINE \d+): |\n\[parameters: |\n\(Background on |\Z)"
_FORMS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # What a database or its driver says of a statement: its text, its parameters, the row that it does not take.
    (re.compile(rf"\[(SQL|parameters): .*?{_END}", re.DOTALL), rf"[\1: {MARK}]"),
    (re.compile(rf"^(DETAIL|CONTEXT|QUERY|STATEMENT): .*?{_END}", re.DOTALL | re.MULTILINE), rf"\1:  {MARK}"),
    (re.compile(r"^(LINE \d+): [^\n]*", re.MULTILINE), rf"\1: {MARK}"),
    (re.compile(r"(?i)(Duplicate entry |duplicate key value is |invalid input syntax for [a-z ]{1,40}: )[^\n]*"), rf"\1{MARK}"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL), MARK),
    # user:password@ and token@ in a URL
    (re.compile(r"(?<=[A-Za-z0-9+.-])://[^\s/?#'\"]*@"), f"://{MARK}@"),
    # ... or the password holds a slash, which a URL should not
    (re.compile(r"(?<=[A-Za-z0-9+.-])://[^\s/:'\"@]*:(?!\d+/)[^\s'\"]*"), _up_to_last_at),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9+/=._~-]{6,}"), rf"\1 {MARK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{6,}(\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?)?"), _of_parts),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), MARK),
    (
        re.compile(
            r"\b(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_|xox[abeoprs]-|sk-|[rs]k_(?:live|test)_|whsec_)[A-Za-z0-9_-]{10,}"
        ),
        MARK,
    ),
    # addresses that are a secret themselves
    (
        re.compile(
            r"(hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/|api\.telegram\.org/bot)"
            r"[^\s'\"]+"
        ),
        rf"\1{MARK}",
    ),
    (re.compile(r"(?i)\b(cookie: *+)(?![\"'\[])[^\r\n\"']+"), rf"\1{MARK}"),
    # "--password", "value"
    (
        re.compile(rf"(?i)([\"']--?(?:[a-z0-9]+[-_]){{0,4}}(?:{_NAMES})[\"'], ?)(?:\"[^\"]*\"|'[^']*')"),
        rf'\1"{MARK}"',
    ),
    (re.compile(r"\bAIza[A-Za-z0-9_-]{20,}"), MARK),
    # name = value, name: value, "name": "value", --name value
    (
        re.compile(rf"(?i)(?<![a-z0-9])((?:{_NAMES})[\"']?\s*(?:=>|[=:](?!>))\s*)(\"[^\"]*\"|'[^']*'|(?!\[redacted\])[^\s,;&\"')}}\]]+)"),
        rf"\1{MARK}",
    ),
    # identified by 'value', password 'value': what statements make users with
    (
        re.compile(rf"(?i)(?<![a-z0-9])(identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?|(?:{_NAMES})\s+)(?:{_LITERAL})"),
        rf"\1'{MARK}'",
    ),
    (re.compile(r"(?i)(\buser\s+\S+\s+identified\s+by\s+)(?!['\"])[^\s,;]+"), rf"\1{MARK}"),
    (re.compile(rf"(?i)((?<![\w-])\w*-[\w-]*(?<![a-z0-9])(?:{_NAMES})\s+)(?!\[redacted\]){_PROSE}[^\s,;]+"), rf"\1{MARK}"),
    (re.compile(rf"(?i)((?<![a-z0-9])(?:{_NAMES})\s+(?:is|was|of)\s+)(?!\[redacted\]){_PROSE}[^\s,;]+"), rf"\1{MARK}"),
)  # fmt: skip

_NO_FORM = re.compile(r"[0-9a-f-]*")
"""Hexadecimal ids and digests: each of the forms has a character that is none of these."""

_LONGEST_CLEAN = 300
_MOST_CLEAN = 8192
_MOST_KEPT = 1024


@dataclass(frozen=True, slots=True)
class _Knowledge:
    """What is known of secrets at a time. It is replaced as a whole, so that nobody writes what he found with less into it.

    Attributes:
        secrets: the values that are known.
        in_order: the same, the longest first: one may begin with another. Each is searched for by itself: one pattern of all of
            them is slower, and a thousand tasks that bring one secret each would make a thousand patterns of up to a thousand.
        clean: short texts that were found to hold no secret: most of an event is the same texts again and again.
    """

    secrets: frozenset[str] = frozenset()
    in_order: tuple[str, ...] = ()
    clean: set[str] = field(default_factory=set)


_lock = Lock()
_now = _Knowledge()


@lru_cache(maxsize=4096)
def is_sensitive(name: str) -> bool:
    """Say whether a value under this name is taken for a secret."""
    words = [word.lower() for word in _SPLIT.findall(name)]
    return any(word in _WORDS or word.endswith(_ENDINGS) for word in words) or any(
        pair in _PAIRS for pair in pairwise(words)
    )


def remember(*values: object) -> None:
    """Remember values as secret: from now on they are taken out wherever they stand in a text."""
    global _now
    texts = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values)
    new = {
        text
        for text in texts
        if isinstance(text, str) and len(text) <= MAX_TEXT and text not in _now.secrets and _can_be_found(text)
    }
    if new:
        with _lock:
            secrets = _now.secrets | new
            _now = _Knowledge(secrets, tuple(sorted(secrets, key=len, reverse=True)))


def known_secrets() -> frozenset[str]:
    """Give the values that are known to be secret: the same object until one more is known."""
    return _now.secrets


def kept(make: Callable[[*Arguments], R]) -> Callable[[*Arguments], R]:
    """Keep what `make` gives for the same arguments, until one more secret becomes known: then it may hold that secret.

    Args:
        make: a pure function that takes secrets out; its arguments can be hashed, and where they are equal it gives the same.
    """

    @lru_cache(maxsize=_MOST_KEPT)
    def of(secrets: int, *args: *Arguments) -> R:
        return make(*args)

    @wraps(make)
    def get(*args: *Arguments) -> R:
        return of(len(_now.secrets), *args)

    return get


def _can_be_found(value: str) -> bool:
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]"))
    return len(value) >= (_SHORTEST if kinds > 1 else _LONG)


def remember_environment(environ: Mapping[str, str] | None = None) -> None:
    """Remember the secrets of the environment: values under telling names, and passwords within URLs."""
    found = []
    for name, value in (os.environ if environ is None else environ).items():
        if name in _WHOLE or (is_sensitive(name) and not _NOT_SECRET.search(name)):
            found.append(value)
        if "://" in value:
            credentials = re.match(r"[a-z][a-z0-9+.-]*://([^\s/?#]*)@", value, re.IGNORECASE)
            if credentials:
                found.append(credentials[1].partition(":")[2] or credentials[1])
    remember(*found)


def redact_text(text: str) -> str:
    """Take the secrets out of a text."""
    now = _now
    if text in now.clean:
        return text
    redacted = text
    for secret in now.in_order:
        if secret in redacted:
            redacted = redacted.replace(secret, MARK)
    if _NO_FORM.fullmatch(redacted):
        return redacted
    redacted = redact_forms(redacted)
    if redacted == text and len(text) <= _LONGEST_CLEAN:
        if len(now.clean) >= _MOST_CLEAN:
            now.clean.clear()
        now.clean.add(text)
    return redacted


def redact_forms(text: str) -> str:
    """Take out what has the form of a secret; what is known by its value stays: the same text gives the same everywhere."""
    if _QUICK.search(text):
        for pattern, replacement in _FORMS:
            text = pattern.sub(replacement, text)
    return text


def redact_message(text: str, name: str = "") -> str:
    """Take the secrets out of the text of an error; a text so long that it is a dump of data is only told of.

    Args:
        text: the text.
        name: what stays of a long one: the error's type.
    """
    if len(text) <= MAX_TEXT:
        remember_environment()  # what the step has put into it since
        return redact_text(text)
    return f"{name}: [{len(text):,} characters, not kept]".removeprefix(": ")


def redact(value: Any) -> Any:
    """Take the secrets out of a JSON-like value: returns a copy, keys redacted like texts."""
    kind = type(value)
    if kind is str:
        return redact_text(value)
    if kind is dict:
        return {
            redact_text(key) if isinstance(key, str) else key: item
            if item is None or type(item) is bool
            else _entry(key, item)
            for key, item in value.items()
        }
    if kind is list or kind is tuple:
        return [
            MARK
            if type(before) is str and before[:1] == "-" and type(item) is str and is_sensitive(before)
            else redact(item)
            for before, item in zip((None, *value), value, strict=False)
        ]
    # What JSON has as the text or the object that it is made of: a member of an enum, a named tuple.
    if isinstance(value, str):
        return redact_text(str.__str__(value))
    if isinstance(value, dict):
        return redact(dict(value))
    if isinstance(value, list | tuple):
        return redact(list(value))
    return value


def redact_dataset(dataset: DatasetRef) -> DatasetRef:
    """Take the secrets out of a data set's names: paths and addresses may hold some."""
    namespace, name = redact_text(dataset.namespace), redact_text(dataset.name)
    version = redact_text(dataset.version) if dataset.version else dataset.version
    fields = tuple([(redact_text(field), redact_text(kind)) for field, kind in dataset.fields])
    # Most hold none, and to make one anew takes longer than to look.
    if (namespace, name, version, fields) == (dataset.namespace, dataset.name, dataset.version, dataset.fields):
        return dataset
    return replace(dataset, namespace=namespace, name=name, version=version, fields=fields)


def _entry(key: object, item: Any) -> Any:
    if not isinstance(key, str) or not is_sensitive(key):
        return redact(item)
    if type(item) is dict and item.keys() <= {"type", "value", "digest"}:
        return {"type": item.get("type"), "value": MARK}  # a described parameter keeps its type
    return MARK
