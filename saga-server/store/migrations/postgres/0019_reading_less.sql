-- With the time of each step at hand, a page of few sagas is found without looking at all of them.
DROP INDEX saga_steps_step_saga;
CREATE INDEX saga_steps_step_saga ON saga_steps (step, saga_id) INCLUDE (recorded_at);
DROP INDEX saga_steps_service_saga;
CREATE INDEX saga_steps_service_saga ON saga_steps (producer_service, saga_id) INCLUDE (recorded_at);

-- A period in the order of the last change, and what is odd about the few odd sagas, without looking at rows.
DROP INDEX saga_instance_updated;
CREATE INDEX saga_instance_updated ON saga_instance (updated_at, saga_id) INCLUDE (started_at);
DROP INDEX saga_instance_long;
CREATE INDEX saga_instance_long ON saga_instance (updated_at, saga_id) INCLUDE (started_at)
    WHERE updated_at - started_at > interval '1 hour';
DROP INDEX saga_instance_odd;
CREATE INDEX saga_instance_odd ON saga_instance (started_at, saga_id) INCLUDE (anomalies) WHERE anomalies <> '{}';

-- New entries wait in a list that every look goes through, and whoever makes it too long stores them all. With the default of
-- 4 MB that takes half a second over ten million steps.
ALTER INDEX saga_steps_metadata SET (gin_pending_list_limit = 512);
