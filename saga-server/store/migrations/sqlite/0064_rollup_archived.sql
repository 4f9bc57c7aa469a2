-- Sagas that were archived and left the database, counted as in saga_rollup, so that statistics of long ago stay. The
-- counts of saga_rollup are always those of the rows of saga_instance, which samples rely on.
CREATE TABLE saga_rollup_archived (
    width       INTEGER NOT NULL,
    bucket      INTEGER NOT NULL,
    saga_type   TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    from_ms     INTEGER NOT NULL,
    sagas       INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (width, bucket, saga_type, status, from_ms)
) WITHOUT ROWID;
