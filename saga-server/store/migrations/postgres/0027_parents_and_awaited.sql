-- The saga that a saga is a part of: its children are found, the newest first. Sagas that are stored already are found once
-- they get another event or are rebuilt.
ALTER TABLE saga_instance ADD COLUMN parent_saga_id text COLLATE "C";
CREATE INDEX saga_instance_parent ON saga_instance (parent_saga_id, started_at, saga_id) WHERE parent_saga_id IS NOT NULL;

-- Everything that a saga awaits, the most urgent first, and who owes it; filters look at the sagas under way, and at the failed
-- ones that owe something, which indexes give already.
ALTER TABLE saga_instance ADD COLUMN awaited_steps text[] NOT NULL DEFAULT '{}';
ALTER TABLE saga_instance ADD COLUMN awaited_services text[] NOT NULL DEFAULT '{}';
UPDATE saga_instance SET awaited_steps = ARRAY[awaited_step],
    awaited_services = CASE WHEN awaited_service IS NULL THEN '{}' ELSE ARRAY[awaited_service] END
WHERE awaited_step IS NOT NULL;
