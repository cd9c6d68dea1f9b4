"""What persons stated, with what has become of it: whose signature it has, and whether it stands on a given day.

Contradicting statements are all given, each with its state: which one counts against which fact is the reader's to decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from sqlalchemy import Connection, column, select, table

from orchestrail.errors import AmbiguousRun, NotRecorded
from orchestrail.model import EMPTY
from orchestrail.projections import tables
from orchestrail.projections.rows import StatementRow
from orchestrail.queries.restriction import systems_seen
from orchestrail.statements.content import Content, Evidence, Kind, Signed, Subject
from orchestrail.statements.persons import Person
from orchestrail.statements.signatures import is_by, public_key

_log = table("log", column("seq"), column("event_id"))
_SHOWN = 5


class SignatureState(StrEnum):
    """What the signatures of a statement are worth."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    INVALID = "invalid"
    ANOTHER_PERSON = "another_person"
    ANOTHER_ROLE = "another_role"
    ENDED = "ended"


class State(StrEnum):
    """Whether a statement stands."""

    VALID = "valid"
    STALE = "stale"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person stated; see `orchestrail.statements.content.Content` for what is his own.

    Attributes:
        id: digest of the content.
        seq: place in the log of the entry that put it on the record first.
        received_at: when that was, RFC 3339 in UTC; `made_at` is the person's word.
        signature_state: what its signatures are worth.
        signed_by: the person whose key signed it, or is named in a signature that is none; None where no known key is.
        state: whether it stands on the day that was asked for.
        why: why it does not.
        by_id: id of the statement that superseded or withdrew it.
        digest_now: content that the subject's name stands for by now, where it is another one: for that, the statement is stale.
        on_record: True where the record knows the subject.
        signatures: as they are on the record.
    """

    id: str
    kind: str
    about: tuple[str, ...]
    subject: Subject
    fields: Mapping[str, str]
    statement: str | None
    reason: str | None
    evidence: tuple[Evidence, ...]
    by: str
    role: str
    made_at: str
    valid_until: date | None
    supersedes: str | None
    withdraws: str | None
    seq: int
    received_at: str
    signature_state: SignatureState
    signed_by: str | None
    state: State
    why: str | None
    by_id: str | None
    digest_now: str | None
    on_record: bool
    signatures: tuple[Signed, ...]
    content: Content

    @property
    def stands(self) -> bool:
        """True where it holds for the content that it is bound to, which may no longer be what bears its name."""
        return self.state in (State.VALID, State.STALE)


def statements(
    connection: Connection, day: date, *, about: str | None = None, digest: str | None = None
) -> list[Statement]:
    """List what persons stated, by place in the log.

    A statement about another content of the same name is not among those of a digest: ask by `about` alone to see it, stale.
    Who may see some systems alone is given those about what is seen and about these systems, and what took their place.

    Args:
        connection: a snapshot of the store.
        day: the UTC day on which it is to stand.
        about: a requirement or a point of Annex IV; None for all.
        digest: of the subject; None for all.
    """
    found = _seen(_judged(_Reading.of(connection), day), systems_seen(connection))
    return [
        one
        for one in found
        if (about is None or about in one.about) and (digest is None or digest == one.subject.digest)
    ]


def _seen(found: Sequence[Statement], systems: frozenset[str] | None) -> Sequence[Statement]:
    """Leave out what is about nothing that may be seen, and takes the place of nothing that is."""
    if systems is None:
        return found
    own = {one.id for one in found if _is_of(one, systems)}
    return [one for one in found if own & {one.id, one.supersedes, one.withdraws}]


def _is_of(one: Statement, systems: frozenset[str]) -> bool:
    if one.subject.kind == "system":
        return one.subject.name.partition("@")[0] in systems
    return one.on_record


def find_statement(connection: Connection, day: date, given: str) -> Statement:
    """Find a statement by its id, or the beginning of it with or without `sha256:`.

    Raises:
        NotRecorded: there is none.
        AmbiguousRun: it fits several.
    """
    wanted = f"sha256:{given.lower().removeprefix('sha256:')}"
    found = [one for one in statements(connection, day) if one.id.startswith(wanted)]
    if not found:
        do = "`orchestrail attest list` shows what there is."
        raise NotRecorded(f"No statement {given} is on the record.", "No id begins like that.", do)
    if len(found) > 1:
        listed = "; ".join(one.id for one in found[:_SHOWN])
        raise AmbiguousRun(f"{given!r} fits {len(found)} statements.", f"{listed}.", "Give more of it.")
    return found[0]


def known_persons(connection: Connection) -> tuple[Person, ...]:
    """Give the persons whose signatures count: those of the newest record of persons."""
    newest = select(tables.persons).order_by(tables.persons.c.seq.desc()).limit(1)
    columns = connection.execute(newest).mappings().first()
    return tables.persons_row(columns).persons if columns else ()


def digest_of_end(connection: Connection, run_id: str) -> str | None:
    """Give the id of the log entry that ended a run, as a digest; None where the run has not ended."""
    run = tables.run.c
    ended = select(_log.c.event_id).join_from(tables.run, _log, run.ended_seq == _log.c.seq)
    found: bytes | None = connection.execute(ended.where(run.run_id == run_id)).scalar()
    return f"sha256:{found.hex()}" if found else None


def signature_of(
    content: Content, signed: Sequence[Signed], received: date, persons: Iterable[Person]
) -> tuple[SignatureState, str | None]:
    """Say what signatures over a content are worth, and whose the one that counts is.

    Args:
        content: what is signed.
        signed: the signatures.
        received: UTC day on which the log took it: the person's own time is a claim.
        persons: whose signatures count.
    """
    best: tuple[SignatureState, str | None]
    best = (SignatureState.UNKNOWN_KEY if signed else SignatureState.UNSIGNED, None)
    for person in persons:
        keys = [public_key(line) for line in person.keys]
        if any(is_by(content, one, key) for one in signed for key in keys):
            worth = _worth(content, received, person)
            if worth is not SignatureState.ANOTHER_PERSON:
                return worth, person.name
            best = (worth, person.name)
        elif best[1] is None and any(one.keyid == key.keyid for one in signed for key in keys):
            best = (SignatureState.INVALID, person.name)
    return best


def _worth(content: Content, received: date, person: Person) -> SignatureState:
    if person.name != content.by:
        return SignatureState.ANOTHER_PERSON
    if content.role not in person.roles:
        return SignatureState.ANOTHER_ROLE
    ended = person.until is not None and received > person.until
    return SignatureState.ENDED if ended else SignatureState.SIGNED


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is needed to judge all statements.

    Attributes:
        rows: each statement once, with all signatures over it.
        persons: whose signatures count.
        now: content that names stand for, by subject.
        recorded: the subjects that the record knows.
    """

    rows: Sequence[StatementRow]
    persons: tuple[Person, ...]
    now: Mapping[Subject, str | None]
    recorded: frozenset[Subject]

    @classmethod
    def of(cls, connection: Connection) -> _Reading:
        rows: dict[str, StatementRow] = {}
        for columns in connection.execute(select(tables.statement).order_by(tables.statement.c.seq)).mappings():
            row = tables.statement_row(columns)
            first = rows.setdefault(row.content.id, row)
            if first is not row:
                signed = tuple(dict.fromkeys((*first.signatures, *row.signatures)))
                rows[row.content.id] = replace(first, signatures=signed)
        subjects = {row.content.subject for row in rows.values()}
        now = {subject: _digest_now(connection, subject) for subject in subjects}
        recorded = frozenset(one for one in subjects if now[one] == one.digest or _is_recorded(connection, one))
        return cls(list(rows.values()), known_persons(connection), now, recorded)


