-- The collectors that run, each with what all must have in common: a few rows, renewed every ten seconds in place.
CREATE TABLE collector (
    id          text        NOT NULL PRIMARY KEY,
    definitions text        NOT NULL,
    redaction   text        NOT NULL,
    tables      bigint      NOT NULL,
    expires_at  timestamptz NOT NULL
) WITH (fillfactor = 50);
