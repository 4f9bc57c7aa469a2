-- What needs attention, and since when the last saga failed: small indexes over the few sagas that they are about.
CREATE INDEX saga_instance_deadline ON saga_instance (awaited_deadline) WHERE awaited_deadline IS NOT NULL;
CREATE INDEX saga_instance_owing ON saga_instance (started_at) WHERE outstanding <> '{}';
CREATE INDEX saga_instance_failed ON saga_instance (ended_at) WHERE current_status = 'FAILED';