def _judged(reading: _Reading, day: date) -> list[Statement]:
    plain = [_plain(row, reading, day) for row in reading.rows]
    displacing: dict[str, list[Statement]] = defaultdict(list)
    for one in plain:
        if one.state is not State.REFUSED:
            for earlier in filter(None, (one.supersedes, one.withdraws)):
                displacing[earlier].append(one)
    return [_displaced(one, displacing[one.id], day) for one in plain]


def _displaced(one: Statement, later: Iterable[Statement], day: date) -> Statement:
    """Mark a statement as superseded or withdrawn.

    Somebody else in another role cannot do that, and an unsigned word displaces no signed one.
    """
    for other in later:
        allowed = other.role == one.role or other.by == one.by
        weaker = one.signature_state is SignatureState.SIGNED and other.signature_state is not SignatureState.SIGNED
        if one.state is State.REFUSED or not allowed or weaker or _day(other.made_at) > day:
            continue
        if other.withdraws is not None:
            return replace(one, state=State.WITHDRAWN, why=other.reason, by_id=other.id)
        return replace(
            one, state=State.SUPERSEDED, why=f"{other.by} states something else in its place", by_id=other.id
        )
    return one


def _plain(row: StatementRow, reading: _Reading, day: date) -> Statement:
    said = row.content
    signature_state, signed_by = signature_of(said, row.signatures, _day(row.received_at), reading.persons)
    now = reading.now[said.subject]
    state, why = _state(said, signature_state, signed_by, now, day)
    return Statement(
        id=said.id,
        kind=said.kind.value,
        about=said.about,
        subject=said.subject,
        fields=dict(said.fields),
        statement=said.statement,
        reason=said.reason,
        evidence=said.evidence,
        by=said.by,
        role=said.role,
        made_at=said.made_at,
        valid_until=said.valid_until,
        supersedes=said.supersedes,
        withdraws=said.withdraws,
        seq=row.seq,
        received_at=row.received_at,
        signature_state=signature_state,
        signed_by=signed_by,
        state=state,
        why=why,
        by_id=None,
        digest_now=now if now != said.subject.digest else None,
        on_record=said.subject.kind == "system" or said.subject in reading.recorded,
        signatures=row.signatures,
        content=said,
    )


