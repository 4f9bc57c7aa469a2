CREATE TABLE IF NOT EXISTS payments (
    order_id TEXT PRIMARY KEY,
    saga_id TEXT NOT NULL,
    amount INTEGER NOT NULL,
    method TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT
);
