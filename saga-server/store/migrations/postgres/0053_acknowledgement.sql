-- That somebody takes care of a saga, a dead letter or a group of failures, until a moment. Whether that still holds, and whether
-- the thing became worse, is found by comparing what was seen then with what is now. Rows are removed once their time is over.
CREATE TABLE acknowledgement (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- One of three. A group may be acknowledged for one saga type ('' stands for all types).
    saga_id         text COLLATE "C" UNIQUE,
    letter_id       bigint UNIQUE,
    failure_group   text COLLATE "C",
    group_type      text COLLATE "C" NOT NULL DEFAULT '',
    acknowledged_at timestamptz      NOT NULL,
    acknowledged_by text             NOT NULL,
    assignee        text             NOT NULL,
    note            text             NOT NULL,
    ends_at         timestamptz      NOT NULL,
    -- What was seen: of a saga its status, whether it was late and with which deadline, its failed steps and pending compensations;
    -- of a group how many of its sagas started since a moment.
    seen_status     text COLLATE "C",
    seen_late       boolean          NOT NULL DEFAULT false,
    seen_due        timestamptz,
    seen_owed       bigint           NOT NULL DEFAULT 0,
    seen_from       timestamptz,
    seen_failures   bigint           NOT NULL DEFAULT 0,
    CHECK (num_nonnulls(saga_id, letter_id, failure_group) = 1)
);
CREATE UNIQUE INDEX acknowledgement_group ON acknowledgement (failure_group, group_type) WHERE failure_group IS NOT NULL;
CREATE INDEX acknowledgement_ends ON acknowledgement (ends_at);
