-- Dismissed dead letters: since when, by whom and why. The log of operations has the same and is kept longer.
ALTER TABLE dead_letter ADD COLUMN dismissed_at timestamptz;
ALTER TABLE dead_letter ADD COLUMN dismissed_by text;
ALTER TABLE dead_letter ADD COLUMN note text;
