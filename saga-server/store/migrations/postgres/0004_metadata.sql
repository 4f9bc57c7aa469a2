-- Sagas by a value in the metadata of one of their steps.
CREATE INDEX saga_steps_metadata ON saga_steps USING gin (metadata jsonb_path_ops);
