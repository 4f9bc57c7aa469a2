-- Days, hours and minutes apart: the counts of a day come up over many minutes, and would lie on a page of their own each.
ALTER TABLE saga_rollup RENAME TO saga_rollup_unsorted;
ALTER INDEX saga_rollup_pkey RENAME TO saga_rollup_unsorted_pkey;
CREATE TABLE saga_rollup (
    LIKE saga_rollup_unsorted,
    PRIMARY KEY (width, bucket, saga_type, status, from_ms)
) PARTITION BY LIST (width);
CREATE TABLE saga_rollup_days PARTITION OF saga_rollup FOR VALUES IN (86400) WITH (fillfactor = 80);
CREATE TABLE saga_rollup_hours PARTITION OF saga_rollup FOR VALUES IN (3600) WITH (fillfactor = 80);
CREATE TABLE saga_rollup_minutes PARTITION OF saga_rollup FOR VALUES IN (60) WITH (fillfactor = 80);
INSERT INTO saga_rollup SELECT * FROM saga_rollup_unsorted ORDER BY width, bucket;
DROP TABLE saga_rollup_unsorted;
