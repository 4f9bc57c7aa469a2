//! How a relay works, as far as a service may choose.

use std::time::Duration;

/// How a relay works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayOptions {
    /// How many events are published at once; 500.
    pub batch: u32,
    /// How long to wait when there is nothing to do; 200 ms.
    pub poll_interval: Duration,
    /// How long a relay that was killed keeps the others waiting; 10 s. A batch that takes longer is published by
    /// another one too, so its events come twice.
    pub lease: Duration,
    /// How long to wait at most after a failure, doubled with each further one; 200 ms. The wait itself is random, so that
    /// replicas do not retry together.
    pub first_back_off: Duration,
    /// How long to wait after failures at most; 10 s.
    pub longest_back_off: Duration,
    /// How often an event that is larger than Kafka takes is tried before it becomes a dead letter; 10.
    pub max_attempts: u32,
    /// How long published events are kept; a day.
    pub retention: Duration,
    /// How long the relay may go on publishing when it is to end; 5 s.
    pub drain: Duration,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            batch: 500,
            poll_interval: Duration::from_millis(200),
            lease: Duration::from_secs(10),
            first_back_off: Duration::from_millis(200),
            longest_back_off: Duration::from_secs(10),
            max_attempts: 10,
            retention: Duration::from_secs(24 * 60 * 60),
            drain: Duration::from_secs(5),
        }
    }
}
