-- That somebody takes care of a saga, a dead letter or a group of failures, until a moment. Whether that still holds, and whether
-- the thing became worse, is found by comparing what was seen then with what is now. Rows are removed once their time is over.
CREATE TABLE acknowledgement (
    -- Never used again, so that a page that somebody still looks at replaces the right one.
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- One of three. A group may be acknowledged for one saga type ('' stands for all types).
    saga_id         TEXT UNIQUE,
    letter_id       INTEGER UNIQUE,
    failure_group   TEXT,
    group_type      TEXT    NOT NULL DEFAULT '',
    acknowledged_at INTEGER NOT NULL,
    acknowledged_by TEXT    NOT NULL,
    assignee        TEXT    NOT NULL,
    note            TEXT    NOT NULL,
    ends_at         INTEGER NOT NULL,
    -- What was seen: of a saga its status, whether it was late and with which deadline, its failed steps and pending compensations;
    -- of a group how many of its sagas started since a moment.
    seen_status     TEXT,
    seen_late       BOOLEAN NOT NULL DEFAULT false,
    seen_due        INTEGER,
    seen_owed       INTEGER NOT NULL DEFAULT 0,
    seen_from       INTEGER,
    seen_failures   INTEGER NOT NULL DEFAULT 0,
    CHECK ((saga_id IS NOT NULL) + (letter_id IS NOT NULL) + (failure_group IS NOT NULL) = 1)
);
CREATE UNIQUE INDEX acknowledgement_group ON acknowledgement (failure_group, group_type) WHERE failure_group IS NOT NULL;
CREATE INDEX acknowledgement_ends ON acknowledgement (ends_at);
