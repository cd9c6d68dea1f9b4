"""Ports at which servers of a test listen that are told theirs before they start."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """Give a port that nobody else gets by chance meanwhile, and at which a server can listen all the same.

    A socket holds it without listening: whoever asks the kernel for any port gets another one, and who names this one may listen
    there as servers do, with `SO_REUSEADDR`, again and again. Until then connections are refused.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
