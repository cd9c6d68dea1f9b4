"""What entries consist of stands in bundles, compressed: a row for many of them.

A row for each event, with its bytes as they came, took more room than the events themselves, and most of the time of an append.
Every id, leaf, tile and checkpoint stays as it is. In PostgreSQL an append waits no longer: whatever waited gets its place from
whoever runs the migration, who can sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from alembic import context, op
from sqlalchemy import Connection

from orchestrail.store.appending import Candidate, parsed
from orchestrail.store.base import Incoming
from orchestrail.store.bundle import Stored, cut, pack
from orchestrail.store.envelope import Unstamped
from orchestrail.store.session import Damage

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQLITE_TABLES = (
    *(f"DROP TRIGGER log_{verb}" for verb in ("insert", "update", "delete")),
    "ALTER TABLE log RENAME TO log_of_0002",
    """CREATE TABLE log (
        seq INTEGER NOT NULL PRIMARY KEY CHECK (seq >= 0),
        event_id BLOB NOT NULL UNIQUE CHECK (length(event_id) = 32),
        leaf BLOB NOT NULL CHECK (length(leaf) = 32)
    )""",
    """CREATE TABLE bundle (
        first INTEGER NOT NULL PRIMARY KEY CHECK (first >= 0),
        count INTEGER NOT NULL CHECK (count > 0),
        envelopes BLOB NOT NULL,
        payloads BLOB NOT NULL
    )""",
    """CREATE TABLE recent (
        first INTEGER NOT NULL PRIMARY KEY CHECK (first >= 0),
        count INTEGER NOT NULL CHECK (count > 0),
        envelopes BLOB NOT NULL,
        payloads BLOB NOT NULL
    )""",
    "INSERT INTO log SELECT seq, event_id, leaf FROM log_of_0002 ORDER BY seq",
)
SQLITE_REST = (
    "DROP TABLE log_of_0002",
    "DROP TABLE payload",
    """CREATE TRIGGER log_insert BEFORE INSERT ON log
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM log)
        OR EXISTS (SELECT 1 FROM log WHERE event_id = NEW.event_id)
    BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER bundle_insert BEFORE INSERT ON bundle
    WHEN NEW.first IS NOT coalesce((SELECT first + count FROM bundle ORDER BY first DESC LIMIT 1), 0)
    BEGIN SELECT raise(ABORT, 'bundles follow one another'); END""",
    """CREATE TRIGGER recent_insert BEFORE INSERT ON recent
    WHEN NEW.first IS NOT coalesce(
        (SELECT first + count FROM recent ORDER BY first DESC LIMIT 1),
        (SELECT first + count FROM bundle ORDER BY first DESC LIMIT 1), 0)
    BEGIN SELECT raise(ABORT, 'entries follow one another'); END""",
    """CREATE TRIGGER recent_delete BEFORE DELETE ON recent
    WHEN OLD.first + OLD.count > coalesce((SELECT first + count FROM bundle ORDER BY first DESC LIMIT 1), 0)
    BEGIN SELECT raise(ABORT, 'an entry goes nowhere but into a bundle'); END""",
    *(
        f"""CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}
    BEGIN SELECT raise(ABORT, '{table} is append-only'); END"""
        for table, verb in (("log", "UPDATE"), ("log", "DELETE"), ("bundle", "UPDATE"), ("bundle", "DELETE"))
    ),
    """CREATE TRIGGER recent_update BEFORE UPDATE ON recent
    BEGIN SELECT raise(ABORT, 'an entry never changes'); END""",
)

POSTGRESQL_TABLES = (
    """CREATE TABLE bundle (
        first BIGINT PRIMARY KEY CHECK (first >= 0),
        count BIGINT NOT NULL CHECK (count > 0),
        envelopes BYTEA NOT NULL,
        payloads BYTEA NOT NULL
    )""",
    """CREATE TABLE recent (
        first BIGINT PRIMARY KEY CHECK (first >= 0),
        count BIGINT NOT NULL CHECK (count > 0),
        envelopes BYTEA NOT NULL,
        payloads BYTEA NOT NULL
    )""",
    # To compress once more what is compressed costs time and gains nothing.
    *(
        f"ALTER TABLE {table} ALTER COLUMN envelopes SET STORAGE EXTERNAL, ALTER COLUMN payloads SET STORAGE EXTERNAL"
        for table in ("bundle", "recent")
    ),
)
POSTGRESQL_REST = (
    "DROP TABLE payload, pending",
    # The expression has the table written anew: without it what is dropped would go on to take its room.
    """ALTER TABLE log DROP COLUMN envelope,
        ALTER COLUMN event_id TYPE BYTEA USING event_id || ''::bytea""",
    """CREATE FUNCTION bundle_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.first <> coalesce((SELECT first + count FROM bundle ORDER BY first DESC LIMIT 1), 0) THEN
            RAISE EXCEPTION 'bundles follow one another' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION recent_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.first <> coalesce(
            (SELECT first + count FROM recent ORDER BY first DESC LIMIT 1),
            (SELECT first + count FROM bundle ORDER BY first DESC LIMIT 1), 0
        ) THEN
            RAISE EXCEPTION 'entries follow one another' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION recent_delete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT max(first + count) FROM gone)
            > coalesce((SELECT first + count FROM bundle ORDER BY first DESC LIMIT 1), 0)
        THEN
            RAISE EXCEPTION 'an entry goes nowhere but into a bundle' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER bundle_insert BEFORE INSERT ON bundle FOR EACH ROW EXECUTE FUNCTION bundle_insert()",
    "CREATE TRIGGER recent_insert BEFORE INSERT ON recent FOR EACH ROW EXECUTE FUNCTION recent_insert()",
    """CREATE TRIGGER recent_delete AFTER DELETE ON recent REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION recent_delete()""",
    *(
        f"CREATE TRIGGER {table}_refuse BEFORE {verbs} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        for table, verbs in (("bundle", "UPDATE OR DELETE OR TRUNCATE"), ("recent", "UPDATE OR TRUNCATE"))
    ),
)

