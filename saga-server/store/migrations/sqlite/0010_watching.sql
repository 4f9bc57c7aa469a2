-- How far each partition of the topic is stored, as its consumer last saw it. Times are milliseconds since 1970.
CREATE TABLE ingest_progress (
    topic         TEXT    NOT NULL,
    partition     INTEGER NOT NULL,
    events_behind INTEGER NOT NULL,
    -- Everything that was in the partition at this moment is stored.
    as_of         INTEGER,
    observed_at   INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- Work that one collector of several does: who does it, and until when it is theirs without a further word.
CREATE TABLE lease (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Sagas that were reported as late, so that each is reported once.
CREATE TABLE reported_late (
    kind    TEXT    NOT NULL,
    saga_id TEXT    NOT NULL,
    due     INTEGER NOT NULL,
    PRIMARY KEY (kind, saga_id)
) WITHOUT ROWID;

-- Since when a failed saga owes its compensation. Of sagas that failed before this column was there, the last failure
-- must do.
ALTER TABLE saga_instance ADD COLUMN owed_since INTEGER;
UPDATE saga_instance SET owed_since = COALESCE(ended_at, updated_at) WHERE outstanding <> '[]';
CREATE INDEX saga_instance_owed ON saga_instance (owed_since) WHERE owed_since IS NOT NULL;
DROP INDEX saga_instance_owing;
