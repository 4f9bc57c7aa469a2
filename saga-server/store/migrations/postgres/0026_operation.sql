-- What operators did: one row for each saga or dead letter that was touched, written by the transaction that touched it. Rows
-- are added, and removed at the end of their time; nothing changes them.
CREATE TABLE operation (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz      NOT NULL,
    -- Who, with which role, by which way and from where; no role and address for the command line.
    actor     text COLLATE "C" NOT NULL,
    role      text COLLATE "C",
    way       text COLLATE "C" NOT NULL,
    address   text,
    kind      text COLLATE "C" NOT NULL,
    -- What was touched.
    saga_id   text COLLATE "C",
    saga_type text COLLATE "C",
    letter_id bigint,
    -- Statuses.
    before    text,
    after     text,
    result    text             NOT NULL,
    -- Why, or how it failed.
    detail    text
);

-- The list, newest first, and what leaves; and that of one saga.
CREATE INDEX operation_at ON operation (at, id);
CREATE INDEX operation_saga ON operation (saga_id, at, id) WHERE saga_id IS NOT NULL;

CREATE FUNCTION operation_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an operation cannot be changed';
END
$$;
CREATE TRIGGER operation_stays BEFORE UPDATE ON operation FOR EACH ROW EXECUTE FUNCTION operation_stays();
