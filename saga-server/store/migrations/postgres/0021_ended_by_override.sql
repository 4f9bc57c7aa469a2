-- When an override ended a saga, its end says when somebody looked and not how long it took: it has no duration.
ALTER TABLE saga_instance ADD COLUMN ended_by_override boolean NOT NULL DEFAULT false;
UPDATE saga_instance AS saga SET ended_by_override = true FROM saga_steps AS step
WHERE step.step = 'MANUAL_STATUS_OVERRIDE' AND step.saga_id = saga.saga_id AND step.recorded_at = saga.ended_at
    AND step.status = saga.current_status
    AND NOT EXISTS (SELECT FROM saga_steps AS other WHERE other.saga_id = saga.saga_id AND other.recorded_at = saga.ended_at
        AND other.status = step.status AND other.step <> step.step AND other.event_id > step.event_id);

INSERT INTO saga_rollup_change (minute, saga_type, status, from_ms, sagas, duration_ms)
SELECT date_bin(interval '1 minute', started_at, '0001-01-01 00:00:00+00'), saga_type, status, moved.*
FROM (SELECT counted.* FROM saga_instance AS saga CROSS JOIN LATERAL (
        SELECT saga.started_at, saga.saga_type, saga.current_status AS status,
            (extract(epoch FROM saga.ended_at - saga.started_at) * 1000)::bigint AS duration_ms
    ) AS counted WHERE saga.ended_by_override) AS saga
CROSS JOIN LATERAL (VALUES
    ((SELECT max(class.from_ms) FROM saga_duration AS class WHERE class.from_ms <= saga.duration_ms), -1, -saga.duration_ms),
    (-1, 1, 0)
) AS moved;

CREATE OR REPLACE VIEW saga_counted AS
SELECT started_at, saga_type, current_status AS status,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN -1 ELSE
        (ARRAY(SELECT from_ms FROM saga_duration ORDER BY from_ms))[width_bucket(
            (extract(epoch FROM ended_at - started_at) * 1000)::bigint,
            ARRAY(SELECT from_ms FROM saga_duration ORDER BY from_ms))]
    END AS from_ms,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN 0
        ELSE (extract(epoch FROM ended_at - started_at) * 1000)::bigint
    END AS duration_ms
FROM saga_instance;
