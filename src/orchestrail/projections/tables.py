"""The tables, all named `proj_...`, and the way of a row into them and out again. No SQL is run here.

They are no part of the store's schema: they are made when they are missing, and dropped and rebuilt when `VERSION` changes. What is
filtered or joined on is a column; the rest of a run is one JSON column.

They shall take little beside the log that they come of: that column is packed, and an event names its run by a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Table,
    and_,
    case,
    or_,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import TypeEngine

from orchestrail.manifest import Manifest
from orchestrail.model import EMPTY, IN_MEMORY, DatasetRef, Finding, Job, PreprocessingVersion
from orchestrail.projections.facts import Act, Check, Claim, Facts, Ran, Served, ServedOperation, StepFacts
from orchestrail.projections.packing import USUAL_FACTS, USUAL_RESULTS, Packed
from orchestrail.projections.rows import (
    Change,
    Code,
    End,
    ErasureRow,
    FoundRow,
    ManifestRow,
    PersonsRow,
    ReconciliationRow,
    ResolutionRow,
    RunRow,
    ScanRow,
    StatementRow,
    Use,
    WithdrawalRow,
)
from orchestrail.projections.texts import SOUGHT, TEXT, beginning
from orchestrail.statements.content import Signed, content_of
from orchestrail.statements.persons import person_of

VERSION = "37"
"""Raise it with any change of the tables or of what goes into them."""

ORDER = "order"
"""Kind of an `after` edge with which no value went, as far as its adapter knows."""

WHOLE = Integer().with_variant(BigInteger(), "postgresql")
"""A whole number of 64 bits on every engine."""

metadata = MetaData()


def _text_index(
    name: str, *columns: Column[Any], chosen: Column[Any] | None = None, where: ColumnElement[bool] | None = None
) -> None:
    """Make an index with texts of any length in it.

    Args:
        name: its name.
        columns: what it is of.
        chosen: the column that chooses best, which is all that PostgreSQL's is of; else the first. It is asked for as `SOUGHT`.
        where: which rows are in it; None for those that have the column that chooses.
    """
    sought = columns[0] if chosen is None else chosen
    if where is None and sought.nullable:
        where = sought.is_not(None)
    Index(name, *columns, sqlite_where=where).ddl_if(dialect="sqlite")
    Index(f"{name}_beginning", beginning(sought), postgresql_where=where).ddl_if(dialect="postgresql")


meta = Table("proj_meta", metadata, Column("key", TEXT, primary_key=True), Column("value", TEXT, nullable=False))

event = Table(
    "proj_event",
    metadata,
    Column("seq", WHOLE, primary_key=True, autoincrement=False),
    Column("first_seq", WHOLE, nullable=False),
)
"""Which run each event is of, by the place of the run's first event: no other number of a run stays what it is."""
Index("proj_event_first", event.c.first_seq)

_TEXTS = (
    "stated_root_run_id",
    "parent_run_id",
    "adapter",
    "orchestrator",
    "orchestrator_version",
    "job_type",
    "native_id",
    "previous_attempt",
    "role",
    "role_source",
    "state",
    "started_at",
    "ended_at",
    "seen_at",
    "system",
    "environment",
    "mode",
    "trigger",
    "actor",
    "cached_from",
    "cache_key",
    "closed_by",
)

_FOUND_BY = {"native_id", "previous_attempt", "system", "cached_from", "cache_key"}

