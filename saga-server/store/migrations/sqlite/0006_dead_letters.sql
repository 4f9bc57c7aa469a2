-- What came through the dead letter topic: why it could not be stored, and what became of it since.
CREATE TABLE dead_letter (
    -- Never used again for another letter, so that a list somebody still looks at names the right ones.
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- A hash of where the record came from and of its bytes: a letter that is read or buried again is known by it.
    identity         BLOB    NOT NULL UNIQUE,
    -- Where it lies on the dead letter topic, and since when.
    topic            TEXT    NOT NULL,
    partition        INTEGER NOT NULL,
    "offset"         INTEGER NOT NULL,
    dead_since       INTEGER NOT NULL,
    -- Where the record was read before; anybody may have written it, so any of it may be missing.
    origin_topic     TEXT,
    origin_partition INTEGER,
    origin_offset    INTEGER,
    origin_time      INTEGER,
    origin_group     TEXT,
    reason           TEXT    NOT NULL,
    message          TEXT    NOT NULL,
    saga_id          TEXT,
    event_id         TEXT,
    producer         TEXT,
    key              BLOB,
    -- The beginning of the value, as long as an event may be, and how long the whole is.
    value            BLOB,
    value_bytes      INTEGER NOT NULL,
    -- A JSON array of name and value in base64.
    headers          TEXT    NOT NULL,
    state            TEXT    NOT NULL DEFAULT 'WAITING',
    attempts         INTEGER NOT NULL DEFAULT 0,
    attempted_at     INTEGER,
    attempted_by     TEXT,
    result           TEXT,
    created_at       INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER))
);

-- The list, newest first; of one reason; and what still waits, which is counted too.
CREATE INDEX dead_letter_since ON dead_letter (dead_since, id);
CREATE INDEX dead_letter_reason ON dead_letter (reason, dead_since, id);
CREATE INDEX dead_letter_waiting ON dead_letter (dead_since, id) WHERE state = 'WAITING';
-- The letters of a saga, and those that replay names by their event.
CREATE INDEX dead_letter_saga ON dead_letter (saga_id, dead_since, id) WHERE saga_id IS NOT NULL;
CREATE INDEX dead_letter_event ON dead_letter (event_id) WHERE event_id IS NOT NULL;
