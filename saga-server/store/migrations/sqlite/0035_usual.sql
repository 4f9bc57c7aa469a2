-- What is usual, learnt from the sagas of the last days and written anew: some hundreds of rows a type at the most.
CREATE TABLE usual_wait (
    saga_type    TEXT    NOT NULL,
    -- The step that was done last of those right before; empty at the start of a saga.
    after_step   TEXT    NOT NULL,
    step         TEXT    NOT NULL,
    observations INTEGER NOT NULL,
    p50_ms       INTEGER NOT NULL,
    p95_ms       INTEGER NOT NULL,
    p999_ms      INTEGER NOT NULL,
    learnt_at    INTEGER NOT NULL,
    PRIMARY KEY (saga_type, after_step, step)
) WITHOUT ROWID;

-- When sagas end, counted from when a step was done, of those that waited longer behind it than the level says.
CREATE TABLE usual_end (
    saga_type    TEXT    NOT NULL,
    step         TEXT    NOT NULL,
    waited_ms    INTEGER NOT NULL,
    observations INTEGER NOT NULL,
    p50_ms       INTEGER NOT NULL,
    p90_ms       INTEGER NOT NULL,
    learnt_at    INTEGER NOT NULL,
    PRIMARY KEY (saga_type, step, waited_ms)
) WITHOUT ROWID;

-- awaited_deadline is no limit: the saga waits longer than it ever takes. Its next event writes both columns anew.
ALTER TABLE saga_instance ADD COLUMN deadline_by_usual INTEGER NOT NULL DEFAULT 0;
