-- What each webhook is sent: one row for each occurrence, which is made once and leaves some days after it was delivered.
CREATE TABLE webhook_delivery (
    -- A hash of the webhook and the occurrence, by which receivers know what comes again.
    id          text COLLATE "C" NOT NULL PRIMARY KEY,
    webhook     text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    saga_id     text COLLATE "C" NOT NULL,
    -- When it happened by the saga's events: when it was due, or failed.
    occurred_at timestamptz      NOT NULL,
    -- What is sent, as JSON, without what an erasure must reach.
    content     text             NOT NULL,
    state       text COLLATE "C" NOT NULL DEFAULT 'PENDING',
    created_at  timestamptz      NOT NULL,
    attempts    bigint           NOT NULL DEFAULT 0,
    -- When it may be sent next: later than now while somebody is sending it.
    next_at     timestamptz      NOT NULL,
    last_error  text,
    done_at     timestamptz,
    UNIQUE (webhook, kind, saga_id, occurred_at)
);
CREATE INDEX webhook_delivery_pending ON webhook_delivery (webhook, next_at, created_at) WHERE state = 'PENDING';
CREATE INDEX webhook_delivery_done ON webhook_delivery (done_at) WHERE done_at IS NOT NULL;

-- Since when a webhook asks for a kind: what happened before is not sent.
CREATE TABLE webhook_subscription (
    webhook text COLLATE "C" NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    since   timestamptz      NOT NULL,
    PRIMARY KEY (webhook, kind)
);

-- Sagas that failed, noted by the transaction of the batch while a webhook asks for failures, and taken from here soon after.
CREATE TABLE noted_failure (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    saga_id   text COLLATE "C" NOT NULL,
    failed_at timestamptz      NOT NULL,
    noted_at  timestamptz      NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
