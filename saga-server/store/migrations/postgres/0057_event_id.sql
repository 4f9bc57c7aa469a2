-- The saga of an event. Ids of the SDK rise with time, so that new entries come at the end of the index: storing takes no longer,
-- where a hash index, of a third less bytes, costs a tenth more time.
CREATE INDEX saga_steps_event ON saga_steps (event_id);
