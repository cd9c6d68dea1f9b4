"""What looks like personal data in a text: e-mail addresses, IBANs, telephone numbers, names in home folders.

Forms alone are looked for. A name, an address or a fact about somebody that has no form of its own is not found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from orchestrail.errors import ConfigurationError
from orchestrail.scanning.fields import Field

_EMAIL = re.compile(r"(?<![\w.%+/-])([A-Za-z0-9][\w.%+-]{0,63})@((?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24})(?![\w-])")
_NO_PERSONS = frozenset(["git", "hg", "svn", "noreply", "no-reply"])
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IBAN_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 "
    "FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 "
    "LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 "
    "SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
)
"""Characters of an IBAN by country, as the registry of ISO 13616 has them."""
_LENGTHS = {one[:2]: int(one[2:]) for one in _IBAN_LENGTHS.split()}
_HOME = re.compile(
    r"(?<![\w.-])(?:(?:/export|/mnt|/net|/nfs)?/home|/Users|(?i:[a-z]:\\+users))[/\\]+([A-Za-z][\w.@-]{0,63})"
)
_ACCOUNTS = frozenset(
    [
        "admin", "administrator", "airflow", "app", "appuser", "azureuser", "build", "ci", "circleci", "conda",
        "debian", "default", "dev", "docker", "ec2-user", "gitlab-runner", "hadoop", "jenkins", "jovyan", "mambauser",
        "nobody", "node", "nonroot", "prefect", "public", "root", "runner", "shared", "spark", "ubuntu", "user",
        "vagrant", "vscode", "vsts", "worker", "www-data",
    ]
)  # fmt: skip
"""Accounts that images and build servers come with: nobody's name."""


def detectors() -> dict[str, str]:
    """Name what looks for personal data, with versions.

    Raises:
        ConfigurationError: phonenumbers is not installed.
    """
    try:
        return {"phonenumbers": version("phonenumbers"), "orchestrail": version("orchestrail")}
    except ImportError:
        raise ConfigurationError(
            "The record cannot be scanned.", "phonenumbers is not installed.", "pip install 'orchestrail[scan]'."
        ) from None


def look(field: Field) -> Iterable[tuple[str, str]]:
    """Give kind and value of what is found in a field."""
    return dict.fromkeys((*_emails(field.text), *_ibans(field.text), *_homes(field.text), *_numbers(field.text)))


def _emails(text: str) -> Iterator[tuple[str, str]]:
    if "@" in text:
        for person, host in _EMAIL.findall(text):
            if person.lower() not in _NO_PERSONS:
                yield "E-mail address", f"{person}@{host}"


def _ibans(text: str) -> Iterator[tuple[str, str]]:
    for found in _IBAN.findall(text):
        written = found.replace(" ", "")
        length = _LENGTHS.get(written[:2], 0)
        number = "".join(str(int(one, 36)) for one in written[4:length] + written[:4])
        if length and len(written) >= length and int(number) % 97 == 1:
            yield "IBAN", written[:length]


def _homes(text: str) -> Iterator[tuple[str, str]]:
    for name in _HOME.findall(text):
        if name.lower() not in _ACCOUNTS:
            yield "Name of a home folder", name


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    if re.search(r"\+\d[\d ()./-]{6}", text):
        from phonenumbers import PhoneNumberMatcher

        # Without a region only numbers with a country code are told: others could be any number.
        for found in PhoneNumberMatcher(text, None):
            yield "Telephone number", found.raw_string
