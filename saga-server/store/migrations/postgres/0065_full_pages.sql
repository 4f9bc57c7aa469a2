-- Each change of a saga changes an indexed column (updated_at), so that no update is heap-only, and none needs room on its page.
ALTER TABLE saga_instance RESET (fillfactor);
