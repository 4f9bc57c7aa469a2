-- What each webhook is sent: one row for each occurrence, which is made once and leaves some days after it was delivered. Times are
-- milliseconds since 1970.
CREATE TABLE webhook_delivery (
    -- A hash of the webhook and the occurrence, by which receivers know what comes again.
    id          TEXT    NOT NULL PRIMARY KEY,
    webhook     TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    saga_id     TEXT    NOT NULL,
    -- When it happened by the saga's events: when it was due, or failed.
    occurred_at INTEGER NOT NULL,
    -- What is sent, as JSON, without what an erasure must reach.
    content     TEXT    NOT NULL,
    state       TEXT    NOT NULL DEFAULT 'PENDING',
    created_at  INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- When it may be sent next: later than now while somebody is sending it.
    next_at     INTEGER NOT NULL,
    last_error  TEXT,
    done_at     INTEGER,
    UNIQUE (webhook, kind, saga_id, occurred_at)
);
CREATE INDEX webhook_delivery_pending ON webhook_delivery (webhook, next_at, created_at) WHERE state = 'PENDING';
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_at) WHERE done_at IS NOT NULL;

-- Since when a webhook asks for a kind: what happened before is not sent.
CREATE TABLE webhook_subscription (
    webhook TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (webhook, kind)
) WITHOUT ROWID;

-- Sagas that failed, noted by the transaction of the batch while a webhook asks for failures, and taken from here soon after.
CREATE TABLE noted_failure (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    saga_id   TEXT    NOT NULL,
    failed_at INTEGER NOT NULL,
    noted_at  INTEGER NOT NULL
);
