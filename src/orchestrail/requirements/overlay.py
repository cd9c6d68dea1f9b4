"""What persons say, laid over what facts show: statements, waivers, and requirements that are said to have no subject.

A statement never turns a failure into anything else, and none is ever a pass. It is bound to a content: to another one, or after
its end, it says nothing. Of statements that contradict each other none counts. Pure: nothing is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from orchestrail.model import EMPTY
from orchestrail.queries.statements import SignatureState, State, Statement
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.verdicts import Result, Status, Verdict, Why, Witness, unknown

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """What something may be stated about.

    Attributes:
        kind: `data`, `model`, `run`, or `system`.
        name: `namespace:name`, the id of a run, or the name of a system.
        digest: of its content; None where it is not known, and for a system, which has a version instead.
    """

    kind: str
    name: str
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """What persons have said of a subject.

    Attributes:
        statements: those that count, the newest last; none where `why` says why.
        why: the kind of reason.
        reason: in a sentence.
        witnesses: the statements that do not count.
    """

    statements: tuple[Statement, ...] = ()
    why: Why | None = None
    reason: str = ""
    witnesses: tuple[Witness, ...] = ()

    @property
    def statement(self) -> Statement | None:
        """The one that counts: the newest."""
        return self.statements[-1] if self.statements else None


def word(requirement: str, subject: Subject, circumstances: Circumstances, *, signed: bool = False) -> Word:
    """Find what persons have stated about a subject by a requirement, or a point of Annex IV.

    Args:
        requirement: its id, or the point.
        subject: what it is about.
        circumstances: all that was stated.
        signed: only what is signed with a key of the person counts.
    """
    meant = [one for one in _statements(requirement, circumstances) if _names(one, subject)]
    bound = [one for one in meant if _is_bound(one, subject, circumstances)]
    counting = [one for one in bound if not signed or one.signature_state is SignatureState.SIGNED]
    if counting:
        return Word(tuple(counting))
    roles = " or ".join(circumstances.roles.get(requirement, ())) or "a person"
    asked = f"{roles} has to state it: `orchestrail attest statement --about {requirement}`"
    if bound:
        why = f"{_who(bound[-1])} stated it without a signature that counts"
        return Word(why=Why.NO_ATTESTATION, reason=f"{why}; {asked}", witnesses=tuple(map(shown, bound)))
    if meant:
        why = f"what {_who(meant[-1])} stated no longer counts: {_ended(meant[-1], subject)}"
        return Word(why=Why.STALE_ATTESTATION, reason=f"{why}; {asked}", witnesses=tuple(map(shown, meant[-_SHOWN:])))
    return Word(why=Why.NO_ATTESTATION, reason=f"nobody has stated it; {asked}")


def agreed(found: Word, field: str) -> Word:
    """Keep what persons say only where all who name a field say the same; who says nothing of it does not count."""
    saying = tuple(one for one in found.statements if field in one.fields)
    if found.statements and not saying:
        why = f"the statement of {_who(found.statements[-1])} does not say `{field}`"
        return Word(why=Why.NO_ATTESTATION, reason=why, witnesses=tuple(map(shown, found.statements)))
    if len({one.fields[field] for one in saying}) > 1:
        said = ", ".join(f"{one.fields[field]} ({one.by})" for one in saying)
        why = f"statements contradict each other about `{field}`: {said}; one of them has to be withdrawn or superseded"
        return Word(why=Why.NO_ATTESTATION, reason=why, witnesses=tuple(map(shown, saying)))
    return replace(found, statements=saying)


def attested(subject: str, found: Word, label: str = "") -> Result:
    """Give the result of a subject that persons decide about: attested, or unknown with who has to say something."""
    statement = found.statement
    if statement is None:
        why = found.why or Why.NO_ATTESTATION
        return unknown(subject, why, found.reason, *found.witnesses, label=label)
    reason = f"stated by {_who(statement)}, {statement.made_at[:10]}, {_signature(statement)}"
    if statement.valid_until is not None:
        reason += f", until {statement.valid_until}"
    return Result(subject, Status.ATTESTED, reason, label=label, witnesses=(shown(statement),))


def shown(statement: Statement) -> Witness:
    """Point to a statement in the record."""
    said = f"{statement.kind} {statement.id[:15]} of {_who(statement)}, {statement.state}, {_signature(statement)}"
    return Witness(None, statement.seq, "statement", said)


def overlaid(requirement: str, result: Result, system: str | None, circumstances: Circumstances) -> Result:
    """Lay what persons say over a result: a waiver over a failure or an unknown, not applicable over an unknown.

    Args:
        requirement: its id.
        result: as the facts, and statements about the requirement itself, have it.
        system: the system that the subject belongs to; None where it belongs to none.
        circumstances: what persons said.
    """
    if result.status not in (Status.FAIL, Status.UNKNOWN):
        return result
    exempt = circumstances.manifest.exempt(requirement, system)
    said = circumstances.recorded.seq if circumstances.recorded is not None else None
    if exempt is not None:
        witness = Witness(None, said, "manifest", f"not applicable, by {exempt.by}: {exempt.reason}")
        if result.status is Status.UNKNOWN:
            reason = f"not applicable, says {exempt.by}: {exempt.reason}"
            return Result(result.subject, Status.NOT_APPLICABLE, reason, None, result.label, (witness,))
        contradicted = f"{result.reason}; {exempt.by} says that the requirement has no subject here, and it has"
        result = replace(result, reason=contradicted, witnesses=(*result.witnesses, witness))
    for waiver in reversed([one for one in circumstances.about.get(requirement, ()) if one.kind == "waiver"]):
        if _role_fits(waiver, requirement, circumstances) and _covers(waiver, result, system, circumstances):
            reason = f"{result.status}: {result.reason}; waived until {waiver.valid_until} by {_who(waiver)}: {waiver.reason}"
            return replace(
                result, status=Status.WAIVED, reason=reason, why=None, witnesses=(shown(waiver), *result.witnesses)
            )
    return result


def without_subjects(verdict: Verdict, system: str | None, circumstances: Circumstances) -> Verdict:
    """Say that a requirement without any subject is not applicable, where the manifest does."""
    exempt = circumstances.manifest.exempt(verdict.requirement, system)
    if exempt is None or verdict.why is not Why.NO_SUBJECTS or verdict.subjects:
        return verdict
    reason = f"not applicable, says {exempt.by}: {exempt.reason}"
    return replace(verdict, status=Status.NOT_APPLICABLE, reason=reason, why=None)


def _statements(requirement: str, circumstances: Circumstances) -> Iterator[Statement]:
    for one in circumstances.about.get(requirement, ()):
        if one.kind == "statement" and _role_fits(one, requirement, circumstances):
            yield one


def _role_fits(one: Statement, requirement: str, circumstances: Circumstances) -> bool:
    allowed = circumstances.roles.get(requirement)
    return not allowed or one.role in allowed


def _names(one: Statement, subject: Subject) -> bool:
    """Say whether a statement is about a subject, in whichever state or version that was."""
    if subject.kind == "system":
        return one.subject.kind == "system" and one.subject.name.partition("@")[0] == subject.name
    telling = subject.digest is not None and subject.digest not in EMPTY
    return one.subject.name == subject.name or (telling and one.subject.digest == subject.digest)


def _is_bound(one: Statement, subject: Subject, circumstances: Circumstances) -> bool:
    """Say whether a statement stands, and for this very content."""
    if subject.kind == "system":
        return one.state is State.VALID and one.subject.name == versioned(subject.name, circumstances)
    if subject.kind == "run":
        return one.state is State.VALID and one.subject.name == subject.name
    return one.stands and one.subject.digest == subject.digest


def versioned(system: str, circumstances: Circumstances) -> str | None:
    """Name a system as statements do: with the version that the manifest states; None where it states none."""
    stated = circumstances.manifest.system(system)
    return f"{system}@{stated.version}" if stated is not None and stated.version is not None else None


def _covers(waiver: Statement, result: Result, system: str | None, circumstances: Circumstances) -> bool:
    if waiver.subject.kind == "system":
        # What belongs to no system, the record itself say, is waived where there is but one.
        systems = [system] if system is not None else [one.name for one in circumstances.manifest.systems]
        named = [versioned(name, circumstances) for name in systems]
        return waiver.state is State.VALID and named == [waiver.subject.name]
    if waiver.subject.kind == "run":
        return waiver.state is State.VALID and result.subject == waiver.subject.name
    digest = waiver.subject.digest
    return waiver.stands and (result.subject == digest or result.subject.endswith(f"@{digest}"))


_STATES: dict[State, Callable[[Statement], str]] = {
    State.EXPIRED: lambda one: f"it ended on {one.valid_until}",
    State.NOT_YET: lambda one: f"it was made on {one.made_at[:10]}, after the day of this judgement",
    State.SUPERSEDED: lambda one: "another one stands in its place",
    State.WITHDRAWN: lambda one: "it was withdrawn",
    State.REFUSED: lambda one: one.why or "its signature does not count",
}


def _ended(one: Statement, subject: Subject) -> str:
    if one.state in _STATES:
        return _STATES[one.state](one)
    if subject.kind == "system":
        return f"it is about {one.subject.name}, and the manifest states another version or none"
    return f"it is bound to {one.subject.digest[:19]}, and the content is another one by now"


def _who(one: Statement) -> str:
    return f"{one.by} ({one.role})"


def _signature(one: Statement) -> str:
    return "signed" if one.signature_state is SignatureState.SIGNED else "unsigned statement"
