"""Which process this is, so that another one can tell later whether it still lives. Linux; nothing is kept here."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, named so that a later one with the same number is not taken for it.

    Attributes:
        host: host name.
        bootId: the kernel's boot id; a process of another boot is dead.
        pidNamespace: containers on one host count processes apart.
        pid: process id within that namespace.
        startTicks: start time in clock ticks since boot (field 22 of /proc/PID/stat).
    """

    host: str
    bootId: str
    pidNamespace: str
    pid: int
    startTicks: int | None

    def as_dict(self) -> dict[str, object]:
        """Give the owner as it stands in a facet and in a segment's first line."""
        return {
            "host": self.host,
            "bootId": self.bootId,
            "pidNamespace": self.pidNamespace,
            "pid": self.pid,
            "startTicks": self.startTicks,
        }


def start_ticks(pid: int) -> int | None:
    """Read when a process started; None where there is no such process, or no /proc."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command name stands in brackets and may hold anything, brackets and spaces included.
    return int(stat.rpartition(")")[2].split()[19])


@cache
def _host() -> tuple[str, str, str]:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = ""
    try:
        namespace = str((PROC / "self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return socket.gethostname(), boot, namespace


@cache
def _of(pid: int) -> Owner:
    host, boot, namespace = _host()
    return Owner(host, boot, namespace, pid, start_ticks(pid))


def this_process() -> Owner:
    """Name the present process; right after a fork too."""
    return _of(os.getpid())


def is_alive(owner: Owner) -> bool | None:
    """Say whether a process still lives; None where that cannot be told from here (another host or container)."""
    here = this_process()
    if owner.host != here.host:
        return None
    if owner.bootId != here.bootId:
        return False
    if owner.pidNamespace != here.pidNamespace:
        return None
    ticks = start_ticks(owner.pid)
    return ticks is not None and (owner.startTicks is None or ticks == owner.startTicks)
