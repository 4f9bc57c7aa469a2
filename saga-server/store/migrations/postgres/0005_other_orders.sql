-- Business keys that events of a saga named beside the saga's own. Hardly any saga has one, so this is cheaper than an
-- index over all steps.
CREATE TABLE saga_other_order (
    order_id text COLLATE "C" NOT NULL,
    saga_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (order_id, saga_id)
);
