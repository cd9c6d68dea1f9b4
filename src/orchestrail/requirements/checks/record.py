"""RUN-ID-01 by quarantine, RUN-CAP-01 by numbers, REC-01 to REC-07, DOC-05: the record as a whole, what is stated of systems."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from orchestrail.queries.record import NamedSystem, Record
from orchestrail.queries.scans import PersonalPlace, Scanned, personal_places, unclassified
from orchestrail.queries.statements import Statement
from orchestrail.queries.words import counted
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.limits import NEITHER
from orchestrail.requirements.overlay import Subject, Word, agreed, attested, shown, word
from orchestrail.requirements.verdicts import Result, Status, Why, Witness, failed, passed, unknown

SUBJECT = "record"
_LEGAL_MONTHS = 6
"""Art. 19(1), 26(6): at least six months; law on the protection of personal data may say otherwise."""
_DOCUMENTED_YEARS = 10
"""Art. 18(1): after placing on the market, for the documentation and the records that it cites."""
_SHOWN = 10


@judges("RUN-ID-01", of=Record, subject="a run", whole=True)
def nothing_waits_in_quarantine(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """While refused events are unread, one of them may bind a known run id to another job."""
    store = circumstances.store
    if store is not None and store.quarantined:
        here = Witness(None, None, "quarantine", f"{store.quarantined} refused")
        refused = counted(store.quarantined, "refused event is", "refused events are")
        why = f"{refused} in quarantine: see `orchestrail quarantine list`"
        yield unknown("quarantine", Why.NOT_EVALUATED, why, here)


@judges("RUN-CAP-01", of=Record, subject="a run of an orchestrator", whole=True)
def nothing_numbered_is_lost(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """Processes number their events: a hole in the numbers is one that never arrived."""
    if circumstances.store is not None:
        for gap in circumstances.store.gaps:
            holes = ", ".join(f"{first} to {last}" for first, last in gap.missing[:_SHOWN])
            here = Witness(None, None, "counter", f"segment {gap.emitter}: {holes}")
            yield failed(gap.emitter, "events that a process numbered never arrived", here)


@judges("REC-01", of=Record, subject="a log", whole=True)
def the_log_is_whole(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """The recomputed log equals the stored one. It shows no change since, and neither truth nor completeness."""
    store = circumstances.store
    if store is None or not store.size:
        return
    if store.verification is None:
        why = f"the log of {counted(store.size, 'entry', 'entries')} was not recomputed here: `orchestrail verify` does"
        yield unknown(SUBJECT, Why.NOT_EVALUATED, why)
    elif store.verification.ok:
        yield passed(SUBJECT)
    else:
        shown = [Witness(None, None, one.table, str(one)) for one in store.verification.problems[:_SHOWN]]
        yield failed(SUBJECT, f"the log does not verify: {store.verification.problems[0]}", *shown)


@judges("REC-03", of=Record, subject="a log", beyond=NEITHER)
def logs_are_kept(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """The recorded policy keeps events at least six months."""
    if circumstances.store is not None and not circumstances.store.size:
        return
    months = circumstances.policy.retention_months
    recorded = circumstances.recorded
    if months is None or recorded is None:
        why = "no recorded policy says how long events are kept: `retention_months` in [policy]"
        yield unknown(SUBJECT, Why.NOT_CAPTURED, why)
        return
    here = Witness(None, recorded.seq, "policy.retention_months", str(months))
    if months < _LEGAL_MONTHS:
        yield failed(SUBJECT, f"events are kept {months} months, and the least is {_LEGAL_MONTHS}", here)
    else:
        yield passed(SUBJECT)


@judges("REC-06", of=Record, subject="an event", whole=True)
def no_secret_is_found(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """A second look covers all events and has no open finding. No finding is no proof."""
    known = record.scanned
    if known is None:
        if record.begins:
            why = "nobody looked for secrets in what is stored: `orchestrail scan`"
            yield unknown(SUBJECT, Why.NOT_EVALUATED, why)
        return
    found = known.open("secret")
    if found:
        shown = [Witness(None, *one.found.places[0], one.found.kind) for one in found[:_SHOWN]]
        yield failed(SUBJECT, f"{counted(len(found), 'finding is', 'findings are')} open: it may be a secret", *shown)
    elif (rest := _not_looked_at(known, circumstances)) is not None:
        yield rest
    else:
        yield passed(SUBJECT)


def _not_looked_at(known: Scanned, circumstances: Circumstances) -> Result | None:
    """Say how far a look goes; None where it covers all that is stored."""
    here = Witness(None, known.last.seq, "scan", f"{known.covered} of {known.entries} entries")
    if known.covered < known.entries:
        why = f"the look covers {known.covered} of {known.entries} entries: `orchestrail scan`"
        return unknown(SUBJECT, Why.PARTIAL, why, here)
    if circumstances.store is not None and circumstances.store.quarantined:
        refused = counted(circumstances.store.quarantined, "refused event is", "refused events are")
        why = f"{refused} stored in quarantine, where no scan looks: see `orchestrail quarantine list`"
        return unknown(SUBJECT, Why.PARTIAL, why, here)
    return None


@judges("DOC-05", of=Record, subject="a system", beyond=NEITHER)
def systems_are_described(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """The recorded manifest states purpose, provider, version, predecessor, risk class with reason, role and planning date."""
    recorded = circumstances.recorded
    for system in record.systems:
        name = system.name
        here = Witness(system.run_id, system.seq, "system", name)
        stated = circumstances.manifest.system(name)
        if recorded is None or stated is None:
            yield unknown(
                name, Why.NO_ATTESTATION, "no recorded manifest describes the system: `orchestrail manifest`", here
            )
        elif stated.missing:
            lacking = ", ".join(stated.missing)
            said = Witness(None, recorded.seq, f"systems.{name}", lacking)
            yield unknown(name, Why.NO_ATTESTATION, f"the manifest does not state {lacking}", said, here)
        else:
            day = datetime.fromisoformat(recorded.received_at).date()
            said = Witness(None, recorded.seq, f"systems.{name}", recorded.digest)
            yield Result(name, Status.ATTESTED, f"stated in the manifest recorded on {day}", witnesses=(said, here))


@judges("REC-02", of=Record, subject="a log", whole=True)
def fixed_points_are_held_elsewhere(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """A checkpoint that somebody else holds shows what was altered before. This version cannot tell who holds one."""
    if record.begins:
        why = "this version does not record who holds a checkpoint, so it can only be unknown"
        yield unknown(SUBJECT, Why.NOT_CAPTURED, why)


@judges("REC-04", of=Record, subject="a system", ages=True, beyond=NEITHER)
def records_are_kept_ten_years(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """Where a person states when a system was placed on the market, the recorded policy keeps its first run ten years from then."""
    for system in record.systems:
        found = word("REC-04", Subject("system", system.name), circumstances)
        stated = agreed(found, "placed_on_market") if found.statements else found
        if stated.statement is None:
            yield attested(system.name, stated)
        else:
            yield _kept(system, stated, stated.statement, circumstances)


def _kept(system: NamedSystem, stated: Word, statement: Statement, circumstances: Circumstances) -> Result:
    here = Witness(system.run_id, system.seq, "system", system.name)
    months, recorded = circumstances.policy.retention_months, circumstances.recorded
    if months is None or recorded is None:
        why = "no recorded policy says how long events are kept: `retention_months` in [policy]"
        return unknown(system.name, Why.NOT_CAPTURED, why, shown(statement), here)
    if system.since is None:
        why = "no event of its first run tells a time, from which its keeping could be reckoned"
        return unknown(system.name, Why.NOT_CAPTURED, why, here, shown(statement))
    placed = date.fromisoformat(statement.fields["placed_on_market"])
    first = datetime.fromisoformat(system.since).date()
    if _months_later(first, months) >= _months_later(placed, 12 * _DOCUMENTED_YEARS):
        return attested(system.name, stated)
    said = Witness(None, recorded.seq, "policy.retention_months", str(months))
    why = f"its first run, of {first}, is kept {counted(months, 'month')}, and ten years from {placed} end later"
    return failed(system.name, why, said, shown(statement), here)


def _months_later(day: date, months: int) -> tuple[int, int, int]:
    """Give a day so many months later, as numbers that are in the order of days: there may be no 31st."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return year, month, day.day


