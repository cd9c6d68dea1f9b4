"""`orchestrail serve`: the record over HTTP, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrail.cli.options import Home, NoCollect, StoreUrl
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.errors import ConfigurationError
from orchestrail.operations import open_record

MISSING = "Run: pip install 'orchestrail[audit,server]'"


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for one that is free.")] = 8787,
    certificate: Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="For HTTPS, as PEM.")] = None,
    key: Annotated[Path | None, typer.Option("--tls-key", metavar="FILE", help="Its key, as PEM.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, help="Requests a second from one token or address.")] = 1000.0,
    patience: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="For a request to begin, for its body, for its answer.")
    ] = 60.0,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Serve the record over HTTP.

    OpenLineage events come in, the answers of the other commands go out. On this machine alone it needs no token, until the first
    one is made with `orchestrail token create`; at any other address it does not start without.
    """
    try:
        from orchestrail.server.serving import run
    except ModuleNotFoundError as error:
        raise ConfigurationError("The server is not installed.", f"It needs {error.name}.", MISSING) from None
    settings = settings_of(home, store)
    run(
        settings,
        open_record(settings, create=True),
        host,
        port,
        Output().remark,
        certificate=certificate,
        key=key,
        rate=rate,
        patience=patience,
        collects=not no_collect and settings.url is None,
    )
