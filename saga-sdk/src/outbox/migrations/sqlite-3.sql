-- Dead letters: events that can never be published, with the reason, until an operator puts them back.
ALTER TABLE saga_outbox ADD COLUMN failed_at INTEGER;
ALTER TABLE saga_outbox ADD COLUMN failure TEXT;
CREATE INDEX IF NOT EXISTS saga_outbox_unpublished ON saga_outbox (position)
    WHERE published_at IS NULL AND failed_at IS NULL;
CREATE INDEX IF NOT EXISTS saga_outbox_failed ON saga_outbox (position) WHERE failed_at IS NOT NULL;
DROP INDEX IF EXISTS saga_outbox_pending;
