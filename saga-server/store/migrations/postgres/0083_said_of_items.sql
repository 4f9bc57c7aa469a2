-- What was said of a saga or a dead letter is found when it is erased; most items have no message.
CREATE INDEX job_item_said_of_saga ON job_item (saga_id) WHERE message IS NOT NULL AND saga_id IS NOT NULL;
CREATE INDEX job_item_said_of_letter ON job_item (letter_id) WHERE message IS NOT NULL AND letter_id IS NOT NULL;
