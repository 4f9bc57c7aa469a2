//! Events to the topic, sent until each is acknowledged or refused.

use std::sync::Arc;

use saga_types::SagaEvent;
use tokio_util::sync::CancellationToken;

use super::{Publication, PublishEvents};
use crate::{
    backoff::Backoff,
    ingest::rejection::Rejection,
    kafka::status::{ConsumerStatus, Stage},
};

/// An event, with the place of its record in the batch.
pub(super) type PlacedEvent = (usize, SagaEvent);

/// Sends events until the broker has acknowledged them, and gives those that the topic never takes. `None` when cancelled
/// before.
pub(super) async fn until_acknowledged(
    publisher: &dyn PublishEvents,
    mut left: Vec<PlacedEvent>,
    status: &Arc<ConsumerStatus>,
    stop: &CancellationToken,
) -> Option<Vec<(usize, Rejection)>> {
    let mut refused = Vec::new();
    let mut backoff = Backoff::new();
    while !left.is_empty() {
        let events = left.iter().map(|(_, event)| event.clone()).collect();
        let published = publisher.publish(events).await;
        let mut again = Vec::new();
        let mut why = None;
        for (placed, publication) in left.into_iter().zip(published) {
            match publication {
                Publication::Acknowledged => {}
                Publication::Refused(reason) => refused.push((placed.0, Rejection::too_large(reason))),
                Publication::SendAgain(reason) => {
                    why.get_or_insert(reason);
                    again.push(placed);
                }
            }
        }
        left = again;
        if let Some(reason) = why {
            tracing::debug!(
                reason,
                events = left.len(),
                "events of a source not published, retrying"
            );
            status.waits(Stage::EventTopic, format!("events cannot be published: {reason}"));
            if !backoff.wait(stop).await {
                return None;
            }
        }
    }
    status.goes_on(Stage::EventTopic);
    Some(refused)
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use parking_lot::Mutex;
    use saga_types::Timestamp;

    use super::*;
    use crate::test_events::created;

    /// Gives the answer of the script to each call, and keeps what was sent.
    #[derive(Default)]
    struct Scripted {
        answers: Mutex<Vec<Vec<Publication>>>,
        sent: Mutex<Vec<Vec<String>>>,
    }

    impl PublishEvents for Scripted {
        fn publish(&self, events: Vec<SagaEvent>) -> BoxFuture<'_, Vec<Publication>> {
            let ids = events.iter().map(|event| event.event_id.as_str().to_owned());
            self.sent.lock().push(ids.collect());
            let answer = self.answers.lock().remove(0);
            Box::pin(async move { answer })
        }
    }

    fn event(id: &str) -> SagaEvent {
        created(id, Timestamp::now())
    }

    fn again() -> Publication {
        Publication::SendAgain("no broker".to_owned())
    }

    #[tokio::test]
    async fn what_is_not_acknowledged_is_sent_again_and_nothing_else() {
        let publisher = Scripted::default();
        let refused = Publication::Refused("too large".to_owned());
        *publisher.answers.lock() = vec![
            vec![Publication::Acknowledged, again(), refused],
            vec![again()],
            vec![Publication::Acknowledged],
        ];
        let events = ["a", "b", "c"].map(event);
        let placed = (4..).zip(events).collect();
        let left = until_acknowledged(&publisher, placed, &Arc::default(), &CancellationToken::new()).await;
        let left = left.unwrap();
        assert_eq!((left.len(), left[0].0, left[0].1.kind), (1, 6, "EVENT_TOO_LARGE"));
        assert_eq!(
            *publisher.sent.lock(),
            [vec!["a", "b", "c"], vec!["b"], vec!["b"]]
        );
    }

    #[tokio::test]
    async fn a_stop_leaves_what_is_not_acknowledged_for_the_next_start() {
        let publisher = Scripted::default();
        *publisher.answers.lock() = vec![vec![again()]];
        let stop = CancellationToken::new();
        stop.cancel();
        let left = until_acknowledged(&publisher, vec![(0, event("a"))], &Arc::default(), &stop).await;
        assert_eq!(left, None);
    }
}
