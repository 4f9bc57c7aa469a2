-- The types of a job's sagas in one text, by which readers who are bound to types find their jobs.
ALTER TABLE job ADD COLUMN types text COLLATE "C" NOT NULL DEFAULT '';
UPDATE job SET types = COALESCE((SELECT string_agg(COALESCE(NULLIF(saga_type, ''), '?'), ' ' ORDER BY saga_type)
    FROM job_saga_type WHERE job_id = job.id), '');
CREATE INDEX job_types ON job (types, id);
DROP TABLE job_saga_type;
