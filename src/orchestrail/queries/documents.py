"""The JSON objects of the contract: Run, Dataset, Edge, and the documents made of them. Every name of the contract is there, null
where nothing is known; more fields may stand beside them. Nothing is looked up here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from orchestrail.model import DatasetRef
from orchestrail.projections.rows import ReconciliationRow, RunRow
from orchestrail.queries.at import InUse, Tested, Then
from orchestrail.queries.beginnings import Beginning
from orchestrail.queries.diff import Compared
from orchestrail.queries.differences import Difference
from orchestrail.queries.impact import Descendants, Examined, Impact
from orchestrail.queries.loading import Edge, dataset_key
from orchestrail.queries.meetings import Others
from orchestrail.queries.models import Deployment
from orchestrail.queries.proofs import Consistency, Inclusion
from orchestrail.queries.show import Shown
from orchestrail.queries.sides import Side
from orchestrail.queries.statements import Statement
from orchestrail.queries.trace import Trace, TracedDataset
from orchestrail.queries.withdrawals import Withdrawal
from orchestrail.store.base import Behind, Checkpoint, QuarantineEntry, Record, Verification

Document = dict[str, Any]


def run_document(row: RunRow) -> Document:
    """Give a run as the contract's `Run`."""
    return {
        "run_id": row.run_id,
        "root_run_id": row.root_run_id,
        "parent_run_id": row.parent_run_id,
        "job": {"namespace": row.job.namespace, "name": row.job.name, "type": row.job_type},
        "orchestrator": {"name": row.orchestrator, "version": row.orchestrator_version},
        "native_id": row.native_id,
        "attempt": row.attempt,
        "role": row.role,
        "state": row.state,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "ends_before_start": row.ends_before_start,
        "system": row.system,
        "environment": row.environment,
        "trigger": row.trigger,
        "actor": row.actor,
        "preprocessing": _preprocessing(row),
        "code": {
            "digest": row.code.digest,
            "repository": row.code.repository,
            "commit": row.code.commit,
            "dirty": row.code.dirty,
            "path": row.code.path,
            "name": row.code.name,
            "modules": dict(row.code.modules),
        },
        "parameters": row.parameters,
        "environment_facts": row.environment_facts,
        "inputs": [dataset_document(use.dataset) for use in row.inputs],
        "outputs": [dataset_document(use.dataset) for use in row.outputs],
        "cached_from": row.cached_from,
        "error": row.error,
        "inferred": list(row.inferred),
        "role_source": row.role_source,
        "calls": [{"role": role, "call": call} for role, call in row.calls],
        "previous_attempt": row.previous_attempt,
        "stated_root_run_id": row.stated_root_run_id,
        "producer": row.producer,
        "mode": row.mode,
        "findings": [asdict(finding) for finding in row.findings],
        "tags": list(row.tags),
        "metrics": list(row.metrics),
        "checks": list(row.checks),
        "serving": list(row.serving),
        "seeds": list(row.seeds),
        "usage": row.usage,
        "not_captured": [{"what": what, "reason": reason} for what, reason in row.not_captured],
        "capabilities": None if row.capabilities is None else list(row.capabilities),
        "owner": row.owner,
        "closed_by": row.closed_by,
        "ends": [asdict(end) for end in row.ends],
        "changes": [asdict(change) for change in row.changes],
        "sequence": {"first": row.first_seq, "last": row.last_seq},
    }


def _preprocessing(row: RunRow) -> Document | None:
    if row.preprocessing is None:
        return None
    facts = {"serve_time": row.serve_time, "fits_state": row.fits_state, "train_only": row.train_only}
    return asdict(row.preprocessing) | facts


