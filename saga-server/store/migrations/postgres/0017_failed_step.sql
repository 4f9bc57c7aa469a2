-- Failed sagas by the step that failed first, the newest first. Rows of sagas that did not fail are not in it.
CREATE INDEX saga_instance_failed_step ON saga_instance (failed_step, started_at, saga_id) WHERE failed_step IS NOT NULL;
