-- The types of a job's sagas in one text, by which readers who are bound to types find their jobs.
ALTER TABLE job ADD COLUMN types TEXT NOT NULL DEFAULT '';
UPDATE job SET types = COALESCE((SELECT group_concat(name, ' ')
    FROM (SELECT COALESCE(NULLIF(saga_type, ''), '?') AS name FROM job_saga_type WHERE job_id = job.id ORDER BY saga_type)), '');
CREATE INDEX job_types ON job (types, id);
DROP TABLE job_saga_type;
