-- How long a saga took, for lists by duration: the longest, and those above or below a bound.
ALTER TABLE saga_instance ADD COLUMN duration_ms INTEGER;
UPDATE saga_instance SET duration_ms = ended_at - started_at WHERE ended_at IS NOT NULL AND NOT ended_by_override;
CREATE INDEX saga_instance_duration ON saga_instance (duration_ms, saga_id) WHERE duration_ms IS NOT NULL;
