"""`orchestrail attest`: what persons state, bound to digests, onto the record; and what has become of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from orchestrail.cli.options import Home, Json, NoCollect, StoreUrl
from orchestrail.cli.output import Output, clean
from orchestrail.cli.record import collected, reading, settings_of
from orchestrail.cli.words import GAP, SHORT, here
from orchestrail.errors import ConfigurationError, StatementRefused
from orchestrail.operations import attest as operation
from orchestrail.queries.documents import statement_document
from orchestrail.queries.snapshot import snapshot
from orchestrail.queries.statements import (
    SignatureState,
    State,
    Statement,
    find_statement,
    known_persons,
    statements,
)
from orchestrail.queries.subjects import find_subject, read_digest
from orchestrail.requirements.catalogue import load_catalogue
from orchestrail.settings import Settings, settings_file
from orchestrail.statements.content import MAX_TEXT, MAX_WAIVER, ROLES, Content, Kind, Signed
from orchestrail.statements.signatures import MAX_FILE, KeyProblem, private_key, sign, write_envelope

attest = typer.Typer(add_completion=False, rich_markup_mode=None)

About = Annotated[
    list[str], typer.Option("--about", metavar="ID", help="A requirement, or a point of Annex IV; may be repeated.")
]
Subject = Annotated[
    str, typer.Option("--subject", metavar="TARGET", help="A file, sha256:..., a data set, a RUN or SYSTEM@VERSION.")
]
Role = Annotated[str, typer.Option("--role", help=f"One of {', '.join(ROLES)}.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who states it: a name, or a stable pseudonym.")]
TextFile = Annotated[
    Path | None, typer.Option("--statement-file", metavar="FILE", help="The text; it is asked for where none is given.")
]
Field = Annotated[
    list[str] | None, typer.Option("--field", metavar="NAME=VALUE", help="What can be compared; may be repeated.")
]
EvidenceFile = Annotated[
    list[Path] | None, typer.Option("--evidence", metavar="FILE", help="A file relied on; may be repeated.")
]
Until = Annotated[str | None, typer.Option("--valid-until", metavar="DATE", help="Last day; a year on without.")]
Supersedes = Annotated[str | None, typer.Option("--supersedes", metavar="ID", help="What it stands in place of.")]
Key = Annotated[
    Path | None, typer.Option("--sign", metavar="KEY", help="Sign with a private Ed25519 key, as ~/.ssh/id_ed25519.")
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Write the signed statement there, and nothing on the record."),
]
Day = Annotated[
    str | None, typer.Option("--date", metavar="DATE", help="The UTC day that states are given for; today without.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a statement, or the beginning of it.")]

_STATES = {State.VALID: "green", State.STALE: GAP, State.EXPIRED: GAP, State.REFUSED: "red"}


@attest.callback()
def _group() -> None:
    """State something as a person, bound to a digest."""


@attest.command("statement")
def make_statement(
    about: About,
    subject: Subject,
    role: Role,
    by: By,
    statement_file: TextFile = None,
    field: Field = None,
    evidence: EvidenceFile = None,
    valid_until: Until = None,
    supersedes: Supersedes = None,
    key: Key = None,
    out: Out = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """State something about a subject, in your own words."""
    said = {"kind": Kind.STATEMENT.value, "about": about, "by": by, "role": role}
    _Making(said, key, out, Output(as_json=as_json), settings_of(home, store), no_collect).go(
        subject, statement_file, field, evidence, valid_until, supersedes
    )


@attest.command("waiver")
def make_waiver(
    about: About,
    subject: Subject,
    role: Role,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why it is accepted.")],
    until: Annotated[str, typer.Option("--until", metavar="DATE", help=f"Last day, at most {MAX_WAIVER} days on.")],
    evidence: EvidenceFile = None,
    supersedes: Supersedes = None,
    key: Key = None,
    out: Out = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Accept that a requirement fails or is unknown, for a while."""
    said = {"kind": Kind.WAIVER.value, "about": about, "by": by, "role": role, "reason": reason}
    _Making(said, key, out, Output(as_json=as_json), settings_of(home, store), no_collect).go(
        subject, None, None, evidence, until, supersedes
    )


