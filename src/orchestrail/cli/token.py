"""`orchestrail token`: by what others reach the server of this home."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from orchestrail.cli.options import Home, Json, TimeZone
from orchestrail.cli.output import Output
from orchestrail.cli.record import settings_of
from orchestrail.operations.tokens import Scope, Token, Tokens

token = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@token.callback()
def _tokens() -> None:
    """Make, list and revoke tokens for the server."""


@token.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What or whom it is for.")],
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it is good for; may be repeated.")],
    systems: Annotated[
        list[str] | None, typer.Option("--system", metavar="NAME", help="Only this AI system; may be repeated.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36500, help="It ends after so many days.")] = None,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Make a token. It is shown once: only its digest is kept."""
    output = Output(as_json=as_json)
    lasts = timedelta(days=days) if days is not None else None
    made, text = Tokens(settings_of(home).home).create(name, scopes, systems or None, lasts)
    if as_json:
        output.document(_document(made) | {"token": text})
    else:
        output.remark(f"token {made.id} of {made.name}: keep it now, it is not shown again.")
        sys.stdout.write(f"{text}\n")


@token.command("list")
def list_tokens(as_json: Json = False, zone: TimeZone = None, home: Home = None) -> None:
    """List the tokens that were made."""
    output = Output(as_json=as_json, zone=zone)
    found = Tokens(settings_of(home).home).all()
    if as_json:
        output.document({"tokens": [_document(each) for each in found]})
        return
    if not found:
        output.line("No token was made.")
    now = datetime.now(UTC)
    for each in found:
        systems = "all systems" if each.systems is None else ", ".join(each.systems)
        ends = f", ends {output.time(each.expires_at)}" if each.expires_at else ""
        output.line(f"{each.id}  {each.state(now)}  {each.name}  {', '.join(each.scopes)}; {systems}")
        output.line(f"   made {output.time(each.created_at)}{ends}", style="dim")


@token.command("revoke")
def revoke(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its 8 digits, as `token list` shows them.")],
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Take a token back, from now on."""
    output = Output(as_json=as_json)
    taken = Tokens(settings_of(home).home).revoke(identity)
    if as_json:
        output.document(_document(taken))
    else:
        output.line(f"The token {taken.id} of {taken.name} counts no more.")


def _document(one: Token) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "digest"} | {
        "state": one.state(datetime.now(UTC))
    }
