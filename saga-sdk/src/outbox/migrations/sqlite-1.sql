-- The saga outbox: events written in the service's own transactions, until a relay has published them.
-- Times are milliseconds since 1970.
CREATE TABLE IF NOT EXISTS saga_outbox (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    saga_id      TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    created_at   INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    published_at INTEGER
);
-- What is still to be published, in order; and what can be cleaned up.
CREATE INDEX IF NOT EXISTS saga_outbox_pending ON saga_outbox (position) WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS saga_outbox_published ON saga_outbox (published_at) WHERE published_at IS NOT NULL;
-- Which relay is at work.
CREATE TABLE IF NOT EXISTS saga_outbox_lease (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    owner      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
);
INSERT INTO saga_outbox_lease (id, owner, expires_at) VALUES (1, '', 0) ON CONFLICT DO NOTHING;
