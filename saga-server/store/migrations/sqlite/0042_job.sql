-- Jobs: one operation on many sagas or dead letters. What a job is about is stored when it is created; each item is then done by
-- the transaction that stores its result. Times are milliseconds since 1970.
CREATE TABLE job (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    action      TEXT NOT NULL,
    state       TEXT NOT NULL,
    -- The status that sagas are given, where it is the same for all of them.
    target      TEXT,
    note        TEXT,
    -- As it was asked for, as JSON.
    selection   TEXT             NOT NULL,
    -- Who asked, and the saga types that they may see as JSON; none for all types.
    actor       TEXT NOT NULL,
    role        TEXT,
    way         TEXT NOT NULL,
    address     TEXT,
    scope       TEXT,
    -- By which a request that comes again is known: the preview and the caller's own key. And a hash of what was asked for.
    token       TEXT UNIQUE,
    request_key TEXT UNIQUE,
    request     TEXT NOT NULL,
    -- The job that this one reverts.
    reverts     INTEGER REFERENCES job (id) ON DELETE SET NULL,
    created_at  INTEGER      NOT NULL,
    started_at  INTEGER,
    -- When it last did something.
    moved_at    INTEGER      NOT NULL,
    finished_at INTEGER,
    items       INTEGER           NOT NULL DEFAULT 0,
    changed     INTEGER           NOT NULL DEFAULT 0,
    unchanged   INTEGER           NOT NULL DEFAULT 0,
    refused     INTEGER           NOT NULL DEFAULT 0,
    failed      INTEGER           NOT NULL DEFAULT 0
);
CREATE INDEX job_active ON job (id) WHERE state IN ('WAITING', 'RUNNING', 'STOPPING');
CREATE INDEX job_reverts ON job (reverts) WHERE reverts IS NOT NULL;
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE job_item (
    job_id    INTEGER           NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number    INTEGER           NOT NULL,
    saga_id   TEXT,
    saga_type TEXT,
    letter_id INTEGER,
    -- Its state when the job was created, and then just before it was changed; what it is to be; what it was after that.
    before    TEXT,
    target    TEXT,
    after     TEXT,
    -- None while it is not done.
    result    TEXT,
    message   TEXT,
    done_at   INTEGER,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX job_item_result ON job_item (job_id, result, number);

-- The types of a job's sagas, by which readers see it; an empty one stands for a type that is not known.
CREATE TABLE job_saga_type (
    job_id    INTEGER           NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    saga_type TEXT NOT NULL,
    PRIMARY KEY (job_id, saga_type)
);
