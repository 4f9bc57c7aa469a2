-- What batches showed of those who record events, and how many of their events were stored; brought together every few
-- seconds. Times are milliseconds since 1970.
CREATE TABLE producer_change (
    change TEXT NOT NULL
);

-- Services, and how much they record. The detail is JSON.
CREATE TABLE producer_service (
    service    TEXT    NOT NULL PRIMARY KEY,
    -- When something was last noted of it.
    changed_at INTEGER NOT NULL,
    detail     TEXT    NOT NULL
);

-- Their running instances, and which numbers of their events came. Some thousand rows at most.
CREATE TABLE producer_instance (
    service   TEXT    NOT NULL,
    -- Empty for events that name none.
    instance  TEXT    NOT NULL,
    last_seen INTEGER NOT NULL,
    -- What is missing can be judged some time after this moment; null when nothing is.
    marked_at INTEGER,
    lost      INTEGER NOT NULL,
    detail    TEXT    NOT NULL,
    -- The numbers that came and are not judged yet, as a compressed bitmap.
    open      BLOB    NOT NULL,
    PRIMARY KEY (service, instance)
);

-- How many events were found missing, ever, by the services' names. It only grows.
CREATE TABLE producer_lost (
    service TEXT    NOT NULL PRIMARY KEY,
    events  INTEGER NOT NULL
);

-- Instances that began to count later than this are known from their first event.
CREATE TABLE producer_watch (
    only_one    INTEGER NOT NULL PRIMARY KEY DEFAULT 1 CHECK (only_one = 1),
    whole_since INTEGER NOT NULL
);
INSERT INTO producer_watch (whole_since) VALUES (CAST(unixepoch('subsec') * 1000 AS INTEGER));
