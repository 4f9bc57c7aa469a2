-- Every step as it was recorded: the truth, append-only.
CREATE TABLE saga_steps (
    id               INTEGER PRIMARY KEY,
    saga_id          TEXT    NOT NULL,
    event_id         TEXT    NOT NULL,
    saga_type        TEXT    NOT NULL,
    order_id         TEXT    NOT NULL,
    step             TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    producer_service TEXT,
    trace_id         TEXT,
    metadata         TEXT,
    recorded_at      INTEGER NOT NULL,
    event_timestamp  INTEGER NOT NULL,
    created_at       INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    UNIQUE (saga_id, event_id)
);