@judges("REC-05", of=Record, subject="a log", whole=True)
def the_record_can_be_handed_over(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """An export that verifies without this program was tried. This version makes none."""
    if record.begins:
        yield unknown(
            SUBJECT, Why.NOT_EVALUATED, "this version makes no export that could be verified, so it can only be unknown"
        )


@judges("REC-07", of=Record, subject="an event", ages=True, whole=True)
def personal_data_is_known(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """Each stored field has a class; nothing personal is found in one that has none, or after its end."""
    known, recorded = record.scanned, circumstances.recorded
    if known is None:
        if record.begins:
            why = "nobody looked for personal data in what is stored: `orchestrail scan`"
            yield unknown(SUBJECT, Why.NOT_EVALUATED, why)
        return
    places = personal_places(known, circumstances.manifest)
    wrong = [place for place in places if place.stated is not None and _is_wrong(place, circumstances)]
    bare = unclassified(known, circumstances.manifest)
    if wrong:
        told = [Witness(None, place.seq, place.pointer, place.finding.found.kind) for place in wrong[:_SHOWN]]
        places_told = counted(len(wrong), "place")
        yield failed(SUBJECT, f"personal data stands in {places_told} where there is to be none by now", *told)
    elif recorded is None:
        why = (
            "no recorded manifest states the classes of stored fields: `[[fields]]`, then `orchestrail manifest record`"
        )
        yield unknown(SUBJECT, Why.NO_ATTESTATION, why)
    elif bare:
        told = [Witness(None, None, field, "no class is stated") for field in bare[:_SHOWN]]
        fields = counted(len(bare), "stored field has", "stored fields have")
        yield unknown(SUBJECT, Why.NO_ATTESTATION, f"{fields} no class: `[[fields]]` in the manifest", *told)
    elif (rest := _not_looked_at(known, circumstances)) is not None:
        yield rest
    else:
        said = Witness(None, recorded.seq, "fields", recorded.digest)
        yield Result(
            SUBJECT, Status.ATTESTED, "each stored field has a class in the recorded manifest", witnesses=(said,)
        )


def _is_wrong(place: PersonalPlace, circumstances: Circumstances) -> bool:
    stated = place.stated
    return stated is not None and (
        stated.kind == "none" or (stated.until is not None and stated.until < circumstances.day)
    )
