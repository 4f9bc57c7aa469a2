-- Dead letters are counted by cause and by reason, in each state, from indexes alone.
CREATE INDEX dead_letter_cause_state ON dead_letter (cause, state, dead_since);
CREATE INDEX dead_letter_reason_state ON dead_letter (reason, state, dead_since);
CREATE INDEX dead_letter_failed_again ON dead_letter (cause, state, dead_since, attempts) WHERE attempts > 0;
