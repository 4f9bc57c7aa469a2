-- The type of what a dead letter or the marker of a removed saga is about, so that a reader whose rights are bound to saga types
-- sees those of their types. What is there already has none, and is for readers of all types. No table is rewritten or read.
ALTER TABLE dead_letter ADD COLUMN saga_type text COLLATE "C";
ALTER TABLE saga_removed ADD COLUMN saga_type text COLLATE "C";
