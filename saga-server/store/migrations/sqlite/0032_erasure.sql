-- When a person's data was erased: of each step whose metadata left, of its saga, of the marker of a saga in the archive, and of
-- dead letters.
ALTER TABLE saga_steps ADD COLUMN erased_at INTEGER;
ALTER TABLE saga_instance ADD COLUMN erased_at INTEGER;
ALTER TABLE saga_removed ADD COLUMN erased_at INTEGER;
ALTER TABLE dead_letter ADD COLUMN erased_at INTEGER;
