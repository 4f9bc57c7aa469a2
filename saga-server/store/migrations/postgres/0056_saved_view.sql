-- Lists of sagas that a team gave a name: the query of each, as it stands in an address.
CREATE TABLE saved_view (
    name       text COLLATE "C" NOT NULL PRIMARY KEY,
    query      text             NOT NULL,
    -- The type that the query asks for; without one, for readers of all types.
    saga_type  text COLLATE "C",
    changed_at timestamptz      NOT NULL,
    changed_by text             NOT NULL
);
