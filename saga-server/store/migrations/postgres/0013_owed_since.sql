-- Since when a failed saga owes its compensation. Of sagas that failed before this column was there, the last failure
-- must do.
ALTER TABLE saga_instance ADD COLUMN owed_since timestamptz;
UPDATE saga_instance SET owed_since = COALESCE(ended_at, updated_at) WHERE outstanding <> '{}';
CREATE INDEX saga_instance_owed ON saga_instance (owed_since) WHERE owed_since IS NOT NULL;
-- The new index serves what this one did.
DROP INDEX saga_instance_owing;
