-- Sagas that wait without a limit, among which are those that wait longer than others ever did. Types with limits have no entry.
CREATE INDEX saga_instance_unlimited ON saga_instance (saga_type, started_at)
    WHERE awaited_deadline IS NULL AND awaited_step IS NOT NULL AND current_status IN ('STARTED', 'IN_PROGRESS');
