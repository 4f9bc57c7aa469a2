-- Business keys that events of a saga named beside the saga's own. Hardly any saga has one.
CREATE TABLE saga_other_order (
    order_id TEXT NOT NULL,
    saga_id  TEXT NOT NULL,
    PRIMARY KEY (order_id, saga_id)
) WITHOUT ROWID;
