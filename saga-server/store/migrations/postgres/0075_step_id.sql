-- Numbers of steps come from a default instead of an identity column: Citus moves no table back that has one. Nothing is rewritten.
-- A table without the column, or one that is distributed already, stays as it is.
DO $$
DECLARE
    next bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'saga_steps'::regclass AND attname = 'id' AND attidentity <> '') THEN
        RETURN;
    END IF;
    IF to_regclass('pg_dist_partition') IS NOT NULL THEN
        IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = 'saga_steps'::regclass) THEN
            RETURN;
        END IF;
    END IF;
    SELECT nextval(pg_get_serial_sequence('saga_steps', 'id')) INTO next;
    ALTER TABLE saga_steps ALTER COLUMN id DROP IDENTITY;
    CREATE SEQUENCE saga_steps_number OWNED BY saga_steps.id;
    PERFORM setval('saga_steps_number', next);
    ALTER TABLE saga_steps ALTER COLUMN id SET DEFAULT nextval('saga_steps_number');
END
$$;
