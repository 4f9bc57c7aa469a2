-- Statistics of a group of failures, which no roll-up has, are counted from its sagas.
CREATE OR REPLACE VIEW saga_counted AS
SELECT started_at, saga_type, current_status AS status,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN -1 ELSE
        (ARRAY(SELECT from_ms FROM saga_duration ORDER BY from_ms))[width_bucket(
            (extract(epoch FROM ended_at - started_at) * 1000)::bigint,
            ARRAY(SELECT from_ms FROM saga_duration ORDER BY from_ms))]
    END AS from_ms,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN 0
        ELSE (extract(epoch FROM ended_at - started_at) * 1000)::bigint
    END AS duration_ms,
    failure_group
FROM saga_instance;
