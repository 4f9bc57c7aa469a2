-- Dead letters by cause (reason, message without what differs from letter to letter, producer), by the order that their bytes
-- name, and by the words of their message and ids. Letters that are there already get theirs in the background.
ALTER TABLE dead_letter ADD COLUMN cause text COLLATE "C";
ALTER TABLE dead_letter ADD COLUMN order_id text COLLATE "C";
CREATE INDEX dead_letter_cause ON dead_letter (cause, dead_since, id);
CREATE INDEX dead_letter_order ON dead_letter (order_id, dead_since, id) WHERE order_id IS NOT NULL;
CREATE TABLE dead_letter_word (
    word      text COLLATE "C" NOT NULL,
    letter_id bigint           NOT NULL REFERENCES dead_letter ON DELETE CASCADE,
    PRIMARY KEY (word, letter_id)
);
CREATE INDEX dead_letter_word_letter ON dead_letter_word (letter_id, word);
