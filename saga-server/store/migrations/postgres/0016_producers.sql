-- What batches showed of those who record events, and how many of their events were stored. Batches only add rows here, as
-- they do to saga_rollup_change, and for the same reason; one collector brings them together every few seconds.
CREATE TABLE producer_change (
    change text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Services, and how much they record. The detail is JSON.
CREATE TABLE producer_service (
    service    text COLLATE "C" NOT NULL PRIMARY KEY,
    -- When something was last noted of it.
    changed_at timestamptz      NOT NULL,
    detail     text             NOT NULL
) WITH (fillfactor = 50);

-- Their running instances, and which numbers of their events came. Some thousand rows at most.
CREATE TABLE producer_instance (
    service   text COLLATE "C" NOT NULL,
    -- Empty for events that name none.
    instance  text COLLATE "C" NOT NULL,
    last_seen timestamptz      NOT NULL,
    -- What is missing can be judged some time after this moment; null when nothing is.
    marked_at timestamptz,
    lost      bigint           NOT NULL,
    detail    text             NOT NULL,
    -- The numbers that came and are not judged yet, as a compressed bitmap.
    open      bytea            NOT NULL,
    PRIMARY KEY (service, instance)
) WITH (fillfactor = 50);

-- How many events were found missing, ever, by the services' names. It only grows.
CREATE TABLE producer_lost (
    service text   NOT NULL PRIMARY KEY,
    events  bigint NOT NULL
);

-- Instances that began to count later than this are known from their first event.
CREATE TABLE producer_watch (
    only_one    boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (only_one),
    whole_since timestamptz NOT NULL DEFAULT now()
);
INSERT INTO producer_watch DEFAULT VALUES;
