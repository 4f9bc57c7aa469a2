-- How many sagas started in each minute, hour and day (UTC), by type, status and length, so that statistics need not read
-- the sagas. Durations are counted in classes, each of which begins at most a tenth above the one before.
CREATE TABLE saga_duration (
    from_ms INTEGER PRIMARY KEY
);
INSERT INTO saga_duration
WITH RECURSIVE class (from_ms) AS (
    VALUES (0)
    UNION ALL
    SELECT max(from_ms + 1, from_ms * 11 / 10) FROM class WHERE from_ms < 1000000000000000
)
SELECT from_ms FROM class;

CREATE TABLE saga_rollup (
    -- 60, 3600 or 86400 seconds, from the bucket's moment on.
    width       INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    saga_type   TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    -- Where the class of durations begins; -1 for sagas that have not ended.
    from_ms     INTEGER NOT NULL,
    sagas       INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (width, bucket, saga_type, status, from_ms)
) WITHOUT ROWID;

-- How each saga is counted.
CREATE VIEW saga_counted AS
SELECT started_at, saga_type, current_status AS status,
    CASE WHEN ended_at IS NULL THEN -1 ELSE
        (SELECT max(class.from_ms) FROM saga_duration AS class WHERE class.from_ms <= ended_at - started_at)
    END AS from_ms,
    CASE WHEN ended_at IS NULL THEN 0 ELSE ended_at - started_at END AS duration_ms
FROM saga_instance;

-- The remainder is brought above zero, since moments before 1970 are negative.
INSERT INTO saga_rollup (width, bucket, saga_type, status, from_ms, sagas, duration_ms)
SELECT widths.width,
    started_at - (started_at % (widths.width * 1000) + widths.width * 1000) % (widths.width * 1000) AS bucket,
    saga_type, status, from_ms, count(*), sum(duration_ms)
FROM saga_counted, (SELECT 60 AS width UNION ALL SELECT 3600 UNION ALL SELECT 86400) AS widths
GROUP BY 1, 2, 3, 4, 5;
