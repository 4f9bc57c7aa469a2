-- The domain events that were handled, so that one that comes again changes nothing.
CREATE TABLE IF NOT EXISTS inbox (
    event_id TEXT PRIMARY KEY
) WITHOUT ROWID;

-- The domain events that are still to be sent. Ids grow in the order of commits, since SQLite has one writer at a time.
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    order_id TEXT NOT NULL,
    event TEXT NOT NULL,
    headers TEXT NOT NULL
);
