-- How far each partition of the topic is stored, as its consumer last saw it: a few rows, renewed every second in place.
CREATE TABLE ingest_progress (
    topic         text        NOT NULL,
    partition     int         NOT NULL,
    events_behind bigint      NOT NULL,
    -- Everything that was in the partition at this moment is stored.
    as_of         timestamptz,
    observed_at   timestamptz NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

-- Work that one collector of several does: who does it, and until when it is theirs without a further word.
CREATE TABLE lease (
    name       text        NOT NULL PRIMARY KEY,
    holder     text        NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Sagas that were reported as late, so that each is reported once, whoever watches.
CREATE TABLE reported_late (
    kind    text COLLATE "C" NOT NULL,
    saga_id text COLLATE "C" NOT NULL,
    due     timestamptz      NOT NULL,
    PRIMARY KEY (kind, saga_id)
);
