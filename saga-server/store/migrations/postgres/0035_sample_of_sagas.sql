-- A sixteenth of the sagas, the same one for everybody who draws a sample of a type and a period: an estimate reads no more
-- than its share of the sagas there are.
CREATE INDEX saga_instance_sample ON saga_instance (saga_type, started_at, saga_id)
    WHERE (hashtextextended(saga_id, 0) & 65535) < 4096;
