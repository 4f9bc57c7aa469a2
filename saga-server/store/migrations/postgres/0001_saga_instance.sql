-- One row for each saga: the fold of its steps, and what searches ask for. It can be rebuilt from saga_steps.
--
-- Ids are compared byte by byte, as the collector does, so that both agree on every order. Room is left on each page, so
-- that an update which changes no indexed column stays on its page and touches no index.
CREATE TABLE saga_instance (
    saga_id          text COLLATE "C" NOT NULL PRIMARY KEY,
    saga_type        text COLLATE "C" NOT NULL,
    order_id         text COLLATE "C" NOT NULL,
    current_status   text COLLATE "C" NOT NULL,
    last_step        text COLLATE "C" NOT NULL,
    last_trace_id    text COLLATE "C",
    started_at       timestamptz      NOT NULL,
    updated_at       timestamptz      NOT NULL,
    created_at       timestamptz      NOT NULL DEFAULT now(),
    -- Only of a saga that has ended.
    ended_at         timestamptz,
    failed_step      text COLLATE "C",
    failure_reason   text COLLATE "C",
    -- Steps that still have to be undone, in forward order.
    outstanding      text[]           NOT NULL,
    anomalies        text[]           NOT NULL,
    -- What is owed next, by whom, and until when.
    awaited_step     text COLLATE "C",
    awaited_service  text COLLATE "C",
    awaited_deadline timestamptz,
    event_count      bigint           NOT NULL,
    -- Rises by one with each change; a writer that saw another version has lost.
    version          bigint           NOT NULL,
    -- The fold of the steps, as text that only the collector reads.
    fold             text             NOT NULL
) WITH (fillfactor = 80);
