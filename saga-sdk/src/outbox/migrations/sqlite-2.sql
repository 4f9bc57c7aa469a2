-- The trace in which an event was recorded, for its headers: traceparent and tracestate as W3C writes them.
ALTER TABLE saga_outbox ADD COLUMN traceparent TEXT;
ALTER TABLE saga_outbox ADD COLUMN tracestate TEXT;