run = Table(
    "proj_run",
    metadata,
    Column("run_id", TEXT, primary_key=True),
    Column("root_run_id", TEXT, nullable=False),
    Column("job_namespace", TEXT, nullable=False),
    Column("job_name", TEXT, nullable=False),
    Column("producer", TEXT, nullable=False),
    Column("first_seq", WHOLE, nullable=False),
    Column("last_seq", WHOLE, nullable=False),
    Column("ended_seq", WHOLE),
    Column("attempt", WHOLE),
    Column("began", TEXT, nullable=False),
    *(Column(name, SOUGHT if name in _FOUND_BY else TEXT) for name in _TEXTS),
    Column("belongs_to", TEXT),
    Column("system_root_run_id", TEXT),
    Column("facts", Packed(USUAL_FACTS), nullable=False),
)
"""Runs. The AI system that one belongs to is its own, or where it names none that of the nearest run above it that does. It has no
index: rows are found by what is asked for, and then seen or not; with one SQLite would go through all of a system. The root of a
run in its system is what its root is where no other system is recorded; none where it belongs to none."""
Index("proj_run_root", run.c.root_run_id)
Index("proj_run_system_root", run.c.system_root_run_id)
Index("proj_run_parent", run.c.parent_run_id)
Index("proj_run_stated_root", run.c.stated_root_run_id)
_text_index("proj_run_cached", run.c.cached_from)
_text_index("proj_run_attempt", run.c.previous_attempt)
_text_index("proj_run_native", run.c.native_id)
Index("proj_run_begins", run.c.orchestrator, run.c.seen_at)
Index("proj_run_first", run.c.first_seq)
IS_ROOT = run.c.root_run_id == run.c.run_id
"""Of runs that run in no other one."""
_BEGAN = run.c.began, run.c.first_seq
"""Read backwards where the newest come first: what is written at the end of an index fills its pages."""
Index("proj_run_began", *_BEGAN)
Index("proj_run_root_began", *_BEGAN, sqlite_where=IS_ROOT, postgresql_where=IS_ROOT)
Index("proj_run_root_state", run.c.state, *_BEGAN, sqlite_where=IS_ROOT, postgresql_where=IS_ROOT)
_text_index("proj_run_system", run.c.system, run.c.first_seq)
_text_index("proj_run_root_system", run.c.system, run.c.state, run.c.began, where=IS_ROOT & run.c.system.is_not(None))
_text_index("proj_run_cache_key", run.c.cache_key, run.c.state, run.c.ended_seq)

use = Table(
    "proj_use",
    metadata,
    Column("run_id", TEXT, primary_key=True),
    Column("direction", TEXT, primary_key=True),
    Column("place", WHOLE, primary_key=True),
    Column("seq", WHOLE, nullable=False),
    Column("at", TEXT),
    Column("namespace", TEXT, nullable=False),
    Column("name", SOUGHT, nullable=False),
    Column("version", SOUGHT),
    Column("digest", TEXT),
    Column("kind", TEXT, nullable=False),
    Column("role", TEXT),
    Column("observed", TEXT, nullable=False),
    Column("weak", TEXT),
    Column("type", TEXT),
    Column("format", TEXT),
    Column("framework", TEXT),
    Column("seen", SOUGHT),
    Column("kind_source", TEXT),
    Column("rows", WHOLE),
    Column("bytes", WHOLE),
    Column("fields_json", TEXT, nullable=False),
    Column("belongs_to", TEXT),
)
IDENTIFIED = use.c.digest.is_not(None)
"""Of uses whose content is known. An index with the others would be taken for what has none, which may be most of a record."""
_BY_DIGEST = use.c.digest, use.c.direction, use.c.seq, use.c.run_id
Index("proj_use_digest", *_BY_DIGEST, use.c.belongs_to, sqlite_where=IDENTIFIED).ddl_if(dialect="sqlite")
# A digest and an id have a bounded length, the name of a system has not.
Index("proj_use_digest_of", *_BY_DIGEST, postgresql_where=IDENTIFIED).ddl_if(dialect="postgresql")
_text_index("proj_use_seen", use.c.seen)


