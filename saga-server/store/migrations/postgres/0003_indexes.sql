-- The steps of a saga in their order, page by page.
CREATE INDEX saga_steps_in_order ON saga_steps (saga_id, recorded_at, event_id);

-- The list of sagas: newest first, of one status, of one type, of one order; most recently changed first.
CREATE INDEX saga_instance_started ON saga_instance (started_at, saga_id);
CREATE INDEX saga_instance_status ON saga_instance (current_status, started_at, saga_id);
CREATE INDEX saga_instance_type ON saga_instance (saga_type, started_at, saga_id);
CREATE INDEX saga_instance_order ON saga_instance (order_id);
CREATE INDEX saga_instance_updated ON saga_instance (updated_at, saga_id);
