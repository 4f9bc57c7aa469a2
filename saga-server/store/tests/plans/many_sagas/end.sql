-- Counts as they follow from the sagas, and nothing left behind.
INSERT INTO saga_rollup (width, bucket, saga_type, status, from_ms, sagas, duration_ms)
SELECT width, date_bin(width * interval '1 second', started_at, '0001-01-01 00:00:00+00'), saga_type, status, from_ms,
    count(*), sum(duration_ms)
FROM saga_counted CROSS JOIN (VALUES (60), (3600), (86400)) AS widths (width)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2;
DROP TABLE many_sagas_kind, many_sagas_step;
DROP FUNCTION many_sagas_start, many_sagas_after;
