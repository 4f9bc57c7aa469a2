-- Dead letters leave in small batches, as sagas do, and each may hold 256 KiB outside of its row.
ALTER TABLE dead_letter SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_threshold = 10000);
