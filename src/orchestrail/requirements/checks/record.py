"""RUN-ID-01, RUN-CAP-01, REC-01 to REC-07, DOC-05: the record as a whole, and what is stated of systems."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrail.queries.reconciliations import UNORCHESTRATED, way_to_compare
from orchestrail.queries.record import Record
from orchestrail.queries.scans import PersonalPlace, personal_places, unclassified
from orchestrail.requirements.circumstances import Circumstances
from orchestrail.requirements.engine import judges
from orchestrail.requirements.overlay import Subject, agreed, attested, shown, word
from orchestrail.requirements.verdicts import Result, Status, Why, Witness, failed, passed, unknown

SUBJECT = "record"
_LEGAL_MONTHS = 6
"""Art. 19(1), 26(6): at least six months; law on the protection of personal data may say otherwise."""
_DOCUMENTED_MONTHS = 120
"""Art. 18(1): ten years after placing on the market, for the documentation and the records that it cites."""
_SHOWN = 10


@judges("RUN-ID-01", of=Record)
def nothing_waits_in_quarantine(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """While refused events are unread, one of them may bind a known run id to another job."""
    store = circumstances.store
    if store is not None and store.quarantined:
        here = Witness(None, None, "quarantine", f"{store.quarantined} refused")
        why = f"{store.quarantined} refused events are in quarantine: see `orchestrail quarantine list`"
        yield unknown("quarantine", Why.NOT_EVALUATED, why, here)


@judges("RUN-CAP-01", of=Record)
def nothing_is_lost(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """Each orchestrator's own records were compared with the record, and nothing is missing, surplus or different."""
    compared = {row.orchestrator: row for row in record.reconciliations}
    for begun in record.begins:
        name = begun.orchestrator
        if name not in compared and name == UNORCHESTRATED:
            continue
        row = compared.get(name)
        if row is None:
            why = f"the records of {name} were not compared with this one: {way_to_compare(name)}"
            yield unknown(name, Why.NOT_EVALUATED, why)
            continue
        counts = row.result["counts"]
        open_ones = {
            "missing": counts["missing"],
            "surplus": counts["surplus"] - counts["surplus_explained"],
            "different": counts["different"] - counts["different_explained"],
        }
        here = Witness(
            None, row.seq, "reconciliation", ", ".join(f"{count} {what}" for what, count in open_ones.items())
        )
        if any(open_ones.values()):
            listed = [
                Witness(one["run_id"], row.seq, kind, f"{one['job']} {one['native_id']}, attempt {one['attempt']}")
                for kind in open_ones
                for one in row.result[kind]
                if one["reason"] is None
            ]
            yield failed(name, f"its own records differ: {here.detail}", here, *listed[:_SHOWN])
        elif row.result["not_compared"]["pruned"]:
            why = f"{row.result['not_compared']['pruned']} attempts are pruned from its own history"
            yield unknown(name, Why.PARTIAL, why, here)
        else:
            yield passed(name)
    if circumstances.store is not None:
        for gap in circumstances.store.gaps:
            holes = ", ".join(f"{first} to {last}" for first, last in gap.missing[:_SHOWN])
            here = Witness(None, None, "counter", f"segment {gap.emitter}: {holes}")
            yield failed(gap.emitter, "events that a process numbered never arrived", here)


@judges("REC-01", of=Record)
def the_log_is_whole(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """The recomputed log equals the stored one. It shows no change since, and neither truth nor completeness."""
    store = circumstances.store
    if store is None or not store.size:
        return
    if store.verification is None:
        why = f"the {store.size} entries of the log were not recomputed here: `orchestrail verify` does"
        yield unknown(SUBJECT, Why.NOT_EVALUATED, why)
    elif store.verification.ok:
        yield passed(SUBJECT)
    else:
        shown = [Witness(None, None, one.table, str(one)) for one in store.verification.problems[:_SHOWN]]
        yield failed(SUBJECT, f"the log does not verify: {store.verification.problems[0]}", *shown)


@judges("REC-03", of=Record)
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


@judges("REC-06", of=Record)
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
        yield failed(SUBJECT, f"{len(found)} findings of secrets are open", *shown)
    elif known.covered < known.entries:
        here = Witness(None, known.last.seq, "scan", f"{known.covered} of {known.entries} entries")
        yield unknown(SUBJECT, Why.PARTIAL, f"the look covers {known.covered} of {known.entries} entries", here)
    else:
        yield passed(SUBJECT)


@judges("DOC-05", of=Record)
def systems_are_described(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """The recorded manifest states purpose, provider, version, predecessor, risk class with reason, role and planning date."""
    recorded = circumstances.recorded
    for name, run_id, seq in record.systems:
        here = Witness(run_id, seq, "system", name)
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


@judges("REC-02", of=Record)
def fixed_points_are_held_elsewhere(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """A checkpoint that somebody else holds shows what was altered before. This version cannot tell who holds one."""
    if record.begins:
        why = "this version does not record who holds a checkpoint, so it can only be unknown"
        yield unknown(SUBJECT, Why.NOT_CAPTURED, why)


@judges("REC-04", of=Record, ages=True)
def records_are_kept_ten_years(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """Where a person states when a system was placed on the market, the recorded policy keeps events ten years and longer."""
    months, recorded = circumstances.policy.retention_months, circumstances.recorded
    for name, run_id, seq in record.systems:
        here = Witness(run_id, seq, "system", name)
        found = word("REC-04", Subject("system", name), circumstances)
        stated = agreed(found, "placed_on_market") if found.statements else found
        if stated.statement is None or recorded is None:
            yield attested(name, stated)
        elif months is None:
            why = "no recorded policy says how long events are kept: `retention_months` in [policy]"
            yield unknown(name, Why.NOT_CAPTURED, why, shown(stated.statement), here)
        elif months < _DOCUMENTED_MONTHS:
            said = Witness(None, recorded.seq, "policy.retention_months", str(months))
            placed = stated.statement.fields["placed_on_market"]
            why = f"events are kept {months} months, and ten years from {placed} are {_DOCUMENTED_MONTHS}"
            yield failed(name, why, said, shown(stated.statement), here)
        else:
            yield attested(name, stated)


@judges("REC-05", of=Record)
def the_record_can_be_handed_over(record: Record, circumstances: Circumstances) -> Iterator[Result]:
    """An export that verifies without this program was tried. This version makes none."""
    if record.begins:
        yield unknown(
            SUBJECT, Why.NOT_EVALUATED, "this version makes no export that could be verified, so it can only be unknown"
        )


@judges("REC-07", of=Record, ages=True)
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
        yield failed(SUBJECT, f"personal data stands in {len(wrong)} places where there is to be none by now", *told)
    elif bare or recorded is None:
        told = [Witness(None, None, field, "no class is stated") for field in bare[:_SHOWN]]
        yield unknown(
            SUBJECT, Why.NO_ATTESTATION, f"{len(bare)} stored fields have no class: `[[fields]]` in the manifest", *told
        )
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
