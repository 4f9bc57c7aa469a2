-- Which sagas have a step, or a step of a service, in the order of the sagas: a count up to the cap reads one stretch of the
-- index and no row, and whether a saga that was found otherwise has the step is one look.
CREATE INDEX saga_steps_step_saga ON saga_steps (step, saga_id);
CREATE INDEX saga_steps_service_saga ON saga_steps (producer_service, saga_id);
DROP INDEX saga_steps_step;

-- Failed sagas by their reason, the most recently changed first.
CREATE INDEX saga_instance_reason_updated ON saga_instance (left(failure_reason, 200), updated_at, saga_id)
    WHERE failure_reason IS NOT NULL;

-- The few sagas that changed long after they started. All others changed soon after, so that a period of starts is hardly
-- wider as a period of changes; together they serve a period that is sorted by the last change.
CREATE INDEX saga_instance_long ON saga_instance (updated_at, saga_id) WHERE updated_at - started_at > interval '1 hour';
