-- The group of failures that a saga belongs to, for counting, for lists, and for when one was seen first and last. Sagas that
-- failed before are grouped in the background, and by `rebuild`.
ALTER TABLE saga_instance ADD COLUMN failure_group text COLLATE "C";
CREATE INDEX saga_instance_failure_group ON saga_instance (failure_group, started_at, saga_id) INCLUDE (saga_type)
    WHERE failure_group IS NOT NULL;
