"""The server as a process: where it listens, whether it may, how it ends. What it answers is `orchestrail.server.app`'s matter."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn

from orchestrail.errors import ConfigurationError
from orchestrail.queries.snapshot import Store
from orchestrail.server.access import Access
from orchestrail.server.addresses import is_loopback
from orchestrail.server.app import create_app
from orchestrail.server.body import PATIENCE, RATE, Limits
from orchestrail.server.code_flow import CodeFlow
from orchestrail.server.openid import Provider
from orchestrail.server.patience import patience as patient_for
from orchestrail.settings import Settings

ENDING = 30
"""Seconds that requests have to end when the server is told to stop."""
IDLE = 10
"""Seconds that a connection may be open between two requests."""
CONNECTIONS = 500


def run(
    settings: Settings,
    store: Store,
    host: str,
    port: int,
    tell: Callable[[str], None],
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    rate: float = RATE,
    patience: float = PATIENCE,
    collects: bool = True,
) -> None:
    """Serve until SIGTERM or SIGINT; requests that are under way are answered first.

    Args:
        settings: name the home, whose tokens count.
        store: the record.
        host: address to listen at.
        port: port; 0 for one that is free.
        tell: is told where it listens, and who may ask.
        certificate: for HTTPS, as PEM.
        key: its key.
        rate: requests a second from one sender.
        patience: seconds for the head of a request to arrive, then for its body, and then for the answer to be taken.
        collects: the local spool is collected while it runs.

    Raises:
        ConfigurationError: others could reach it without a token, it cannot listen there, or what is set of an OpenID provider does
            not suffice.
    """
    provider = Provider.of(settings)
    access, flow = Access(settings.home, provider), CodeFlow.of(settings, provider)
    if not is_loopback(host) and not access.required:
        raise ConfigurationError(
            f"The server was not started at {host}.",
            "Other machines reach it there, and no token was made: anybody could read and write the record.",
            "Make one with `orchestrail token create`, name an OpenID provider, or listen at 127.0.0.1.",
        )
    if (certificate is None) != (key is None):
        raise ConfigurationError("HTTPS was asked for in half.", "", "Give both --tls-cert and --tls-key.")
    app = create_app(settings, store, access, Limits(rate=rate, seconds=patience), flow, collects=collects)
    config = uvicorn.Config(
        app,
        http=patient_for(patience),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=ENDING,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    listening = _listen(host, port)
    try:
        config.load()
    except OSError as error:
        raise ConfigurationError(
            "The TLS files cannot be used.", f"{error}.", "Give a certificate and its key, as PEM."
        ) from None
    scheme = "https" if certificate else "http"
    name = f"[{host}]" if ":" in host else host
    tell(f"listening at {scheme}://{name}:{listening.getsockname()[1]}")
    if not access.required:
        tell(
            "no token is needed, on this machine alone; once `orchestrail token create` made one, a server that starts asks"
        )
    elif scheme == "http" and not is_loopback(host):
        tell(
            "tokens go over the network in the clear: give --tls-cert and --tls-key, or put a proxy with TLS before it"
        )
    # What was loaded until here stays: Python's collector need not look through all of it again while a page is made.
    gc.collect()
    gc.freeze()
    # The server raises the signal once more when all is answered; ending as it was told is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(CONNECTIONS)
    except OSError as error:
        why = f"{error.strerror or error}."
        raise ConfigurationError(
            f"The server cannot listen at {host}:{port}.", why, "Give another --host or --port."
        ) from None
    return listening
