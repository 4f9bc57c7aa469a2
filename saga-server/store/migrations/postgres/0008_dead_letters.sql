-- What came through the dead letter topic: why it could not be stored, and what became of it since.
CREATE TABLE dead_letter (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A hash of where the record came from and of its bytes: a letter that is read or buried again is known by it.
    identity         bytea            NOT NULL UNIQUE,
    -- Where it lies on the dead letter topic, and since when.
    topic            text COLLATE "C" NOT NULL,
    partition        integer          NOT NULL,
    "offset"         bigint           NOT NULL,
    dead_since       timestamptz      NOT NULL,
    -- Where the record was read before; anybody may have written it, so any of it may be missing.
    origin_topic     text COLLATE "C",
    origin_partition integer,
    origin_offset    bigint,
    origin_time      timestamptz,
    origin_group     text COLLATE "C",
    reason           text COLLATE "C" NOT NULL,
    message          text             NOT NULL,
    saga_id          text COLLATE "C",
    event_id         text COLLATE "C",
    producer         text COLLATE "C",
    key              bytea,
    -- The beginning of the value, as long as an event may be, and how long the whole is.
    value            bytea,
    value_bytes      bigint           NOT NULL,
    -- A JSON array of name and value in base64.
    headers          text             NOT NULL,
    state            text COLLATE "C" NOT NULL DEFAULT 'WAITING',
    attempts         integer          NOT NULL DEFAULT 0,
    attempted_at     timestamptz,
    attempted_by     text,
    result           text,
    created_at       timestamptz      NOT NULL DEFAULT now()
);

-- The list, newest first; of one reason; and what still waits, which is counted too.
CREATE INDEX dead_letter_since ON dead_letter (dead_since, id);
CREATE INDEX dead_letter_reason ON dead_letter (reason, dead_since, id);
CREATE INDEX dead_letter_waiting ON dead_letter (dead_since, id) WHERE state = 'WAITING';
-- The letters of a saga, and those that replay names by their event.
CREATE INDEX dead_letter_saga ON dead_letter (saga_id, dead_since, id) WHERE saga_id IS NOT NULL;
CREATE INDEX dead_letter_event ON dead_letter (event_id) WHERE event_id IS NOT NULL;
