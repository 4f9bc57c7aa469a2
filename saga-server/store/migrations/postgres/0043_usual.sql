-- What is usual, learnt from the sagas of the last days by one collector and written anew: some hundreds of rows a type at the most.
CREATE TABLE usual_wait (
    saga_type    text        NOT NULL,
    -- The step that was done last of those right before; empty at the start of a saga.
    after_step   text        NOT NULL,
    step         text        NOT NULL,
    observations bigint      NOT NULL,
    p50_ms       bigint      NOT NULL,
    p95_ms       bigint      NOT NULL,
    p999_ms      bigint      NOT NULL,
    learnt_at    timestamptz NOT NULL,
    PRIMARY KEY (saga_type, after_step, step)
);

-- When sagas end, counted from when a step was done, of those that waited longer behind it than the level says.
CREATE TABLE usual_end (
    saga_type    text        NOT NULL,
    step         text        NOT NULL,
    waited_ms    bigint      NOT NULL,
    observations bigint      NOT NULL,
    p50_ms       bigint      NOT NULL,
    p90_ms       bigint      NOT NULL,
    learnt_at    timestamptz NOT NULL,
    PRIMARY KEY (saga_type, step, waited_ms)
);

-- awaited_deadline is no limit: the saga waits longer than it ever takes. Its next event writes both columns anew.
ALTER TABLE saga_instance ADD COLUMN deadline_by_usual boolean NOT NULL DEFAULT false;
