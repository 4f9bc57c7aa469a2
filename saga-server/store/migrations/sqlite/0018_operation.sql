-- What operators did: one row for each saga or dead letter that was touched, written by the transaction that touched it. Rows
-- are added, and removed at the end of their time; nothing changes them. Times are milliseconds since 1970.
CREATE TABLE operation (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    -- Who, with which role, by which way and from where; no role and address for the command line.
    actor     TEXT    NOT NULL,
    role      TEXT,
    way       TEXT    NOT NULL,
    address   TEXT,
    kind      TEXT    NOT NULL,
    -- What was touched.
    saga_id   TEXT,
    saga_type TEXT,
    letter_id INTEGER,
    -- Statuses.
    before    TEXT,
    after     TEXT,
    result    TEXT    NOT NULL,
    -- Why, or how it failed.
    detail    TEXT
);

-- The list, newest first, and what leaves; and that of one saga.
CREATE INDEX operation_at ON operation (at, id);
CREATE INDEX operation_saga ON operation (saga_id, at, id) WHERE saga_id IS NOT NULL;

CREATE TRIGGER operation_stays BEFORE UPDATE ON operation
BEGIN
    SELECT RAISE(ABORT, 'an operation cannot be changed');
END;
