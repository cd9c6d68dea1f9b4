"""What a person states, onto the record: the rules that need more than the content itself, and what is refused from whom.

Nothing is stated for anybody: texts, names and signatures come from the caller, who has them from a person.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from orchestrail.errors import StatementRefused
from orchestrail.model import Job
from orchestrail.operations.records import own_record
from orchestrail.projections.apply import apply
from orchestrail.queries.snapshot import Snapshot
from orchestrail.queries.statements import SignatureState, known_persons, signature_of, statements
from orchestrail.redaction import redact
from orchestrail.settings import Settings
from orchestrail.statements.content import Content, Signed, Unusable, content_of
from orchestrail.statements.persons import Person, person_of
from orchestrail.statements.signatures import KeyProblem, public_key, read_envelope
from orchestrail.store.base import Incoming, Store

SOURCE = "attest"
Roles = Mapping[str, Collection[str]]
"""By requirement, the roles in which something may be stated about it; none for any role."""

_UNATTENDED = (
    "CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "BUILDKITE", "CIRCLECI", "TF_BUILD", "TEAMCITY_VERSION", "TRAVIS", "DRONE",
    "BITBUCKET_BUILD_NUMBER", "CODEBUILD_BUILD_ID", "AIRFLOW_CTX_DAG_ID", "PREFECT__FLOW_RUN_ID", "OPENLINEAGE_CONTEXT",
)  # fmt: skip
"""Variables that build servers and orchestrators set: who runs there is nobody."""

_MACHINES = frozenset(
    ["bot", "robot", "ci", "cd", "svc", "service", "automation", "automated", "pipeline", "jenkins", "actions", "runner", "agent",
     "dependabot", "renovate", "airflow", "prefect", "daemon", "nobody", "noreply", "script", "cron"]
)  # fmt: skip
_ANNEX_IV = re.compile(r"IV\([1-9]\)(\([a-h]\))?")
_WORD = re.compile(r"[^\W\d_]+")


def unattended(environ: Mapping[str, str], *, terminal: bool) -> str | None:
    """Say why no person can be at work here; None where one may be.

    Args:
        environ: the environment.
        terminal: True where a person can be asked.
    """
    set_here = [name for name in _UNATTENDED if environ.get(name, "").lower() not in ("", "0", "false")]
    if set_here:
        return f"{set_here[0]} is set, which build servers and orchestrators do"
    return None if terminal else "there is no terminal at which a person could be asked"


def is_machine(name: str) -> bool:
    """Say whether a name is that of an automated account, by a word in it: `build-bot`, `svc_train`, `github-actions[bot]`."""
    return any(word.lower() in _MACHINES for word in _WORD.findall(name))


def check(content: Content, roles: Roles) -> None:
    """Check what the content alone cannot know.

    Raises:
        StatementRefused: an automated account states it, the role is not one for its requirement, or it holds a secret.
    """
    if is_machine(content.by):
        why = f"{content.by!r} is the name of an automated account, by a word in it."
        raise StatementRefused(
            "Only a person can state this.", why, "Give the name, or a stable pseudonym, of a person."
        )
    for requirement in content.about:
        if requirement not in roles and not _ANNEX_IV.fullmatch(requirement):
            why = f"{requirement} is neither in the catalogue nor a point of Annex IV, such as IV(2)(g)."
            raise StatementRefused("There is no such requirement.", why, "`orchestrail check` lists the requirements.")
        allowed = roles.get(requirement)
        if allowed and content.role not in allowed:
            why = f"{requirement} takes {', '.join(sorted(allowed))}; this is stated as {content.role}."
            raise StatementRefused(
                "The role is not one for this requirement.", why, "Let a person in that role state it."
            )
    said = content.document()
    # As names and values stand on the record, and as a pair: a value may be secret for its name alone.
    if redact(said) != said or redact(dict(content.fields)) != dict(content.fields):
        why = "Something in it looks like a password, key or token; the record is read by many, and keeps it."
        raise StatementRefused("The statement holds a secret.", why, "State it without.")


def made(said: Mapping[str, object]) -> Content:
    """Make a content of what a person gave, stated now.

    Raises:
        StatementRefused: it breaks a rule.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    try:
        return content_of({"madeAt": now, **said})
    except Unusable as error:
        raise StatementRefused(
            "This cannot be stated.", f"{_sentence(error)}", "Change it, and state it again."
        ) from None


