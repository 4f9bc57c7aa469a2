-- The job that an operation was a part of.
ALTER TABLE operation ADD COLUMN job_id INTEGER;
CREATE INDEX operation_job ON operation (job_id, at, id) WHERE job_id IS NOT NULL;
