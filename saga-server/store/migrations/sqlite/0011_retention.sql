-- Which sagas left the database at the end of their time, so that an event that comes afterwards does not pass for the
-- beginning of a new saga. Kept for a year.
CREATE TABLE saga_removed (
    saga_id    TEXT    NOT NULL PRIMARY KEY,
    removed_at INTEGER NOT NULL,
    -- The folder in the archive that holds it, if it was archived.
    archive    TEXT
) WITHOUT ROWID;
-- The oldest first, to be forgotten.
CREATE INDEX saga_removed_since ON saga_removed (removed_at);

-- What is being written to the archive: at most one row. Whoever finishes it must still be the one who works on it.
CREATE TABLE archive_plan (
    only_one   INTEGER NOT NULL PRIMARY KEY CHECK (only_one = 1),
    batch      TEXT    NOT NULL,
    attempt    TEXT    NOT NULL,
    saga_ids   TEXT    NOT NULL
);

-- Business keys go with their saga.
CREATE INDEX saga_other_order_saga ON saga_other_order (saga_id);
