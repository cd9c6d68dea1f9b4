"""The first schema.

The statements are written out and never change: verification compares their text with that of a store, so it must not depend on
how a library words it.

The triggers stop accidents; attacks are for the tree to show. In SQLite they also cover INSERT, because INSERT OR REPLACE
deletes rows without a delete trigger seeing it. In PostgreSQL texts sort by their bytes, as in SQLite, whatever the database's own
order is.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SQLITE = (
    """CREATE TABLE meta (
        key TEXT NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE log (
        seq INTEGER NOT NULL PRIMARY KEY CHECK (seq >= 0),
        event_id BLOB NOT NULL UNIQUE CHECK (length(event_id) = 32),
        envelope BLOB NOT NULL,
        leaf BLOB NOT NULL CHECK (length(leaf) = 32)
    )""",
    """CREATE TABLE payload (
        event_id BLOB NOT NULL PRIMARY KEY CHECK (length(event_id) = 32),
        nonce BLOB NOT NULL CHECK (length(nonce) = 32),
        body BLOB NOT NULL
    )""",
    """CREATE TABLE tile (
        level INTEGER NOT NULL,
        number INTEGER NOT NULL,
        hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
        PRIMARY KEY (level, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE tree (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 0),
        size INTEGER NOT NULL,
        frontier BLOB NOT NULL
    )""",
    """CREATE TABLE checkpoint (
        size INTEGER NOT NULL PRIMARY KEY CHECK (size >= 0),
        note BLOB NOT NULL
    )""",
    """CREATE TABLE emitter (
        emitter TEXT NOT NULL PRIMARY KEY,
        counters TEXT NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE foreign_seen (
        digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
        event_id BLOB NOT NULL CHECK (length(event_id) = 32),
        seen_at TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX foreign_seen_at ON foreign_seen (seen_at)",
    """CREATE TABLE quarantine (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
        body BLOB NOT NULL,
        nonce BLOB,
        reason_code TEXT NOT NULL,
        reason TEXT NOT NULL,
        source TEXT NOT NULL,
        emitter TEXT,
        counter INTEGER,
        received_at TEXT NOT NULL,
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        event_id BLOB CHECK (length(event_id) = 32)
    )""",
    "CREATE INDEX quarantine_source ON quarantine (source)",
    """CREATE TRIGGER log_insert BEFORE INSERT ON log
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, 0) FROM log)
        OR EXISTS (SELECT 1 FROM log WHERE event_id = NEW.event_id)
    BEGIN SELECT raise(ABORT, 'the log is append-only'); END""",
    """CREATE TRIGGER payload_insert BEFORE INSERT ON payload
    WHEN EXISTS (SELECT 1 FROM payload WHERE event_id = NEW.event_id)
    BEGIN SELECT raise(ABORT, 'a payload is never replaced'); END""",
    """CREATE TRIGGER tile_insert BEFORE INSERT ON tile
    WHEN EXISTS (SELECT 1 FROM tile WHERE level = NEW.level AND number = NEW.number)
    BEGIN SELECT raise(ABORT, 'a full tile never changes'); END""",
    """CREATE TRIGGER checkpoint_insert BEFORE INSERT ON checkpoint
    WHEN NEW.size <= (SELECT max(size) FROM checkpoint)
    BEGIN SELECT raise(ABORT, 'a checkpoint is larger than the one before'); END""",
    """CREATE TRIGGER meta_insert BEFORE INSERT ON meta
    WHEN EXISTS (SELECT 1 FROM meta WHERE key = NEW.key)
    BEGIN SELECT raise(ABORT, 'meta is written once'); END""",
    """CREATE TRIGGER quarantine_insert BEFORE INSERT ON quarantine
    WHEN NEW.id IS NOT (SELECT coalesce(max(id) + 1, 1) FROM quarantine)
    BEGIN SELECT raise(ABORT, 'quarantine is append-only'); END""",
    """CREATE TRIGGER tree_insert BEFORE INSERT ON tree
    WHEN EXISTS (SELECT 1 FROM tree)
    BEGIN SELECT raise(ABORT, 'there is one tree'); END""",
    """CREATE TRIGGER tree_update BEFORE UPDATE ON tree
    WHEN NEW.id IS NOT OLD.id OR NEW.size <= OLD.size
    BEGIN SELECT raise(ABORT, 'the tree only grows'); END""",
    """CREATE TRIGGER quarantine_update BEFORE UPDATE ON quarantine
    WHEN OLD.event_id IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.body IS NOT OLD.body
        OR NEW.nonce IS NOT OLD.nonce OR NEW.reason_code IS NOT OLD.reason_code
        OR NEW.reason IS NOT OLD.reason OR NEW.source IS NOT OLD.source
        OR NEW.emitter IS NOT OLD.emitter OR NEW.counter IS NOT OLD.counter
        OR NEW.received_at IS NOT OLD.received_at OR NEW.digest IS NOT OLD.digest
    BEGIN SELECT raise(ABORT, 'a quarantine entry is resolved once and never changed'); END""",
    *(
        f"""CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}
    BEGIN SELECT raise(ABORT, '{table} is append-only'); END"""
        for table, verbs in (
            ("log", ("UPDATE", "DELETE")),
            ("payload", ("UPDATE", "DELETE")),
            ("tile", ("UPDATE", "DELETE")),
            ("checkpoint", ("UPDATE", "DELETE")),
            ("meta", ("UPDATE", "DELETE")),
            ("quarantine", ("DELETE",)),
            ("tree", ("DELETE",)),
        )
        for verb in verbs
    ),
)


POSTGRESQL = (
    """CREATE TABLE meta (
        key TEXT COLLATE "C" PRIMARY KEY,
        value TEXT COLLATE "C" NOT NULL
    )""",
    """CREATE TABLE log (
        seq BIGINT PRIMARY KEY CHECK (seq >= 0),
        event_id BYTEA NOT NULL UNIQUE CHECK (octet_length(event_id) = 32),
        envelope BYTEA NOT NULL,
        leaf BYTEA NOT NULL CHECK (octet_length(leaf) = 32)
    )""",
    """CREATE TABLE payload (
        event_id BYTEA PRIMARY KEY CHECK (octet_length(event_id) = 32),
        nonce BYTEA NOT NULL CHECK (octet_length(nonce) = 32),
        body BYTEA NOT NULL
    )""",
    """CREATE TABLE pending (
        id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        envelope BYTEA NOT NULL,
        digest BYTEA CHECK (octet_length(digest) = 32)
    )""",
    """CREATE TABLE tile (
        level BIGINT NOT NULL,
        number BIGINT NOT NULL,
        hashes BYTEA NOT NULL CHECK (octet_length(hashes) = 8192),
        PRIMARY KEY (level, number)
    )""",
    """CREATE TABLE tree (
        id BIGINT PRIMARY KEY CHECK (id = 0),
        size BIGINT NOT NULL,
        frontier BYTEA NOT NULL
    )""",
    """CREATE TABLE checkpoint (
        size BIGINT PRIMARY KEY CHECK (size >= 0),
        note BYTEA NOT NULL
    )""",
    """CREATE TABLE emitter (
        emitter TEXT COLLATE "C" PRIMARY KEY,
        counters TEXT COLLATE "C" NOT NULL
    )""",
    """CREATE TABLE foreign_seen (
        digest BYTEA PRIMARY KEY CHECK (octet_length(digest) = 32),
        event_id BYTEA NOT NULL CHECK (octet_length(event_id) = 32),
        seen_at TEXT COLLATE "C" NOT NULL
    )""",
    "CREATE INDEX foreign_seen_at ON foreign_seen (seen_at)",
    """CREATE TABLE quarantine (
        id BIGINT PRIMARY KEY CHECK (id > 0),
        body BYTEA NOT NULL,
        nonce BYTEA,
        reason_code TEXT COLLATE "C" NOT NULL,
        reason TEXT COLLATE "C" NOT NULL,
        source TEXT COLLATE "C" NOT NULL,
        emitter TEXT COLLATE "C",
        counter BIGINT,
        received_at TEXT COLLATE "C" NOT NULL,
        digest BYTEA NOT NULL CHECK (octet_length(digest) = 32),
        event_id BYTEA CHECK (octet_length(event_id) = 32)
    )""",
    # The name of a file may be longer than an entry of the other kind of index.
    "CREATE INDEX quarantine_source ON quarantine USING hash (source)",
    """CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only', ERRCODE = 'integrity_constraint_violation';
    END $$""",
    """CREATE FUNCTION log_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq) + 1, 0) FROM log) THEN
            RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION checkpoint_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.size <= (SELECT max(size) FROM checkpoint) THEN
            RAISE EXCEPTION 'a checkpoint is larger than the one before' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION quarantine_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.id IS DISTINCT FROM (SELECT coalesce(max(id) + 1, 1) FROM quarantine) THEN
            RAISE EXCEPTION 'quarantine is append-only' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION tree_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.id IS DISTINCT FROM OLD.id OR NEW.size <= OLD.size THEN
            RAISE EXCEPTION 'the tree only grows' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION quarantine_update() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.event_id IS NOT NULL OR to_jsonb(NEW) - 'event_id' IS DISTINCT FROM to_jsonb(OLD) - 'event_id' THEN
            RAISE EXCEPTION 'a quarantine entry is resolved once and never changed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER log_insert BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION log_insert()",
    "CREATE TRIGGER checkpoint_insert BEFORE INSERT ON checkpoint FOR EACH ROW EXECUTE FUNCTION checkpoint_insert()",
    "CREATE TRIGGER quarantine_insert BEFORE INSERT ON quarantine FOR EACH ROW EXECUTE FUNCTION quarantine_insert()",
    "CREATE TRIGGER tree_update BEFORE UPDATE ON tree FOR EACH ROW EXECUTE FUNCTION tree_update()",
    "CREATE TRIGGER quarantine_update BEFORE UPDATE ON quarantine FOR EACH ROW EXECUTE FUNCTION quarantine_update()",
    *(
        f"CREATE TRIGGER {table}_refuse BEFORE {verbs} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
        for table, verbs in (
            ("log", "UPDATE OR DELETE OR TRUNCATE"),
            ("payload", "UPDATE OR DELETE OR TRUNCATE"),
            ("tile", "UPDATE OR DELETE OR TRUNCATE"),
            ("checkpoint", "UPDATE OR DELETE OR TRUNCATE"),
            ("meta", "UPDATE OR DELETE OR TRUNCATE"),
            ("quarantine", "DELETE OR TRUNCATE"),
            ("tree", "DELETE OR TRUNCATE"),
            ("pending", "UPDATE OR TRUNCATE"),
        )
    ),
)


def upgrade() -> None:
    """Make the tables and their triggers."""
    connection = op.get_bind()
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Refuse: a log is never thrown away by a downgrade."""
    raise RuntimeError("the first schema has nothing to go back to")
