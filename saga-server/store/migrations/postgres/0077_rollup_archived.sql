-- Sagas that were archived and left the database, counted as in saga_rollup, so that statistics of long ago stay. The
-- counts of saga_rollup are always those of the rows of saga_instance, which samples rely on.
CREATE TABLE saga_rollup_archived (
    LIKE saga_rollup,
    PRIMARY KEY (width, bucket, saga_type, status, from_ms)
) WITH (fillfactor = 80);
