-- Sagas by a step that few of them have; for a common step the newest sagas are looked through instead.
CREATE INDEX saga_steps_step ON saga_steps (step);

-- Failed sagas by their reason. A reason may be longer than an index takes, so its beginning must do.
CREATE INDEX saga_instance_reason ON saga_instance (left(failure_reason, 200), started_at, saga_id)
    WHERE failure_reason IS NOT NULL;

-- The few sagas with something odd about them.
CREATE INDEX saga_instance_odd ON saga_instance (started_at, saga_id) WHERE anomalies <> '{}';
