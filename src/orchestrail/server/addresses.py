"""Where the interface for programs begins, everything else being for people; and which addresses reach no other machine."""

from __future__ import annotations

from ipaddress import ip_address

API = "/api/"
PREFIX = f"{API}v1"


def is_loopback(host: str) -> bool:
    """Say whether an address reaches no other machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def host_name(host: str) -> str:
    """Give the name in a `Host` header, without the port."""
    return host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
