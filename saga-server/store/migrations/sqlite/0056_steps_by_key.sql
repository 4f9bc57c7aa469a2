-- The steps of a saga are found by their key, and sorted when they are read: hardly any saga has more than a few dozen.
DROP INDEX saga_steps_in_order;
