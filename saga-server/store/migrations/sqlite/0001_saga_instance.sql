-- One row for each saga: the fold of its steps, and what searches ask for. It can be rebuilt from saga_steps.
-- Times are milliseconds since 1970; lists are JSON.
CREATE TABLE saga_instance (
    saga_id          TEXT    NOT NULL PRIMARY KEY,
    saga_type        TEXT    NOT NULL,
    order_id         TEXT    NOT NULL,
    current_status   TEXT    NOT NULL,
    last_step        TEXT    NOT NULL,
    last_trace_id    TEXT,
    started_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    created_at       INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    -- Only of a saga that has ended.
    ended_at         INTEGER,
    failed_step      TEXT,
    failure_reason   TEXT,
    -- Steps that still have to be undone, in forward order.
    outstanding      TEXT    NOT NULL,
    anomalies        TEXT    NOT NULL,
    -- What is owed next, by whom, and until when.
    awaited_step     TEXT,
    awaited_service  TEXT,
    awaited_deadline INTEGER,
    event_count      INTEGER NOT NULL,
    -- Rises by one with each change.
    version          INTEGER NOT NULL,
    -- The fold of the steps, as text that only the collector reads.
    fold             TEXT    NOT NULL
);
