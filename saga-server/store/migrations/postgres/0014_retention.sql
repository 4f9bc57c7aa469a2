-- Which sagas left the database at the end of their time, so that an event that comes afterwards does not pass for the
-- beginning of a new saga. Kept for a year.
CREATE TABLE saga_removed (
    saga_id    text COLLATE "C" NOT NULL PRIMARY KEY,
    removed_at timestamptz      NOT NULL,
    -- The folder in the archive that holds it, if it was archived.
    archive    text
);
-- The oldest first, to be forgotten.
CREATE INDEX saga_removed_since ON saga_removed (removed_at);

-- What is being written to the archive: at most one row. Whoever finishes it must still be the one who works on it.
CREATE TABLE archive_plan (
    only_one   boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_one),
    batch      text    NOT NULL,
    attempt    text    NOT NULL,
    saga_ids   text[]  NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Business keys go with their saga.
CREATE INDEX saga_other_order_saga ON saga_other_order (saga_id);