def is_filled(columns: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """Say of uses whether they are not known to be of something empty: `DatasetRef.is_empty`.

    Args:
        columns: of the table of uses, or of what stands for it.
    """
    empty = case(
        (columns.namespace == IN_MEMORY, columns.rows == 0),
        else_=or_(columns.digest.in_(sorted(EMPTY)), and_(columns.type == "DIRECTORY", columns.bytes == 0)),
    )
    return empty.is_not(True)


NAMED_VERSION = use.c.version.is_not(None) & (use.c.digest.is_(None) | (use.c.version != use.c.digest))
"""Of uses whose version is a name, and no digest of the content."""
_text_index(
    "proj_use_version",
    use.c.namespace,
    use.c.name,
    use.c.version,
    use.c.digest,
    use.c.weak,
    use.c.seq,
    chosen=use.c.version,
    where=NAMED_VERSION,
)
Index("proj_use_kind", use.c.kind, use.c.direction, use.c.seq)
_text_index(
    "proj_use_name",
    use.c.name,
    use.c.namespace,
    use.c.direction,
    use.c.seq,
    # All that is asked of a name whose data set every run read.
    use.c.digest,
    use.c.version,
    use.c.at,
    use.c.belongs_to,
)

edge = Table(
    "proj_edge",
    metadata,
    *(Column(name, TEXT, nullable=False) for name in ("stated_by", "kind", "from_run", "to_run")),
)
"""Edges, each stated by the run at one of its ends. They are found from both, and need no index beside."""
Index("proj_edge_from", edge.c.from_run)
Index("proj_edge_to", edge.c.to_run)

_TYPES: dict[str, TypeEngine[Any] | type[TypeEngine[Any]]] = {
    "str": TEXT,
    "int": WHOLE,
    "bool": Boolean,
    "float": Float,
}


def _typed(name: str, of: type, numbered: bool = True, sought: str | None = None) -> Table:
    """Make the table of a dataclass of facts: a column for each field, in their order, one of them by which rows are found."""
    columns: list[Column[Any]] = [Column("run_id", TEXT, primary_key=True)]
    columns += [Column("place", WHOLE, primary_key=True)] if numbered else []
    for each in fields(of):
        kind, optional, _ = str(each.type).partition(" |")
        if each.name != "run_id":
            columns.append(Column(each.name, SOUGHT if each.name == sought else _TYPES[kind], nullable=bool(optional)))
    return Table(name, metadata, *columns)


step = _typed("proj_step", StepFacts, numbered=False, sought="operation")
_text_index("proj_step_operation", step.c.operation, step.c.version)
claim = _typed("proj_claim", Claim)
check = _typed("proj_check", Check, sought="digest")
_text_index("proj_check_digest", check.c.digest)
served = _typed("proj_served", Served, sought="digest")
_text_index("proj_served_digest", served.c.digest)
served_operation = _typed("proj_served_operation", ServedOperation)
act = _typed("proj_act", Act)

ran = _typed("proj_ran", Ran, numbered=False, sought="operation")
ran.append_column(Column("belongs_to", TEXT))
_text_index(
    "proj_ran_operation",
    ran.c.operation,
    ran.c.version,
    ran.c.digest,
    ran.c.trial,
    ran.c.first_seq,
    ran.c.belongs_to,
    chosen=ran.c.operation,
)

BELONGING = (use, ran)
"""Tables of which many rows are gone through, each of which says itself which system its run belongs to."""

FACTS = (step, claim, check, served, served_operation, act, ran)
"""The tables of the facts that requirements are judged by."""


def _recorded(name: str, *columns: Column[Any]) -> Table:
    """Make a table with a row for each record of ours of one kind, by its place in the log."""
    seq = Column("seq", WHOLE, primary_key=True)
    return Table(name, metadata, seq, Column("received_at", TEXT, nullable=False), *columns)


def _tally(name: str, *key: Column[Any]) -> Table:
    """Make a table that says how many runs have something in common, and at which places in the log the first and last began."""
    columns = [Column(each.name, each.type, nullable=False) for each in key]
    columns += [Column(each, WHOLE, nullable=False) for each in ("runs", "first_seq", "last_seq")]
    made = Table(name, metadata, *columns)
    _text_index(f"{name}_key", *made.columns[: len(key)])
    return made


ran_as = _tally("proj_ran_as", ran.c.operation, ran.c.version, ran.c.digest, ran.c.trial)
of_system = _tally("proj_of_system", run.c.system)

TALLIES = ((ran, ran_as), (run, of_system))
"""Tables of runs, each with what is counted of it: see `orchestrail.projections.tallies`."""

change = Table(
    "proj_change",
    metadata,
    Column("system", SOUGHT, nullable=False),
    Column("turn", TEXT, nullable=False),
)
"""A word for each system, another one whenever anything of its runs may have changed: see `orchestrail.projections.changes`."""
_text_index("proj_change_system", change.c.system)

touched = Table(
    "proj_touched",
    metadata,
    Column("run_id", TEXT, primary_key=True),
    Column("root_run_id", TEXT, primary_key=True),
)
"""Runs of which something changed since all was judged, with the roots that they had and have; empty where nothing was judged."""

outcome = Table(
    "proj_outcome",
    metadata,
    Column("requirement", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("unit", SOUGHT, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("place", WHOLE, nullable=False),
    Column("subjects", WHOLE, nullable=False),
    Column("results", Packed(USUAL_RESULTS), nullable=False),
)
"""How many subjects of a unit have a status by a requirement, and the results of those that do not pass."""
_text_index("proj_outcome_unit", outcome.c.kind, outcome.c.unit, chosen=outcome.c.unit)
Index("proj_outcome_place", outcome.c.requirement, outcome.c.status, outcome.c.place)

member = Table(
    "proj_member",
    metadata,
    Column("unit", SOUGHT, nullable=False),
    Column("part", SOUGHT, nullable=False),
)
"""What the outcomes of a unit rest on, where that is not all of one process: see `orchestrail.queries.facts.parts_of`."""
_text_index("proj_member_part", member.c.part)
_text_index("proj_member_unit", member.c.unit)

report = Table(
    "proj_report",
    metadata,
    Column("asked", SOUGHT, nullable=False),
    *(Column(name, TEXT, nullable=False) for name in ("by", "day", "root_hash", "said")),
    Column("size", WHOLE, nullable=False),
)
"""The last report that answered a question, with the head of the log and the day that it is of; empty where nobody keeps one."""
_text_index("proj_report_asked", report.c.asked)

reconciliation = Table(
    "proj_reconciliation",
    metadata,
    Column("seq", WHOLE, primary_key=True),
    Column("orchestrator", TEXT, nullable=False),
    Column("result", TEXT, nullable=False),
)

manifest = _recorded(
    "proj_manifest",
    Column("digest", TEXT, nullable=False),
    Column("by", TEXT),
    Column("said", TEXT, nullable=False),
)

statement = _recorded(
    "proj_statement",
    Column("content", TEXT, nullable=False),
    Column("signatures", TEXT, nullable=False),
)

persons = _recorded(
    "proj_persons",
    Column("persons", TEXT, nullable=False),
)

document = Table(
    "proj_document",
    metadata,
    Column("seq", WHOLE, primary_key=True),
    Column("received_at", TEXT, nullable=False),
    Column("model", SOUGHT, nullable=False),
    *(Column(name, TEXT, nullable=False) for name in ("digest", "day")),
    *(Column(name, WHOLE, nullable=False) for name in ("size", "missing", "partial")),
)
_text_index("proj_document_model", document.c.model, document.c.seq)

withdrawal = _recorded(
    "proj_withdrawal",
    Column("namespace", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("version", TEXT),
    Column("digest", TEXT),
    Column("withdrawn_at", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("by", TEXT),
)

erasure = _recorded(
    "proj_erasure",
    Column("places", TEXT, nullable=False),
    Column("erased_at", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("by", TEXT, nullable=False),
)

recovery = _recorded(
    "proj_recovery",
    Column("known_size", WHOLE, nullable=False),
    Column("known_root", TEXT, nullable=False),
    Column("size", WHOLE, nullable=False),
    Column("lost", WHOLE),
    Column("recovered_at", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("by", TEXT, nullable=False),
)

scan = _recorded(
    "proj_scan",
    Column("first", WHOLE, nullable=False),
    Column("last", WHOLE, nullable=False),
    Column("said", TEXT, nullable=False),
)

resolution = _recorded(
    "proj_resolution",
    Column("digest", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("by", TEXT, nullable=False),
)


def run_columns(row: RunRow) -> dict[str, Any]:
    """Lay a run out in columns."""
    facts = {
        "error": row.error,
        "preprocessing": asdict(row.preprocessing) if row.preprocessing else None,
        "serve_time": row.serve_time,
        "fits_state": row.fits_state,
        "train_only": row.train_only,
        "calls": row.calls,
        "code": asdict(row.code),
        "parameters": row.parameters,
        "environment_facts": row.environment_facts,
        "capabilities": row.capabilities,
        "findings": [asdict(finding) for finding in row.findings],
        "tags": row.tags,
        "metrics": row.metrics,
        "checks": row.checks,
        "serving": row.serving,
        "seeds": row.seeds,
        "usage": row.usage,
        "not_captured": row.not_captured,
        "owner": row.owner,
        "inferred": row.inferred,
        "ends": [asdict(end) for end in row.ends],
        "changes": [asdict(change) for change in row.changes],
        "upstream": row.upstream,
        "downstream": row.downstream,
        "order_only": row.order_only,
    }
    return {
        "run_id": row.run_id,
        "root_run_id": row.root_run_id,
        "job_namespace": row.job.namespace,
        "job_name": row.job.name,
        "producer": row.producer,
        "first_seq": row.first_seq,
        "last_seq": row.last_seq,
        "ended_seq": row.ended_seq,
        "attempt": row.attempt,
        "began": row.started_at or row.seen_at or "",
        **{name: getattr(row, name) for name in _TEXTS},
        "facts": json.dumps(facts, separators=(",", ":")),
    }


def use_columns(row: RunRow) -> list[dict[str, Any]]:
    """Lay out what a run read and wrote."""
    return [
        {
            "run_id": row.run_id,
            "direction": each.direction,
            "place": place,
            "seq": each.seq,
            "at": each.at,
            **{name: getattr(each.dataset, name) for name in _DATASET},
            "fields_json": json.dumps(each.dataset.fields, separators=(",", ":")),
        }
        for uses in (row.inputs, row.outputs)
        for place, each in enumerate(uses)
    ]


_DATASET = (
    "namespace",
    "name",
    "version",
    "digest",
    "kind",
    "role",
    "observed",
    "weak",
    "type",
    "format",
    "framework",
    "seen",
    "kind_source",
    "rows",
    "bytes",
)


def fact_columns(facts: Facts) -> Iterator[tuple[Table, dict[str, Any]]]:
    """Lay out the facts of a run, each with its table."""
    yield step, asdict(facts.step)
    if facts.ran is not None:
        yield ran, asdict(facts.ran)
    listed: tuple[tuple[Table, tuple[Claim | Check | Served | ServedOperation | Act, ...]], ...] = (
        (claim, facts.claims),
        (check, facts.checks),
        (served, facts.served),
        (served_operation, facts.operations),
        (act, facts.acts),
    )
    for table, rows in listed:
        yield from ((table, asdict(row) | {"place": place}) for place, row in enumerate(rows))


def edge_columns(row: RunRow) -> list[dict[str, str]]:
    """Lay out the edges that a run states: from its parent, from and to the runs around it, from where its result was cached."""
    edges = [(ORDER if upstream in row.order_only else "after", upstream, row.run_id) for upstream in row.upstream]
    edges += [("after", row.run_id, downstream) for downstream in row.downstream]
    if row.parent_run_id:
        edges.append(("parent", row.parent_run_id, row.run_id))
    if row.cached_from and row.cached_from != row.run_id:
        edges.append(("cached_from", row.cached_from, row.run_id))
    return [
        {"kind": kind, "from_run": start, "to_run": end, "stated_by": row.run_id}
        for kind, start, end in dict.fromkeys(edges)
    ]


def reconciliation_columns(row: ReconciliationRow) -> dict[str, Any]:
    """Lay out the result of a reconciliation."""
    return {
        "orchestrator": row.orchestrator,
        "seq": row.seq,
        "result": json.dumps(row.result, separators=(",", ":")),
    }


def reconciliation_row(columns: RowMapping) -> ReconciliationRow:
    """Make the result of a reconciliation of its columns."""
    return ReconciliationRow(columns["orchestrator"], columns["seq"], json.loads(columns["result"]))


def statement_columns(row: StatementRow) -> dict[str, Any]:
    """Lay out what a person stated."""
    return {
        "seq": row.seq,
        "received_at": row.received_at,
        "content": json.dumps(row.content.document(), separators=(",", ":")),
        "signatures": json.dumps([asdict(signed) for signed in row.signatures], separators=(",", ":")),
    }


def statement_row(columns: RowMapping) -> StatementRow:
    """Make what a person stated of its columns."""
    signed = tuple(Signed(**one) for one in json.loads(columns["signatures"]))
    return StatementRow(columns["seq"], columns["received_at"], content_of(json.loads(columns["content"])), signed)


def persons_columns(row: PersonsRow) -> dict[str, Any]:
    """Lay out the persons whose signatures count."""
    said = json.dumps([person.document() for person in row.persons], separators=(",", ":"))
    return {"seq": row.seq, "received_at": row.received_at, "persons": said}


def persons_row(columns: RowMapping) -> PersonsRow:
    """Make the persons whose signatures count of their columns."""
    known = tuple(person_of(one["name"], one) for one in json.loads(columns["persons"]))
    return PersonsRow(columns["seq"], columns["received_at"], known)


def erasure_columns(row: ErasureRow) -> dict[str, Any]:
    """Lay an erasure out in the columns of its table."""
    return asdict(row) | {"places": json.dumps(row.places)}


def erasure_row(columns: RowMapping) -> ErasureRow:
    """Read an erasure out of the columns of its table."""
    return ErasureRow(**{**columns, "places": tuple(json.loads(columns["places"]))})


def withdrawal_row(columns: RowMapping) -> WithdrawalRow:
    """Make a withdrawal of its columns."""
    return WithdrawalRow(**columns)


def manifest_columns(row: ManifestRow) -> dict[str, Any]:
    """Lay out what people state about their systems."""
    return {
        "seq": row.seq,
        "received_at": row.received_at,
        "digest": row.digest,
        "by": row.by,
        "said": json.dumps(row.manifest.document(), separators=(",", ":")),
    }


def manifest_row(columns: RowMapping) -> ManifestRow:
    """Make what people state about their systems of its columns."""
    said = Manifest.model_validate(json.loads(columns["said"]))
    return ManifestRow(columns["seq"], columns["received_at"], columns["digest"], columns["by"], said)


_OF_SCANS = ("read_at", "events", "unread", "texts", "detectors", "found", "fields")


def scan_columns(row: ScanRow) -> dict[str, Any]:
    """Lay out what a scan found."""
    said = asdict(row)
    return {
        **{name: said[name] for name in ("seq", "received_at", "first", "last")},
        "said": json.dumps({name: said[name] for name in _OF_SCANS}, separators=(",", ":")),
    }


def scan_row(columns: RowMapping) -> ScanRow:
    """Make what a scan found of its columns."""
    said = json.loads(columns["said"])
    found = tuple(
        FoundRow(**one | {"places": tuple((seq, pointer) for seq, pointer in one["places"])}) for one in said["found"]
    )
    place = {name: columns[name] for name in ("seq", "received_at", "first", "last")}
    return ScanRow(**place, **said | {"found": found, "fields": tuple(said["fields"])})


def resolution_row(columns: RowMapping) -> ResolutionRow:
    """Make what became of a finding of its columns."""
    return ResolutionRow(**columns)


def run_row(columns: RowMapping, uses: Iterable[Use] = ()) -> RunRow:
    """Make a run of its columns.

    Args:
        columns: a row of `proj_run`.
        uses: what it read and wrote.
    """
    facts = json.loads(columns["facts"])
    listed = tuple(uses)
    preprocessing = facts["preprocessing"]
    capabilities = facts["capabilities"]
    return RunRow(
        run_id=columns["run_id"],
        root_run_id=columns["root_run_id"],
        job=Job(columns["job_namespace"], columns["job_name"]),
        producer=columns["producer"],
        first_seq=columns["first_seq"],
        last_seq=columns["last_seq"],
        ended_seq=columns["ended_seq"],
        attempt=columns["attempt"],
        **{name: columns[name] for name in _TEXTS},
        error=facts["error"],
        preprocessing=PreprocessingVersion(**preprocessing) if preprocessing else None,
        serve_time=facts["serve_time"],
        fits_state=facts["fits_state"],
        train_only=facts["train_only"],
        calls=tuple((role, call) for role, call in facts["calls"]),
        code=Code(**facts["code"]),
        parameters=facts["parameters"],
        environment_facts=facts["environment_facts"],
        capabilities=None if capabilities is None else tuple(capabilities),
        findings=tuple(Finding(**finding) for finding in facts["findings"]),
        tags=tuple(facts["tags"]),
        metrics=tuple(facts["metrics"]),
        checks=tuple(facts["checks"]),
        serving=tuple(facts["serving"]),
        seeds=tuple(facts["seeds"]),
        usage=facts["usage"],
        not_captured=tuple((what, reason) for what, reason in facts["not_captured"]),
        owner=facts["owner"],
        # Whoever may not see an origin does not see that there is one.
        inferred=tuple(
            name for name in facts["inferred"] if name != "cached_from" or columns["cached_from"] is not None
        ),
        ends=tuple(End(**end) for end in facts["ends"]),
        changes=tuple(Change(**change) for change in facts["changes"]),
        upstream=tuple(facts["upstream"]),
        downstream=tuple(facts["downstream"]),
        order_only=tuple(facts["order_only"]),
        inputs=tuple(each for each in listed if each.direction == "input"),
        outputs=tuple(each for each in listed if each.direction == "output"),
    )


def use_row(columns: RowMapping) -> Use:
    """Make a use of its columns, a row of `proj_use`."""
    dataset = DatasetRef(
        **{name: columns[name] for name in _DATASET},
        fields=tuple((name, kind) for name, kind in json.loads(columns["fields_json"])),
    )
    return Use(columns["run_id"], columns["direction"], dataset, columns["seq"], columns["at"])
