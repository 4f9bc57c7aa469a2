-- The saga of an event.
CREATE INDEX saga_steps_event ON saga_steps (event_id);
