"""Where the interface for programs begins, everything else being for people; which addresses reach no other machine, and which no
other site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode

API = "/api/"
PREFIX = f"{API}v1"
METRICS = "/metrics"
FIRST = "/"
SIGN_IN = "/sign-in"
_LONGEST = 2000
_PAGE = re.compile(r"/(?!/)[!-\[\]-~]*")
"""An address that browsers take for one of the site that they are at: no second slash, no backslash, which is one to them, and
nothing that they would leave out."""


def is_loopback(host: str) -> bool:
    """Say whether an address reaches no other machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_name(host: str) -> str:
    """Give the name in a `Host` header, without the port."""
    return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host


def from_another_site(headers: Mapping[str, str]) -> bool:
    """Say whether a browser sends a request for a page of another site; programs say nothing of where they come from.

    What `Sec-Fetch-Site` says counts, also where a proxy in front has another name for this server. Browsers leave it out on plain
    HTTP to another machine: there the `Origin` has to be the host that was asked.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.lower().partition("://")[2] != headers.get("host", "").lower()


def own_page(address: str) -> str:
    """Give an address back if it is one of a page here, or else that of the first page: nobody is led to another site."""
    fits = len(address) <= _LONGEST and _PAGE.fullmatch(address) and not address.startswith(SIGN_IN)
    return address if fits else FIRST


def asked_page(scope: Mapping[str, Any]) -> str:
    """Give the address that a request asks for, as it came."""
    path = scope.get("raw_path") or scope["path"].encode("ascii", "replace")
    query = scope.get("query_string", b"")
    return own_page((path + (b"?" + query if query else b"")).decode("latin-1"))


def sign_in_for(page: str) -> str:
    """Give the address where people sign in who then go on to a page."""
    return SIGN_IN if page == FIRST else f"{SIGN_IN}?{urlencode({'to': page})}"
