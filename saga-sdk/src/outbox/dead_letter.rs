//! Events of the outbox that can never be published.

use std::time::Duration;

/// An event that the relay has set aside, because it cannot be read or is larger than Kafka takes. The events of its saga
/// behind it go on without it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// Its place in the order of insertion, by which it is put back.
    pub position: i64,
    /// Whose event it is.
    pub saga_id: String,
    /// The encoded event.
    pub event: Vec<u8>,
    /// Why it cannot be published.
    pub failure: String,
    /// How long ago it was set aside.
    pub age: Duration,
}

/// A dead letter as the databases give it, the age in milliseconds.
pub(super) type Columns = (i64, String, Vec<u8>, String, i64);

impl From<Columns> for DeadLetter {
    fn from((position, saga_id, event, failure, age_ms): Columns) -> Self {
        Self {
            position,
            saga_id,
            event,
            failure,
            age: Duration::from_millis(u64::try_from(age_ms).unwrap_or_default()),
        }
    }
}