def dataset_document(dataset: DatasetRef) -> Document:
    """Give a data set as the contract's `Dataset`."""
    return {
        "key": dataset_key(dataset),
        "namespace": dataset.namespace,
        "name": dataset.name,
        "version": dataset.version,
        "digest": dataset.digest,
        "kind": dataset.kind,
        "kind_source": dataset.kind_source,
        "role": dataset.role,
        "observed": dataset.observed,
        "weak": dataset.weak,
        "type": dataset.type,
        "format": dataset.format,
        "framework": dataset.framework,
        "rows": dataset.rows,
        "bytes": dataset.bytes,
        "fields": [{"name": name, "type": kind or None} for name, kind in dataset.fields] or None,
    }


def edge_document(edge: Edge) -> Document:
    """Give an edge as the contract's `Edge`."""
    return {
        "from": edge.start,
        "to": edge.end,
        "kind": edge.kind,
        "proof": edge.proof,
        "captured": edge.captured,
        "inferred": edge.concluded,
        "note": edge.note,
    }


def beginnings_document(found: Sequence[Beginning]) -> Document:
    """Say where the record begins, for each orchestrator: stands beside the answers of `runs`, `show`, `trace` and `doctor`."""
    return {"record_begins": {beginning.orchestrator: beginning.since for beginning in found}}


def reconciliation_document(row: ReconciliationRow) -> Document:
    """Give a stored result as `orchestrail reconcile` gave it when it was found."""
    return {**row.result, "sequence": row.seq}


def statement_document(one: Statement) -> Document:
    """Give what a person stated, with its state."""
    said = one.content
    return {
        "id": one.id,
        "kind": one.kind,
        "about": list(one.about),
        "subject": asdict(one.subject) | {"on_record": one.on_record, "digest_now": one.digest_now},
        "by": one.by,
        "role": one.role,
        "made_at": one.made_at,
        "received_at": one.received_at,
        "valid_until": one.valid_until.isoformat() if one.valid_until else None,
        "statement": one.statement,
        "reason": one.reason,
        "fields": dict(one.fields),
        "evidence": [asdict(each) for each in one.evidence],
        "supersedes": said.supersedes,
        "withdraws": said.withdraws,
        "state": one.state.value,
        "why": one.why,
        "displaced_by": one.by_id,
        "signature": one.signature_state.value,
        "signed_by": one.signed_by,
        "sequence": one.seq,
    }


def quarantined_document(entry: QuarantineEntry) -> Document:
    """Give what is known of something that was refused, without its bytes."""
    return {
        "id": entry.id,
        "received_at": entry.received_at,
        "reason_code": entry.reason_code,
        "reason": entry.reason,
        "source": entry.source,
        "bytes": entry.size,
        "emitter": entry.emitter,
        "counter": entry.counter,
        "event_id": entry.event_id,
    }


def entry_document(entry: Record) -> Document:
    """Give an entry of the log, without its bytes."""
    size = None if entry.body is None else len(entry.body)
    return {"sequence": entry.seq, "event_id": entry.event_id, "received_at": entry.received_at, "bytes": size}


def checkpoint_document(head: Checkpoint) -> Document:
    """Give the answer of `orchestrail checkpoint`."""
    return {"size": head.size, "root_hash": head.root_hash.hex(), "note": head.note.decode("utf-8")}


def inclusion_document(proof: Inclusion) -> Document:
    """Give a proof that an entry is in the log."""
    path = [node.hex() for node in proof.path]
    return {"sequence": proof.seq, "size": proof.size, "leaf_hash": proof.leaf.hex(), "path": path}


def consistency_document(proof: Consistency) -> Document:
    """Give a proof that the log begins with what it was."""
    return {"first": proof.first, "second": proof.second, "path": [node.hex() for node in proof.path]}


def behind_document(behind: Behind) -> dict[str, Any]:
    """Lay out what a log lacks of what it had signed."""
    return {
        "size": behind.size,
        "known_size": behind.known_size,
        "known_root": behind.known_root.hex(),
        "lost": None if behind.parted else behind.known_size - behind.size,
    }


