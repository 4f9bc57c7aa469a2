CREATE TABLE IF NOT EXISTS payments (
    order_id TEXT PRIMARY KEY,
    amount INTEGER NOT NULL,
    method TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    headers TEXT NOT NULL
);