def put(settings: Settings, store: Store, stated: Sequence[tuple[Content, Sequence[Signed]]]) -> int:
    """Put statements on the record, all in one transaction.

    Returns:
        The place in the log of the last one.

    Raises:
        StoreError: the store cannot be written.
    """
    job = Job(settings.namespace, "orchestrail.attest")
    records = [own_record("orchestrail_statement", _facet(content, signed), SOURCE, job) for content, signed in stated]
    return _append(store, records)


def _facet(content: Content, signed: Sequence[Signed]) -> dict[str, object]:
    return content.document() | {"signatures": [{"keyid": one.keyid, "value": one.value} for one in signed]}


def put_persons(settings: Settings, store: Store, persons: Sequence[Person]) -> int:
    """Put the persons whose signatures count on the record, in place of those before; gives the place in the log.

    Raises:
        StoreError: the store cannot be written.
    """
    said = {"persons": [person.document() for person in persons]}
    return _append(
        store, [own_record("orchestrail_persons", said, SOURCE, Job(settings.namespace, "orchestrail.attest.persons"))]
    )


def _append(store: Store, records: Sequence[Incoming]) -> int:
    appended = store.append(records)
    apply(store)
    return appended.size - 1


@dataclass(frozen=True, slots=True)
class Filed:
    """A signed file that was read.

    Attributes:
        name: of the file.
        content: what it states.
        signed: the signatures over it.
        known: True where the record has it already, with these signatures.
    """

    name: str
    content: Content
    signed: tuple[Signed, ...]
    known: bool


def read_file(record: Snapshot, name: str, data: bytes, roles: Roles) -> Filed:
    """Read a signed file from a repository: it counts where a known person signed it, wherever this runs.

    Raises:
        StatementRefused: it is no signed statement, breaks a rule, or no known person in that role signed it.
    """
    today = datetime.now(UTC).date()
    try:
        content, signed = read_envelope(data)
    except Unusable as error:
        do = "`orchestrail attest statement ... --sign KEY --out FILE` writes such a file."
        raise StatementRefused(f"{name} cannot be put on the record.", _sentence(error), do) from None
    check(content, roles)
    state, by = signature_of(content, signed, today, known_persons(record))
    recorded = {one.id: one.signatures for one in statements(record, today)}
    if state is not SignatureState.SIGNED:
        why = {
            SignatureState.UNSIGNED: "Nobody signed it.",
            SignatureState.UNKNOWN_KEY: "The key that signed it is of none of the recorded persons.",
            SignatureState.INVALID: f"The signature names the key of {by}, and is none over this content.",
            SignatureState.ANOTHER_PERSON: f"It is stated by {content.by}, and {by} signed it.",
            SignatureState.ANOTHER_ROLE: f"{by} has not the role {content.role}.",
            SignatureState.ENDED: f"What {by} signs counts no more.",
        }[state]
        raise StatementRefused(f"{name} cannot be put on the record.", why, "See `orchestrail attest persons`.")
    return Filed(name, content, signed, known=set(signed) <= set(recorded.get(content.id, ())))


def persons_of(table: object, file: str) -> tuple[Person, ...]:
    """Read the persons of a settings file, the table `[persons]`.

    Raises:
        StatementRefused: one of them cannot be used.
    """
    try:
        if not isinstance(table, Mapping) or not all(isinstance(one, Mapping) for one in table.values()):
            raise Unusable("persons are tables, such as [persons.dana]")
        found = tuple(person_of(name, said) for name, said in sorted(table.items()))
        for person in found:
            for key in person.keys:
                public_key(key)
    except (Unusable, KeyProblem) as error:
        raise StatementRefused(f"The persons in {file} cannot be used.", _sentence(error), "Mend the table.") from None
    return found


def in_a_year(day: date) -> date:
    """Give the last day of a statement that names none: a year later."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + 1, day=28)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
