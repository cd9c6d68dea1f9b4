"""Settings, store and snapshot for a command: what every command does first. No answer is made here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrail.cli.output import Output
from orchestrail.errors import ConfigurationError, NoStore
from orchestrail.operations import open_record
from orchestrail.operations.collect import collect
from orchestrail.operations.digests import take_digests
from orchestrail.queries.snapshot import Snapshot, Store, snapshot
from orchestrail.queries.words import counted
from orchestrail.settings import Settings, load_settings


def settings_of(home: Path | None, store: str | None = None) -> Settings:
    """Read the settings, the command's own options before all others."""
    return load_settings(home=home, store=store)


def collected(settings: Settings, output: Output, *, no_collect: bool) -> Store:
    """Open the store, and collect the local spool into it, unless it is to be left, or goes to a server.

    Raises:
        StoreError: another store than the home's was named, and there is none. What was spooled stays where it is: the name may be
            mistyped, and an answer out of an empty store would say that nothing was recorded.
    """
    if not no_collect and settings.url is not None:
        output.remark("the spool is left for the server at ORCHESTRAIL_URL; `orchestrail ship` sends it.")
        no_collect = True
    try:
        store = open_record(settings, create=not no_collect and settings.store_is_in_home)
    except NoStore as error:
        if settings.url is None:
            raise
        # `collect` would take the spool away from the server.
        why = "What this home records goes to the server at ORCHESTRAIL_URL."
        raise NoStore(error.what, why, "Ask its pages or its API, or name its store with --store.") from None
    if not no_collect:
        done = collect(settings, store, progress=output.progress("collecting segments"))
        if done.quarantined:
            output.remark(
                f"{counted(done.quarantined, 'event was', 'events were')} refused; see `orchestrail quarantine list`."
            )
        for why in done.kept:
            output.remark(why)
        take_digests(settings, store, output.progress("taking digests, megabytes"))
    return store


def collecting(settings: Settings) -> Store:
    """Open the store for a command that itself collects the local spool.

    Raises:
        ConfigurationError: the spool goes to a server, from which it would be taken away.
    """
    if settings.url is not None:
        raise ConfigurationError(
            "The spool of this home goes to a server.",
            "ORCHESTRAIL_URL is set; this command would take the spool into a store of this machine.",
            "Run it where the store is, or without ORCHESTRAIL_URL.",
        )
    return open_record(settings, create=True)


@contextmanager
def reading(settings: Settings, output: Output, *, no_collect: bool) -> Iterator[Snapshot]:
    """Collect the local spool, unless it is to be left, and hold the record still for questions."""
    store = collected(settings, output, no_collect=no_collect)
    with snapshot(store, output.progress("applying events")) as record:
        yield record
