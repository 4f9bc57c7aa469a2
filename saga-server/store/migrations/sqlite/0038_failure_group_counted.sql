-- Statistics of a group of failures, which no roll-up has, are counted from its sagas.
DROP VIEW saga_counted;
CREATE VIEW saga_counted AS
SELECT started_at, saga_type, current_status AS status,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN -1 ELSE
        (SELECT max(class.from_ms) FROM saga_duration AS class WHERE class.from_ms <= ended_at - started_at)
    END AS from_ms,
    CASE WHEN ended_at IS NULL OR ended_by_override THEN 0 ELSE ended_at - started_at END AS duration_ms,
    failure_group
FROM saga_instance;