@attest.command("withdraw")
def withdraw_statement(
    statement: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why it is taken back.")],
    by: By,
    role: Annotated[str | None, typer.Option("--role", help="In which role; that of the statement without.")] = None,
    key: Key = None,
    out: Out = None,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Take a statement or waiver back. It stays on the record."""
    said = {"kind": Kind.WITHDRAWAL.value, "about": [], "by": by, "reason": reason}
    making = _Making(said, key, out, Output(as_json=as_json), settings_of(home, store), no_collect=False)
    making.withdraw(statement, role)


class _Making:
    """What a person states, on its way to the record or to a file."""

    def __init__(
        self,
        said: dict[str, Any],
        key: Path | None,
        out: Path | None,
        output: Output,
        settings: Settings,
        no_collect: bool,
    ) -> None:
        _refuse_unattended()
        if out is not None and key is None:
            why = "A file is put on the record by anybody, for the sake of its signature."
            raise StatementRefused("--out writes a signed statement.", why, "Add --sign KEY.")
        self.said, self.key, self.out, self.output, self.settings = said, key, out, output, settings
        self.store = collected(settings, output, no_collect=no_collect)

    def go(
        self,
        subject: str,
        text: Path | None,
        fields: Sequence[str] | None,
        evidence: Sequence[Path] | None,
        until: str | None,
        supersedes: str | None,
    ) -> None:
        """Find the subject, ask for the text, show all of it, and put it where it belongs."""
        today = datetime.now(UTC).date()
        with snapshot(self.store) as record:
            found, on_record = find_subject(record, subject)
            earlier = find_statement(record, today, supersedes).id if supersedes else None
        self.said |= {
            "subject": {"kind": found.kind, "name": found.name, "digest": found.digest},
            "fields": [_field(one) for one in fields or ()],
            "evidence": [{"name": one.name, "digest": read_digest(one)} for one in evidence or ()],
            "validUntil": until or operation.in_a_year(today).isoformat(),
            "supersedes": earlier,
        }
        if self.said["kind"] == Kind.STATEMENT:
            self.said["statement"] = _read_text(text) if text else _ask_text(found.name)
        self._finish(on_record)

    def withdraw(self, given: str, role: str | None) -> None:
        """Take back what an earlier statement says."""
        with snapshot(self.store) as record:
            one = find_statement(record, datetime.now(UTC).date(), given)
        subject = {"kind": one.subject.kind, "name": one.subject.name, "digest": one.subject.digest}
        self.said |= {"withdraws": one.id, "subject": subject, "role": role or one.role}
        self._finish(one.on_record)

    def _finish(self, on_record: bool) -> None:
        content = operation.made({name: value for name, value in self.said.items() if value is not None})
        operation.check(content, _roles())
        self._confirm(content, on_record)
        signed = [_signed(content, self.key)] if self.key else []
        if self.out is not None:
            _write(self.out, write_envelope(content, *signed))
            self.output.remark(f"{content.id} is in {self.out}; `orchestrail attest file` puts it on the record.")
            return
        operation.put(self.settings, self.store, [(content, signed)])
        with snapshot(self.store) as record:
            one = find_statement(record, datetime.now(UTC).date(), content.id)
        _print_one(one, self.output)
        if one.state is State.REFUSED:
            raise typer.Exit(1)

    def _confirm(self, content: Content, on_record: bool) -> None:
        """Show what is about to be stated, and have the name typed: nothing is stated by one key."""
        lines = [
            f"{content.kind.value} about {', '.join(content.about) or content.withdraws}",
            f"  subject   {content.subject.kind} {content.subject.name}",
            f"            {content.subject.digest}{'' if on_record else '  NOT ON THE RECORD'}",
            *(f"  {name:9} {value}" for name, value in content.fields),
            *(f"  evidence  {one.name}  {one.digest}" for one in content.evidence),
            *(f"  {line}" for line in (content.statement or content.reason or "").splitlines()),
            f"  by        {content.by}, {content.role}{', signed' if self.key else ', unsigned'}",
            *([f"  until     {content.valid_until.isoformat()}"] if content.valid_until else []),
        ]
        _say("\n".join(["", *lines, ""]))
        if _ask(f"Type {content.by} to state this: ").strip() != content.by:
            raise StatementRefused("Nothing was stated.", "Another name was typed.", "Begin again.")


@attest.command("file")
def put_files(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Signed statements, as --out writes them.")],
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Put signed statements from files on the record, all or none. A person's signature is needed, and no terminal."""
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    opened = collected(settings, output, no_collect=False)
    with snapshot(opened) as record:
        read = [operation.read_file(record, str(file), _bytes(file), _roles()) for file in files]
    if new := [one for one in read if not one.known]:
        operation.put(settings, opened, [(one.content, one.signed) for one in new])
    if as_json:
        output.document({"files": [{"file": one.name, "id": one.content.id, "known": one.known} for one in read]})
        return
    for one in read:
        output.line(f"{one.content.id}  {'was there already' if one.known else 'is on the record'}  {one.name}")


@attest.command("list")
def list_statements(
    about: Annotated[str | None, typer.Option("--about", metavar="ID", help="Only about this.")] = None,
    day: Day = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """List what was stated, with its state."""
    output = Output(as_json=as_json)
    asked = _day(day)
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        found = statements(record, asked, about=about)
    if as_json:
        output.document({"date": asked.isoformat(), "statements": [statement_document(one) for one in found]})
        return
    if not found:
        output.line("Nothing was stated.")
    for one in found:
        line = Text(f"{_short(one.id)}  ").append(one.state.value, style=_STATES.get(one.state, "dim"))
        line.append(
            f"  {one.kind}  {clean(', '.join(one.about))}  {clean(here(one.subject.name.removeprefix('file:')))}"
        )
        line.append(f"  {clean(one.by)} ({one.role})  ").append(*_signature(one))
        output.line(line.append(f"  until {one.valid_until}" if one.valid_until else ""))


@attest.command("show")
def show_statement(
    statement: Id,
    envelope: Annotated[
        bool, typer.Option("--envelope", help="Print the signed form, a DSSE envelope with an in-toto statement.")
    ] = False,
    day: Day = None,
    as_json: Json = False,
    no_collect: NoCollect = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show a statement whole, and what has become of it."""
    output = Output(as_json=as_json)
    with reading(settings_of(home, store), output, no_collect=no_collect) as record:
        one = find_statement(record, _day(day), statement)
    if envelope:
        sys.stdout.write(write_envelope(one.content, *one.signatures).decode())
        return
    _print_one(one, output)


@attest.command("persons")
def show_persons(
    record_them: Annotated[
        bool, typer.Option("--record", help="Put those of the settings file on the record, in place of those before.")
    ] = False,
    as_json: Json = False,
    home: Home = None,
    store: StoreUrl = None,
) -> None:
    """Show whose signatures count, and what the settings file says otherwise."""
    output = Output(as_json=as_json)
    settings = settings_of(home, store)
    file, tables = settings_file()
    if record_them:
        _refuse_unattended()
        if "persons" not in tables:
            why = f"{file or 'No settings file'} has no table [persons]."
            raise ConfigurationError("There are no persons to record.", why, "See docs/how-to/statements.md.")
    stated = operation.persons_of(tables["persons"], str(file)) if "persons" in tables else None
    opened = collected(settings, output, no_collect=False)
    if record_them and stated is not None:
        operation.put_persons(settings, opened, stated)
    with snapshot(opened) as record:
        known = known_persons(record)
    differs = stated is not None and stated != known
    if as_json:
        output.document({"persons": [one.document() for one in known], "settings_differ": differs})
        return
    for person in known:
        until = f"  until {person.until}" if person.until else ""
        output.line(clean(f"{person.name}  {', '.join(person.roles)}{until}"), style="bold")
        for line in person.keys:
            output.line(f"  {line}")
    if not known:
        output.line("No person is on the record: no signature counts.")
    if differs:
        output.line(Text(f"{file} says otherwise: `orchestrail attest persons --record` records that.", style=GAP))


def _refuse_unattended() -> None:
    why = operation.unattended(os.environ, terminal=sys.stdin.isatty() and sys.stderr.isatty())
    if why is not None:
        do = "Let a person state it at a terminal; where none is, `orchestrail attest file` takes what a person signed."
        raise StatementRefused("An automated account states nothing.", f"{why[:1].upper()}{why[1:]}.", do)


def _roles() -> Mapping[str, Sequence[str]]:
    """Give the roles that each requirement of the catalogue takes."""
    return {requirement.id: requirement.roles for requirement in load_catalogue().requirements}


def _day(given: str | None) -> date:
    if given is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ConfigurationError(f"{given!r} is no day.", "A day is written YYYY-MM-DD.", "") from None


def _field(given: str) -> dict[str, str]:
    name, separator, value = given.partition("=")
    if not separator:
        raise ConfigurationError(f"{given!r} is no field.", "A field is written NAME=VALUE.", "")
    return {"name": name.strip(), "value": value.strip()}


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read.", f"{error.strerror}.", "Give another file.") from None
    if len(data) > MAX_FILE:
        raise ConfigurationError(f"{file} is too large.", f"It has more than {MAX_FILE:,} bytes.", "Give another file.")
    return data


def _read_text(file: Path) -> str:
    try:
        return _bytes(file).decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file} is no text.", "It is not UTF-8.", "Give another file.") from None


def _ask_text(subject: str) -> str:
    _say(
        f"What do you state about {subject}? In your own words, at most {MAX_TEXT:,} characters; a line with a dot ends it."
    )
    lines: list[str] = []
    while (line := sys.stdin.readline()) and line.strip() != ".":
        lines.append(line)
    return "".join(lines).strip()


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def _say(text: str) -> None:
    sys.stderr.write(f"{clean(text)}\n")


def _signed(content: Content, file: Path) -> Signed:
    try:
        return sign(content, private_key(_bytes(file.expanduser()), lambda: getpass(f"Passphrase of {file}: ")))
    except KeyProblem as error:
        do = "Make one with `ssh-keygen -t ed25519`."
        raise StatementRefused(f"{file} cannot sign.", f"{str(error)[:1].upper()}{str(error)[1:]}.", do) from None


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written.", f"{error.strerror}.", "Give another file.") from None


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:SHORT]


def _signature(one: Statement) -> tuple[str, str]:
    if one.signature_state is SignatureState.SIGNED:
        return f"signed by {clean(one.signed_by or '')}", "green"
    return one.signature_state.value.replace("_", " "), GAP


def _print_one(one: Statement, output: Output) -> None:
    if output.as_json:
        output.document(statement_document(one))
        return
    head = Text(f"{one.kind} {one.id}  ", style="bold").append(one.state.value, style=_STATES.get(one.state, "dim"))
    output.line(head)
    subject = Text(clean(f"{one.subject.kind} {one.subject.name}"))
    subject.append(f"  {one.subject.digest}").append("" if one.on_record else "  not on the record", style=GAP)
    facts: list[tuple[str, Text]] = [
        ("about", Text(clean(", ".join(one.about)))),
        ("subject", subject),
        ("why", Text(clean(one.why or ""), style=GAP)),
        ("by", Text(clean(f"{one.by}, {one.role}"))),
        ("signature", Text(*_signature(one))),
        ("made at", Text(f"{one.made_at}, on the record {one.received_at} as event {one.seq}")),
        ("until", Text(one.valid_until.isoformat() if one.valid_until else "")),
        *((name, Text(clean(value))) for name, value in one.fields.items()),
        ("statement", Text(clean(one.statement or ""))),
        ("reason", Text(clean(one.reason or ""))),
        *(("evidence", Text(clean(f"{each.name}  {each.digest}"))) for each in one.evidence),
        ("in place of", Text(one.supersedes or "")),
        ("withdraws", Text(one.withdraws or "")),
        ("by then", Text(one.by_id or "")),
    ]
    for name, text in facts:
        if text.plain:
            output.line(Text(f"  {name}  ", style="dim").append_text(text))
    output.line("  Stated by the person named; not verified by the software.", style="dim")
