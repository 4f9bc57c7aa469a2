-- The collectors that run, each with what all must have in common: a few rows, renewed every ten seconds.
CREATE TABLE collector (
    id          TEXT    NOT NULL PRIMARY KEY,
    definitions TEXT    NOT NULL,
    redaction   TEXT    NOT NULL,
    tables      INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
);
