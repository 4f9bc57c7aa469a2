-- Who takes care of the sagas of a job that acknowledges them, until when, and by which moment it was judged what is late; as JSON.
ALTER TABLE job ADD COLUMN care text;
