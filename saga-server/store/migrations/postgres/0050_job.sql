-- Jobs: one operation on many sagas or dead letters. What a job is about is stored when it is created; each item is then done by
-- the transaction that stores its result.
CREATE TABLE job (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action      text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    -- The status that sagas are given, where it is the same for all of them.
    target      text COLLATE "C",
    note        text,
    -- As it was asked for, as JSON.
    selection   text             NOT NULL,
    -- Who asked, and the saga types that they may see as JSON; none for all types.
    actor       text COLLATE "C" NOT NULL,
    role        text COLLATE "C",
    way         text COLLATE "C" NOT NULL,
    address     text,
    scope       text,
    -- By which a request that comes again is known: the preview and the caller's own key. And a hash of what was asked for.
    token       text COLLATE "C" UNIQUE,
    request_key text COLLATE "C" UNIQUE,
    request     text COLLATE "C" NOT NULL,
    -- The job that this one reverts.
    reverts     bigint REFERENCES job (id) ON DELETE SET NULL,
    created_at  timestamptz      NOT NULL,
    started_at  timestamptz,
    -- When it last did something.
    moved_at    timestamptz      NOT NULL,
    finished_at timestamptz,
    items       bigint           NOT NULL DEFAULT 0,
    changed     bigint           NOT NULL DEFAULT 0,
    unchanged   bigint           NOT NULL DEFAULT 0,
    refused     bigint           NOT NULL DEFAULT 0,
    failed      bigint           NOT NULL DEFAULT 0
);
CREATE INDEX job_active ON job (id) WHERE state IN ('WAITING', 'RUNNING', 'STOPPING');
CREATE INDEX job_reverts ON job (reverts) WHERE reverts IS NOT NULL;
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE job_item (
    job_id    bigint           NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number    bigint           NOT NULL,
    saga_id   text COLLATE "C",
    saga_type text COLLATE "C",
    letter_id bigint,
    -- Its state when the job was created, and then just before it was changed; what it is to be; what it was after that.
    before    text COLLATE "C",
    target    text COLLATE "C",
    after     text COLLATE "C",
    -- None while it is not done.
    result    text COLLATE "C",
    message   text,
    done_at   timestamptz,
    PRIMARY KEY (job_id, number)
);
CREATE INDEX job_item_result ON job_item (job_id, result, number);

-- The types of a job's sagas, by which readers see it; an empty one stands for a type that is not known.
CREATE TABLE job_saga_type (
    job_id    bigint           NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    saga_type text COLLATE "C" NOT NULL,
    PRIMARY KEY (job_id, saga_type)
);
