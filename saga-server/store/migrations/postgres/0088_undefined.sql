-- Sagas of types without a definition that may go on, by the step behind which they wait. Sagas that end without an event that says so
-- stay among them; they are found by no step behind which it is known what comes. Types with definitions have next to no entry.
CREATE INDEX saga_instance_undefined ON saga_instance (saga_type, last_step, started_at, saga_id)
    WHERE awaited_deadline IS NULL AND awaited_step IS NULL AND current_status IN ('STARTED', 'IN_PROGRESS');
