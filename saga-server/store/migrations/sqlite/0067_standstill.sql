-- Waits that are longer than ever, of which no saga can be judged alone: written anew by the watching collector, some rows.
CREATE TABLE standstill (
    saga_type     TEXT    NOT NULL,
    -- The step behind which sagas wait; empty at the start of a saga.
    after_step    TEXT    NOT NULL,
    step          TEXT    NOT NULL,
    sagas         INTEGER NOT NULL,
    since         INTEGER NOT NULL,
    usual_p50_ms  INTEGER NOT NULL,
    others_p50_ms INTEGER,
    PRIMARY KEY (saga_type, after_step, step)
) WITHOUT ROWID;
