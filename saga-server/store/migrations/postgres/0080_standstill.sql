-- Waits that are longer than ever, of which no saga can be judged alone: written anew by the collector that watches, some rows.
CREATE TABLE standstill (
    saga_type     text        NOT NULL,
    -- The step behind which sagas wait; empty at the start of a saga.
    after_step    text        NOT NULL,
    step          text        NOT NULL,
    sagas         bigint      NOT NULL,
    since         timestamptz NOT NULL,
    usual_p50_ms  bigint      NOT NULL,
    others_p50_ms bigint,
    PRIMARY KEY (saga_type, after_step, step)
);