def verification_document(result: Verification) -> Document:
    """Give the answer of `orchestrail verify`."""
    problems = [str(problem) for problem in result.problems]
    found = {"ok": result.ok, "size": result.size, "root_hash": result.root_hash, "problems": problems}
    against, compared = (asdict(one) if one else None for one in (result.against, result.tables))
    return found | {"notes": list(result.notes), "against": against, "tables": compared}


def runs_document(rows: Sequence[RunRow]) -> Document:
    """Give the answer of `orchestrail runs`."""
    return {"runs": [run_document(row) for row in rows]}


def shown_document(shown: Shown) -> Document:
    """Give the answer of `orchestrail show`."""
    return {
        "root": run_document(shown.root),
        "runs": [run_document(row) for row in shown.runs],
        "edges": [edge_document(edge) for edge in shown.edges],
    }


def trace_document(traced: Trace, readers: Sequence[tuple[str, str]], others: Others) -> Document:
    """Give the answer of `orchestrail trace`.

    Args:
        traced: what produced the target.
        readers: the runs that read it, from `orchestrail.queries.origin.readers_of`.
        others: what else its name stood for.
    """
    target = traced.target
    found = traced.datasets.get(dataset_key(target.dataset)) if target.dataset else None
    return {
        "target": {
            "given": target.given,
            "kind": target.kind,
            "dataset": dataset_document(target.dataset) if target.dataset else None,
            "digest": target.dataset.digest if target.dataset else None,
            "run_id": target.run.run_id if target.run else found.writer if found else None,
            "written": target.written if target.dataset else None,
            "also_written_by": list(found.others) if found else [],
            "read_by": [run_id for run_id, _ in readers],
        },
        "runs": [run_document(row) for row in traced.runs],
        "datasets": [_traced(dataset) for dataset in traced.datasets.values()],
        "edges": [edge_document(edge) for edge in traced.edges],
        "unproven": [edge_document(edge) for edge in traced.unproven],
        "sources": [_traced(dataset) for dataset in traced.sources],
        "not_recorded": list(traced.missing),
        "other_contents": others_document(others),
    }


def others_document(others: Others) -> Document:
    """Give what a name stood for beside the content that an answer is of."""
    listed = [
        {
            "digest": each.digest,
            "version": each.version,
            "first_met": each.at,
            "written": each.written,
            "read": each.read,
            "sequence": each.first,
        }
        for each in others.contents
    ]
    return {"contents": listed, "more": others.more}


def impact_document(found: Impact, others: Others, examined: Examined | None = None) -> Document:
    """Give the answer of `orchestrail impact`: what descends for certain, apart from it what may, and what was not asked for."""
    target = found.target
    return {
        "target": {
            "given": target.given,
            "kind": target.kind,
            "run_id": target.run.run_id if target.run else None,
            "digest": target.dataset.digest if target.dataset else None,
        },
        **_descendants(found.certain),
        "edges": [edge_document(edge) for edge in found.edges],
        "unproven": [edge_document(edge) for edge in found.unproven],
        "sources": [dataset_document(dataset) for dataset in found.meant.values()],
        "read_by": [row.run_id for row in found.readers],
        "possible": _descendants(found.possible),
        "withdrawals": [withdrawal_document(one) for one in found.withdrawn],
        "read_after_withdrawal": [row.run_id for row in found.read_after],
        "examined": {"models": examined.models, "complete": examined.complete} if examined else None,
        "not_seen": [run_document(row) for row in found.unseen],
        "other_contents": others_document(others),
    }


def _descendants(found: Descendants) -> Document:
    return {
        "runs": [run_document(row) for row in found.runs],
        "datasets": [dataset_document(dataset) for dataset in found.datasets.values()],
        "models": list(found.models),
        "deployments": [deployment_document(one) for one in found.deployments],
    }


