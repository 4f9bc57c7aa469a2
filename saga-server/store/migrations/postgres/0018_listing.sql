-- Sagas of a type and a status, the newest first. A type alone is listed from its statuses' stretches, so that no index of
-- its own is kept for it.
CREATE INDEX saga_instance_type_status ON saga_instance (saga_type, current_status, started_at, saga_id);
DROP INDEX saga_instance_type;

-- Sagas of which something is awaited, the newest first: late ones are found among these few. The newest of all are never
-- late, so that looking through the newest would take long.
CREATE INDEX saga_instance_awaiting ON saga_instance (started_at, saga_id) WHERE awaited_deadline IS NOT NULL;
