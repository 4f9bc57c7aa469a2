-- Retention removes rows in small batches, a few thousand at a time. The default waits until a fifth of a table is dead;
-- with a hundredth the room of the removed is there again for the next day's, and the tables stay as large as they are.
ALTER TABLE saga_steps SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000);
ALTER TABLE saga_instance SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 10000);
