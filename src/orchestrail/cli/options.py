"""The options that several commands share, each in one place."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Home = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="Folder of spool, store and keys (ORCHESTRAIL_HOME).")
]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", metavar="URL", help="The store, sqlite:///path or postgresql://... (ORCHESTRAIL_STORE)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
NoCollect = Annotated[bool, typer.Option("--no-collect", help="Leave the local spool as it is.")]
TimeZone = Annotated[
    str | None, typer.Option("--tz", metavar="ZONE", help="Time zone to show times in, such as UTC or Europe/Paris.")
]
Signed = Annotated[
    Path | None,
    typer.Option("--against", metavar="CHECKPOINT", help="A checkpoint from outside that the log had signed."),
]
Full = Annotated[bool, typer.Option("--full", help="Show digests and run IDs whole, and every detail.")]

Day = Annotated[str | None, typer.Option("--date", metavar="DAY", help="Judge ages and ends of terms by this UTC day.")]
Verify = Annotated[bool, typer.Option("--verify", help="Recompute the log, however long it is (REC-01).")]
Sarif = Annotated[Path | None, typer.Option("--sarif", metavar="FILE", help="Write the report as SARIF too.")]
JUnit = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Write the report as JUnit's XML too.")]


class Profile(StrEnum):
    """Which requirements count: after each run, before placing on the market, on a schedule."""

    BUILD = "build"
    RELEASE = "release"
    OPERATE = "operate"
