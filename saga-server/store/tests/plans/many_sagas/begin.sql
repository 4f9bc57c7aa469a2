-- What the sagas are multiplied from: a thousand of them, distinguished by their number modulo 1000.
CREATE UNLOGGED TABLE many_sagas_kind (
    residue         integer NOT NULL PRIMARY KEY,
    saga_type       text    NOT NULL,
    current_status  text    NOT NULL,
    last_step       text    NOT NULL,
    steps           integer NOT NULL,
    -- Whether it has ended, and so may have gone on for any time before.
    has_ended       boolean NOT NULL,
    failed_step     text,
    failure_reason  text,
    failure_group   text,
    outstanding     text[]  NOT NULL,
    anomalies       text[]  NOT NULL,
    awaited_step    text,
    awaited_service text,
    -- Milliseconds after the start.
    deadline_ms     bigint,
    -- The number of the step since which a compensation is owed.
    owed_since      integer,
    -- With @SAGA@, @ORDER@ and @TRACE@ for the names, and @1@ and so on for the time of each step.
    fold            text    NOT NULL
);

CREATE UNLOGGED TABLE many_sagas_step (
    residue   integer NOT NULL,
    number    integer NOT NULL,
    saga_type text    NOT NULL,
    step      text    NOT NULL,
    status    text    NOT NULL,
    service   text    NOT NULL,
    reason    text,
    PRIMARY KEY (residue, number)
);

-- When a saga starts, so many of them being spread evenly over thirty days.
CREATE FUNCTION many_sagas_start(saga integer, sagas integer, begin timestamptz) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$
    SELECT begin + floor(saga::float8 / sagas * 2592000000) * interval '1 millisecond'
$$;

-- How long after the start a step is recorded: each shortly after the one before, but the last of a saga that has ended
-- after a minute or so, and now and then after days.
CREATE FUNCTION many_sagas_after(saga integer, number integer, steps integer, has_ended boolean) RETURNS interval
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN number < steps OR NOT has_ended OR number = 1 THEN (number - 1) * interval '400 milliseconds'
        WHEN saga % 997 = 0 THEN interval '3 days'
        ELSE interval '3 seconds' + saga % 90 * interval '1 second'
    END
$$;