def at_document(then: Then) -> Document:
    """Give the answer of `orchestrail at`, with what it does not hold."""
    return {
        "begin": then.window.begin,
        "end": then.window.end,
        "system": then.system,
        "deployments": [_in_use(one) for one in then.in_use],
        "deployments_on_record": then.known,
        "monitoring": [_tested(one) for one in then.monitoring],
        "retention_months": then.retention_months,
        "not_here": "what the services were asked and answered: their operation log has it, by deployment and run_id",
    }


def _in_use(one: InUse) -> Document:
    made = one.model
    maker = made.maker if made else None
    return deployment_document(one.deployment) | {
        "end_concluded": one.end_concluded,
        "model": {"digest": one.deployment.digest, "dataset": dataset_document(made.dataset) if made else None},
        "training_run": maker.run_id if maker else None,
        "training_root": one.training_root.run_id if one.training_root else None,
        "data": [dataset_document(dataset) | {"role": role} for role, dataset in one.data],
        "evaluations": [_tested(each) for each in one.evaluations],
        "preparation": [asdict(known) for known in one.deployment.operations or ()] or None,
        "withdrawals": [withdrawal_document(each) for each in one.withdrawn],
        "statements": [statement_document(each) for each in one.statements],
        "changes": [asdict(change) for change in one.changes],
    }


def _tested(one: Tested) -> Document:
    return {
        "run_id": one.run.run_id,
        "job": {"namespace": one.run.job.namespace, "name": one.run.job.name},
        "state": one.run.state,
        "started_at": one.run.started_at,
        "ended_at": one.run.ended_at,
        "before_deployment": one.before,
        "metrics": [{"name": check.name, "value": check.value} for check in one.checks if check.metric],
        "failed_checks": [check.name for check in one.failed],
    }


def withdrawal_document(one: Withdrawal) -> Document:
    """Give a withdrawal as it is on the record."""
    return {**asdict(one.row), "digests": sorted(one.digests), "sequence": one.row.seq}


def deployment_document(one: Deployment) -> Document:
    """Give a deployment: a service, or a deploy step."""
    return {
        "deployment": one.name,
        "run_id": one.run.run_id,
        "role": one.run.role,
        "system": one.run.system,
        "environment": one.run.environment,
        "state": one.run.state,
        "started_at": one.run.started_at or one.run.seen_at,
        "ended_at": one.run.ended_at,
        "active": one.active,
        "model": one.digest,
        "image": one.run.step.image_digest,
        "sequence": one.run.first_seq,
    }


def _traced(traced: TracedDataset) -> Document:
    return dataset_document(traced.dataset) | {
        "written_by": traced.writer,
        "also_written_by": list(traced.others),
        "note": traced.note,
    }


def diff_document(compared: Compared) -> Document:
    """Give the answer of `orchestrail diff`."""
    found = compared.differences
    return {
        "kind": compared.kind,
        "a": _side(compared.a),
        "b": _side(compared.b),
        "findings": [asdict(finding) for finding in compared.findings],
        "changed": [_difference(each) | {"note": each.note} for each in found.changed],
        "same": [_difference(each) | {"note": each.note} for each in found.same],
        "unknown": [_difference(each) | {"reason": each.note} for each in found.unknown],
        "used": [{"subject": each.subject, "fact": each.fact, "a": each.a, "b": each.b} for each in compared.used],
        "ambiguous": list(compared.ambiguous),
        "not_shown": list(compared.not_shown),
    }


def _side(side: Side) -> Document:
    return {
        "given": side.target.given,
        "kind": "service" if side.services else side.target.kind,
        "dataset": dataset_document(side.dataset) if side.dataset else None,
        "root_run_ids": [row.run_id for row in side.roots],
        "runs": len(side.runs),
        "whole": side.whole,
        "not_recorded": list(side.missing),
    }


def _difference(difference: Difference) -> Document:
    return {
        "category": difference.category,
        "subject": difference.subject,
        "subject_b": difference.subject_b or difference.subject,
        "fact": difference.fact,
        "a": difference.a,
        "b": difference.b,
    }
