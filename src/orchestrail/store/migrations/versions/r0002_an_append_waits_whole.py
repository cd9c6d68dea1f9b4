"""PostgreSQL: an append waits in `pending` as one row, and the order of the log is looked at once a statement.

A row for each event was a third of what the server had to do. Nothing changes in SQLite, where no event waits.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

POSTGRESQL = (
    "ALTER TABLE pending DROP CONSTRAINT pending_digest_check",
    """ALTER TABLE pending
        ALTER COLUMN envelope TYPE BYTEA[] USING ARRAY[envelope],
        ALTER COLUMN digest TYPE BYTEA[] USING ARRAY[digest],
        ALTER COLUMN digest SET NOT NULL""",
    "ALTER TABLE pending RENAME COLUMN envelope TO envelopes",
    "ALTER TABLE pending RENAME COLUMN digest TO digests",
    "ALTER TABLE pending ADD CHECK (cardinality(envelopes) = cardinality(digests))",
    # A row lives for a moment: to compress it costs more than to write it.
    "ALTER TABLE pending ALTER COLUMN envelopes SET STORAGE EXTERNAL, ALTER COLUMN digests SET STORAGE EXTERNAL",
    "DROP TRIGGER log_insert ON log",
    """CREATE OR REPLACE FUNCTION log_insert() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE first BIGINT; last BIGINT; number BIGINT;
    BEGIN
        SELECT min(seq), max(seq), count(*) INTO first, last, number FROM added;
        IF number > 0 AND (
            last - first + 1 <> number
            OR last IS DISTINCT FROM (SELECT max(seq) FROM log)
            OR first IS DISTINCT FROM (SELECT coalesce(max(seq) + 1, 0) FROM log WHERE seq < first)
        ) THEN
            RAISE EXCEPTION 'the log is append-only' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER log_insert AFTER INSERT ON log REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION log_insert()""",
)


def upgrade() -> None:
    """Change the tables of PostgreSQL."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for statement in POSTGRESQL:
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Refuse: an older version would not find what waits."""
    raise RuntimeError("what waits for its place would not be found")
