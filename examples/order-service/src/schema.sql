CREATE TABLE IF NOT EXISTS orders (
    order_id TEXT PRIMARY KEY,
    saga_id TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    payment_method TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    placed_at_ms INTEGER NOT NULL
);

CREATE INDEX IF NOT EXISTS open_orders ON orders (placed_at_ms) WHERE status IN ('PLACED', 'RESERVED');
