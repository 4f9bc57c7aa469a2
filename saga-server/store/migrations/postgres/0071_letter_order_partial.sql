-- Whether the order of a dead letter was read from broken bytes or by an assumed schema. Unknown of letters that are there already:
-- while metadata is hidden they are not found by their order.
ALTER TABLE dead_letter ADD COLUMN order_is_partial boolean;
