-- Lists of sagas that a team gave a name: the query of each, as it stands in an address.
CREATE TABLE saved_view (
    name       TEXT    NOT NULL PRIMARY KEY,
    query      TEXT    NOT NULL,
    -- The type that the query asks for; without one, for readers of all types.
    saga_type  TEXT,
    changed_at INTEGER NOT NULL,
    changed_by TEXT    NOT NULL
) WITHOUT ROWID;
