//! What a service has left in its outbox.

use std::time::Duration;

use saga_sdk::outbox::{OutboxPool, Relay};

use crate::Recorder;

/// Nothing but the database is waited for, and faults that a test has asked for.
const WITHIN: Duration = Duration::from_secs(20);

impl Recorder {
    /// Publishes what committed transactions have left in the outbox into this recorder, in the order of a relay. What was
    /// rolled back is not there. No relay of the test's own may be at work meanwhile.
    ///
    /// The events name the service that the outbox names, not this recorder's.
    ///
    /// # Panics
    ///
    /// When an event cannot be read, or is not taken within 20 seconds since faults refuse it; names the reason.
    pub fn drain<P: OutboxPool>(&self, pool: &P) -> impl Future<Output = ()> + Send {
        let relay = Relay::new(pool.clone(), self.client());
        async move {
            let backlog = relay.drain(WITHIN).await.expect("the outbox can be read");
            let dead_letters = relay.dead_letters(3).await.expect("the outbox can be read");
            assert!(
                dead_letters.is_empty(),
                "dead letters in the outbox: {dead_letters:?}"
            );
            assert_eq!(
                backlog.pending, 0,
                "events are left in the outbox: the recorder refuses them, or another relay is at work"
            );
        }
    }
}