_PAGE = 32
_PAYLOADS = ({bytes}, {type(None)})
_ENTRIES = (
    "SELECT seq, envelope, nonce, body FROM {log} AS log LEFT JOIN payload ON payload.event_id = log.event_id"
    " WHERE seq >= {first} ORDER BY seq LIMIT {page}"
)


def upgrade() -> None:
    """Bring every entry into a bundle."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _run(connection, SQLITE_TABLES)
        _fill(connection, "log_of_0002", "?", 0)
        _run(connection, SQLITE_REST)
        return
    connection.exec_driver_sql("LOCK TABLE log, payload, pending IN ACCESS EXCLUSIVE MODE")
    _run(connection, POSTGRESQL_TABLES)
    waited = [*_waited(connection)]
    _fill(connection, "log", "%s", len(waited))
    context.config.attributes["waited"] = waited
    # Each of them is remembered anew when it gets its place, with the time that it gets then.
    connection.exec_driver_sql(
        "DELETE FROM foreign_seen WHERE NOT EXISTS (SELECT 1 FROM log WHERE log.event_id = foreign_seen.event_id)"
    )
    _run(connection, POSTGRESQL_REST)


def downgrade() -> None:
    """Refuse: an older version would not find the events."""
    raise RuntimeError("the events would not be found")


def _run(connection: Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


def _fill(connection: Connection, log: str, mark: str, waited: int) -> None:
    """Write what entries consist of where it stands from now on.

    Args:
        connection: with the old tables and the new ones.
        log: name of the old table.
        mark: what stands for a value in a statement.
        waited: number of events that have no place yet.

    Raises:
        Damage: the store is not whole, so that something of it would be lost.
    """
    size, events = (
        connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608
        for table in (log, "payload")
    )
    put = f"INSERT INTO bundle VALUES ({', '.join([mark] * 4)})"  # noqa: S608
    envelopes: list[bytes] = []
    found = first = 0

    def payloads() -> Iterator[bytes | None]:
        nonlocal found
        for envelope, nonce, body in _entries(connection, log):
            envelopes.append(envelope)
            found += nonce is not None
            yield None if nonce is None or body is None else nonce + body

    for count, packed in cut(payloads()):
        connection.exec_driver_sql(put, (first, count, pack(envelopes[:count]), packed))
        del envelopes[:count]
        first += count
    if first != size:
        raise Damage(f"an entry from {first} on is missing, or not what an entry is")
    if events != found + waited:
        raise Damage(f"it holds {events} events, of which {found} are in the log and {waited} wait for their place")


def _entries(connection: Connection, log: str) -> Iterator[Stored]:
    """Yield what each entry consists of, up to the first that is none."""
    expected, more = 0, True
    while more:
        more = False
        query = _ENTRIES.format(log=log, first=expected, page=_PAGE)
        for seq, *parts in connection.exec_driver_sql(query).all():
            envelope, nonce, body = parts
            if seq != expected or not isinstance(envelope, bytes) or {type(nonce), type(body)} not in _PAYLOADS:
                return
            yield Stored(envelope, nonce, body)
            expected, more = seq + 1, True


def _waited(connection: Connection) -> Iterator[Candidate]:
    """Yield what was stored and has no place in the log yet, as it would be appended."""
    rows = connection.exec_driver_sql("SELECT envelopes, digests FROM pending ORDER BY id").all()
    for envelope, digest in chain.from_iterable(zip(*row, strict=True) for row in rows):
        said = parsed(envelope)
        identity = bytes.fromhex(said.event_id)
        query = "SELECT nonce, body FROM payload WHERE event_id = %s"
        nonce, body = connection.exec_driver_sql(query, (identity,)).one()
        item = Incoming(body, said.source, nonce, said.emitter, said.counter, said.event_time)
        yield Candidate(identity, nonce, digest, item, Unstamped.of(envelope))
