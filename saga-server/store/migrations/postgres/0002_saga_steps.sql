-- Every step as it was recorded: the truth, append-only. No foreign key to saga_instance: it would halve the rate of
-- inserts, and both are written in one transaction anyway.
CREATE TABLE saga_steps (
    id               bigint GENERATED ALWAYS AS IDENTITY,
    saga_id          text COLLATE "C" NOT NULL,
    event_id         text COLLATE "C" NOT NULL,
    saga_type        text COLLATE "C" NOT NULL,
    order_id         text COLLATE "C" NOT NULL,
    step             text COLLATE "C" NOT NULL,
    status           text COLLATE "C" NOT NULL,
    producer_service text COLLATE "C",
    trace_id         text COLLATE "C",
    metadata         jsonb,
    recorded_at      timestamptz      NOT NULL,
    event_timestamp  timestamptz      NOT NULL,
    created_at       timestamptz      NOT NULL DEFAULT now(),
    -- Decides who stores an event when two writers have it.
    PRIMARY KEY (saga_id, event_id)
);
