-- How many sagas started in each minute, hour and day (UTC), by type, status and length, so that statistics need not read
-- the sagas. Durations are counted in classes, each of which begins at most a tenth above the one before.
CREATE TABLE saga_duration (
    from_ms bigint NOT NULL PRIMARY KEY
);
INSERT INTO saga_duration
WITH RECURSIVE class (from_ms) AS (
    VALUES (0::bigint)
    UNION ALL
    SELECT greatest(from_ms + 1, from_ms * 11 / 10) FROM class WHERE from_ms < 1000000000000000
)
SELECT from_ms FROM class;

CREATE TABLE saga_rollup (
    -- 60, 3600 or 86400 seconds, from the bucket's moment on.
    width       integer          NOT NULL,
    bucket      timestamptz      NOT NULL,
    saga_type   text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    -- Where the class of durations begins; -1 for sagas that have not ended.
    from_ms     bigint           NOT NULL,
    sagas       bigint           NOT NULL,
    duration_ms numeric          NOT NULL,
    PRIMARY KEY (width, bucket, saga_type, status, from_ms)
) WITH (fillfactor = 80);

-- What has changed since the roll-ups were last brought up to date. Each batch only adds rows here, in its own
-- transaction: writers at once never wait for each other's counts and cannot deadlock on them. Readers add both up.
CREATE TABLE saga_rollup_change (
    minute      timestamptz      NOT NULL,
    saga_type   text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    from_ms     bigint           NOT NULL,
    sagas       bigint           NOT NULL,
    duration_ms numeric          NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- How each saga is counted.
CREATE VIEW saga_counted AS
SELECT started_at, saga_type, current_status AS status,
    CASE WHEN ended_at IS NULL THEN -1 ELSE
        (ARRAY(SELECT from_ms FROM saga_duration ORDER BY from_ms))[width_bucket(
            (extract(epoch FROM ended_at - started_at) * 1000)::bigint,
            ARRAY(SELECT from_ms FROM saga_duration ORDER BY from_ms))]
    END AS from_ms,
    CASE WHEN ended_at IS NULL THEN 0 ELSE (extract(epoch FROM ended_at - started_at) * 1000)::bigint END AS duration_ms
FROM saga_instance;

INSERT INTO saga_rollup (width, bucket, saga_type, status, from_ms, sagas, duration_ms)
SELECT width, date_bin(width * interval '1 second', started_at, '0001-01-01 00:00:00+00'), saga_type, status, from_ms,
    count(*), sum(duration_ms)
FROM saga_counted CROSS JOIN (VALUES (60), (3600), (86400)) AS widths (width)
GROUP BY 1, 2, 3, 4, 5;
