-- When an override ended a saga, its end says when somebody looked and not how long it took: it has no duration.
ALTER TABLE saga_instance ADD COLUMN ended_by_override INTEGER NOT NULL DEFAULT 0;
UPDATE saga_instance SET ended_by_override = 1 WHERE EXISTS (SELECT 1 FROM saga_steps AS step
    WHERE step.saga_id = saga_instance.saga_id AND step.step = 'MANUAL_STATUS_OVERRIDE'
    AND step.recorded_at = saga_instance.ended_at AND step.status = saga_instance.current_status
    AND NOT EXISTS (SELECT 1 FROM saga_steps AS other WHERE other.saga_id = step.saga_id
        AND other.recorded_at = step.recorded_at AND other.status = step.status AND other.step <> step.step
        AND other.event_id > step.event_id));

DROP VIEW saga_counted;
CREATE VIEW saga_counted AS
SELECT started_at, saga_type, current_status AS status,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN -1 ELSE
        (SELECT max(class.from_ms) FROM saga_duration AS class WHERE class.from_ms <= ended_at - started_at)
    END AS from_ms,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN 0 ELSE ended_at - started_at END AS duration_ms
FROM saga_instance;

DELETE FROM saga_rollup;
INSERT INTO saga_rollup (width, bucket, saga_type, status, from_ms, sagas, duration_ms)
SELECT widths.width,
    started_at - (started_at % (widths.width * 1000) + widths.width * 1000) % (widths.width * 1000) AS bucket,
    saga_type, status, from_ms, count(*), sum(duration_ms)
FROM saga_counted, (SELECT 60 AS width UNION ALL SELECT 3600 UNION ALL SELECT 86400) AS widths
GROUP BY 1, 2, 3, 4, 5;
