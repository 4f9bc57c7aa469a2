-- For readers whose rights are bound to saga types: their dead letters and their part of the log of operations, newest first,
-- beside any number of others.
CREATE INDEX dead_letter_type ON dead_letter (saga_type, dead_since, id) WHERE saga_type IS NOT NULL;
CREATE INDEX operation_type ON operation (saga_type, at, id) WHERE saga_type IS NOT NULL;
