-- The saga outbox: events written in the service's own transactions, until a relay has published them.
CREATE TABLE IF NOT EXISTS saga_outbox (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    saga_id      text        NOT NULL,
    event        bytea       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
-- What is still to be published, in order; and what can be cleaned up.
CREATE INDEX IF NOT EXISTS saga_outbox_pending ON saga_outbox (position) WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS saga_outbox_published ON saga_outbox (published_at) WHERE published_at IS NOT NULL;
-- Which relay is at work.
CREATE TABLE IF NOT EXISTS saga_outbox_lease (
    id         int         PRIMARY KEY CHECK (id = 1),
    owner      text        NOT NULL,
    expires_at timestamptz NOT NULL
);
INSERT INTO saga_outbox_lease (id, owner, expires_at) VALUES (1, '', '-infinity') ON CONFLICT DO NOTHING;
