"""What looks like a secret in a text: the detectors of detect-secrets, and the rules of our own redaction as a second opinion.

Digests and ids look random too. They are told by their form where it says what they are (`sha256:...`, a UUID), else by the name of
the field that they stand in; in a parameter, an error or a statement a random text is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from typing import Any

from orchestrail.errors import ConfigurationError
from orchestrail.redaction import MARK, is_sensitive, redact_forms
from orchestrail.scanning.fields import Field

_SHORTEST = 4
_LEAST_RANDOM = 20
"""Characters of a text that may be called random; of hexadecimal digits 32."""
_DIGESTS = re.compile(
    r"\b(?:sha\d{1,3}|md5|blake\w{1,3}|hmac-sha256)[:-][0-9a-fA-F]{32,128}\b"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
)
_IDS = re.compile(
    r"(?i)(?:^|_|[a-z](?=[A-Z]))(?:id|ids|uuid|digest|hash|checksum|sha\d*|md5|crc\w*|commit|revision|version|etag|name|namespace|"
    r"url|uri|path|class)$|version$|name$|path$|digest$|(?-i:Id)$|^cacheKey$"
)
"""Names of fields whose values are ids or addresses: a run of hexadecimal digits there is none the less."""
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_.\\-])[A-Za-z0-9+/_-]{20,}={0,2}(?![A-Za-z0-9+/_.\\-])")
_HEX = re.compile(r"(?<![A-Za-z0-9])[0-9a-fA-F]{32,}(?![A-Za-z0-9])")
_WORDS = re.compile(r"(?:^|[/_-])[A-Za-z]?[a-z]{3,}(?:[/_-]|$)")
_NO_SECRET = re.compile(
    r"(?i)(?:null|none|true|false|nan|-?\d{1,5}|\d+(?:\.\d+){1,3}[a-z0-9.+]{0,12}|\*+|<[^<>]*>|\$?\{.*\}|redacted|unknown|string|str|int)?"
)
_OF_A_USER = re.compile(r"(?i)\b(?:password|identified\s+(?:with\s+\S+\s+)?by)\s+'([^'\[]+)'")
_KINDS_OF_FIELDS = frozenset(["type", "_schemaURL", "_producer"])

Look = Callable[[Field], Iterable[tuple[str, str]]]
"""Gives kind and value of what it finds in a field."""


def detectors() -> dict[str, str]:
    """Name what looks for secrets, with versions: another version may find something else.

    Raises:
        ConfigurationError: detect-secrets is not installed.
    """
    _library()
    return {"detect-secrets": version("detect-secrets"), "orchestrail": version("orchestrail")}


def looker() -> Look:
    """Make the detectors ready.

    Raises:
        ConfigurationError: detect-secrets is not installed.
    """
    _library()
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.filters import heuristic
    from detect_secrets.plugins.high_entropy_strings import (
        Base64HighEntropyString,
        HexHighEntropyString,
        HighEntropyStringsPlugin,
    )
    from detect_secrets.plugins.ip_public import IPPublicDetector

    kinds: Iterable[Callable[[], Any]] = get_mapping_from_secret_type_to_class().values()
    plugins = [kind() for kind in kinds]
    plugins = [one for one in plugins if not isinstance(one, HighEntropyStringsPlugin | IPPublicDetector)]
    base64, hexadecimal = Base64HighEntropyString(), HexHighEntropyString()
    harmless = (
        heuristic.is_sequential_string,
        heuristic.is_potential_uuid,
        heuristic.is_templated_secret,
        heuristic.is_prefixed_with_dollar_sign,
        heuristic.is_not_alphanumeric_string,
    )

    def known_forms(field: Field) -> Iterator[tuple[str, str]]:
        for plugin in plugins:
            for value in _values(plugin, field.text):
                if len(value) >= _SHORTEST and MARK not in value and not any(told(value) for told in harmless):
                    # Of a private key the detector gives the first line, which all of them have.
                    whole = field.text[field.text.index(value) :] if "PRIVATE KEY" in value else value
                    yield plugin.secret_type, whole

    def random_texts(field: Field) -> Iterator[tuple[str, str]]:
        text = _DIGESTS.sub(" ", field.text)
        for found in _BASE64.findall(text):
            mixed = all(re.search(kind, found) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
            if mixed and not _WORDS.search(found) and base64.calculate_shannon_entropy(found) > base64.entropy_limit:
                yield base64.secret_type, found
        if not _IDS.search(field.name):
            for found in _HEX.findall(text):
                if hexadecimal.calculate_shannon_entropy(found) > hexadecimal.entropy_limit:
                    yield hexadecimal.secret_type, found

    looks: tuple[Look, ...] = (known_forms, _under_a_telling_name, _in_a_statement, _taken_out_today, random_texts)

    def look(field: Field) -> Iterable[tuple[str, str]]:
        # The first that finds something says what it is: they find the same secret in several ways.
        return next(filter(None, (list(dict.fromkeys(one(field))) for one in looks)), [])

    return look


def _values(plugin: Any, text: str) -> Iterator[str]:
    """Give what a detector finds, whole: by itself it gives the groups of its pattern, which may be the same for all secrets."""
    patterns = getattr(plugin, "denylist", None)
    if patterns is None:
        yield from plugin.analyze_string(text)
    else:
        yield from (found[0] for pattern in patterns for found in pattern.finditer(text))


def _under_a_telling_name(field: Field) -> Iterator[tuple[str, str]]:
    if (
        field.name not in _KINDS_OF_FIELDS
        and is_sensitive(field.name)
        and MARK not in field.text
        and not _DIGESTS.fullmatch(field.text)
        and not _NO_SECRET.fullmatch(field.text)
    ):
        yield "Value under a telling name", field.text


def _in_a_statement(field: Field) -> Iterator[tuple[str, str]]:
    for value in _OF_A_USER.findall(field.text):
        yield "Password in a statement", value


def _taken_out_today(field: Field) -> Iterator[tuple[str, str]]:
    if redact_forms(field.text) != field.text:
        yield "Form of a secret", field.text


def _library() -> None:
    try:
        import detect_secrets  # noqa: F401 - whether it is there
    except ImportError:
        raise ConfigurationError(
            "The record cannot be scanned.", "detect-secrets is not installed.", "pip install 'orchestrail[scan]'."
        ) from None