def _state(
    said: Content, signature: SignatureState, signed_by: str | None, now: str | None, day: date
) -> tuple[State, str | None]:
    if signature is SignatureState.INVALID:
        return State.REFUSED, f"its signature names the key of {signed_by} and is none over this"
    if signature is SignatureState.ANOTHER_PERSON:
        return State.REFUSED, f"it is of {said.by}, and {signed_by} signed it"
    if signature is SignatureState.ANOTHER_ROLE:
        return State.REFUSED, f"{signed_by} has not the role {said.role}"
    if signature is SignatureState.ENDED:
        return State.REFUSED, f"it was put on the record after the last day on which what {signed_by} signs counts"
    if _day(said.made_at) > day:
        return State.NOT_YET, f"it was made {said.made_at[:10]}"
    if said.valid_until is not None and day > said.valid_until:
        return State.EXPIRED, f"it stood until {said.valid_until.isoformat()}"
    if now is not None and now != said.subject.digest and said.kind != Kind.WITHDRAWAL:
        return State.STALE, f"{said.subject.name} is {now} by now"
    return State.VALID, None


def _digest_now(connection: Connection, subject: Subject) -> str | None:
    """Give the content that a subject's name stands for by now; None where the record does not know."""
    if subject.kind == "system":
        return None
    if subject.kind == "run":
        return digest_of_end(connection, subject.name)
    namespace, _, name = subject.name.partition(":")
    use = tables.use.c
    named = select(use.digest).where(use.namespace == namespace, use.name == name, use.digest.is_not(None))
    # What was written last; where nothing was written, what was read last.
    newest = named.order_by(use.direction.desc(), use.seq.desc(), use.place.desc()).limit(1)
    digest: str | None = connection.execute(newest).scalar()
    return digest


def _is_recorded(connection: Connection, subject: Subject) -> bool:
    use = tables.use.c
    known = select(use.run_id).where(use.digest == subject.digest)
    if subject.digest in EMPTY:
        known = known.where(use.namespace + ":" + use.name == subject.name)
    return connection.execute(known.limit(1)).first() is not None


def _day(moment: str) -> date:
    return date.fromisoformat(moment[:10])
