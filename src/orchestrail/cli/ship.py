"""`orchestrail ship`: the spool to a server, or to another folder."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from stamina.instrumentation import set_on_retry_hooks

from orchestrail.cli.collect import print_counts
from orchestrail.cli.options import Home, Json
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.errors import ConfigurationError
from orchestrail.operations.aside import Aside
from orchestrail.operations.moving import left_behind, send_record
from orchestrail.operations.remote import send as send_to_server
from orchestrail.operations.remote import server_of
from orchestrail.operations.ship import ship as send_to_folder
from orchestrail.queries.words import counted
from orchestrail.settings import Settings


def ship(
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder, such as one that hosts share, in place of the server.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until told to stop.")] = False,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, help="With --watch: the pause between two looks at the spool.")
    ] = 5.0,
    collected: Annotated[
        bool, typer.Option("--record", help="Send what was collected into the store of this home before, too.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Send what the server did not take from here before, too.")
    ] = False,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Send the spool to a server or another folder.

    The server is that of ORCHESTRAIL_URL, with ORCHESTRAIL_TOKEN. From a folder `orchestrail collect --from DIR` takes it. What
    did not arrive stays in the spool; events that the token may not send are kept beside it. Exit code 1 where events were refused
    or kept so, 4 where the server cannot be reached or refuses all.
    """
    output = Output(as_json=as_json)
    settings = settings_of(home)
    if watch and (as_json or to is not None):
        raise ConfigurationError(
            "--watch sends to the server, and ends with no answer.", "", "Leave --json and --to out."
        )
    if (collected or again) and (watch or to is not None):
        raise ConfigurationError("--record and --again send to the server, once.", "", "Leave --watch and --to out.")
    if to is not None:
        _to_folder(settings, to, output)
    elif watch:
        set_on_retry_hooks([lambda tried: output.remark(f"{tried.caused_by} Again in {tried.wait_for:.0f} s.")])
        while True:
            done = send_to_server(settings, patient=True)
            if done.appended or done.quarantined:
                output.remark(f"{counted(done.appended, 'event')} sent, {done.quarantined} refused.")
            _tell_kept(settings, done.forbidden, output)
            time.sleep(every)
    else:
        set_on_retry_hooks([])
        done = send_to_server(settings, again=again, progress=output.progress("sending segments"))
        for why in done.kept:
            output.remark(why)
        counts = Counter({"appended": done.appended, "duplicates": done.duplicates, "quarantined": done.quarantined})
        forbidden, server = done.forbidden, server_of(settings)
        if collected:
            also = send_record(settings, server, output.progress("sending entries"))
            counts.update(appended=also.appended, duplicates=also.duplicates, quarantined=also.quarantined)
            forbidden += server.forbidden
        elif left := left_behind(settings, server):
            of = counted(left, "event that was", "events that were")
            output.remark(
                f"The store of this home has {of} collected here before: `orchestrail ship --record` sends them, too."
            )
        print_counts(dict(counts) | ({"forbidden": forbidden} if output.as_json else {}), output)
        _tell_kept(settings, forbidden, output)
        raise typer.Exit(1 if counts["quarantined"] or forbidden else 0)


def _tell_kept(settings: Settings, forbidden: int, output: Output) -> None:
    if forbidden:
        were = counted(forbidden, "event is", "events are")
        output.remark(
            f"{were} not for this token to send, and kept in {Aside(settings).folder}; `orchestrail ship --again` sends them."
        )


def _to_folder(settings: Settings, to: Path, output: Output) -> None:
    done = send_to_folder(settings, to)
    if output.as_json:
        counts = {"appended": 0, "duplicates": 0, "quarantined": 0}
        output.document(counts | {"moved": done.moved, "copied": done.copied})
    else:
        writing = counted(done.copied, "copied that is", "copied that are")
        output.line(f"{counted(done.moved, 'segment')} moved to {to}, {writing} still being written.")
