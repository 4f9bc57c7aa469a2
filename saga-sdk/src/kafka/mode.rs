//! The two publish modes, as the completion that librdkafka carries along with a record.
//!
//! The asynchronous mode carries nothing, so it allocates nothing for it.

use std::{sync::Arc, time::Duration};

use rdkafka::util::IntoOpaque;
use saga_types::SagaEvent;
use tokio::sync::oneshot;

use super::clock::Clock;
use crate::{DropReason, RecordError, Recording};

/// Why an event was dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    pub(super) reason: DropReason,
    pub(super) is_possibly_persisted: bool,
}

impl Loss {
    fn into_error(self, event: SagaEvent) -> RecordError {
        let event = Box::new(event);
        if self.is_possibly_persisted {
            RecordError::Unconfirmed { event }
        } else {
            RecordError::NotSent {
                reason: self.reason,
                event,
            }
        }
    }
}

/// How a record call gets the delivery report of its event.
pub(super) trait Mode: Send + Sync + 'static {
    /// Carried by the record and settled by its delivery report.
    type Completion: IntoOpaque;
    /// Stays with the caller.
    type Wait;

    fn completion() -> (Self::Completion, Self::Wait);
    fn settle(completion: Self::Completion, outcome: Result<(), Loss>);
    /// What the caller gets for an event that was enqueued or buffered.
    fn recording(wait: Self::Wait, event: SagaEvent, deadline: Duration, clock: &Arc<Clock>) -> Recording;
    /// What the caller gets for an event that was not.
    fn refused(loss: Loss, event: SagaEvent) -> Recording;
}

/// The caller does not wait.
pub(super) struct Asynchronous;

impl Mode for Asynchronous {
    type Completion = ();
    type Wait = ();

    fn completion() -> ((), ()) {
        ((), ())
    }

    fn settle((): (), _outcome: Result<(), Loss>) {}

    fn recording((): (), _event: SagaEvent, _deadline: Duration, _clock: &Arc<Clock>) -> Recording {
        Recording::done()
    }

    fn refused(_loss: Loss, _event: SagaEvent) -> Recording {
        Recording::done()
    }
}

/// The caller waits for the acknowledgement.
pub(super) struct Synchronous;

type Outcome = Result<(), Loss>;

impl Mode for Synchronous {
    type Completion = Box<oneshot::Sender<Outcome>>;
    type Wait = oneshot::Receiver<Outcome>;

    fn completion() -> (Self::Completion, Self::Wait) {
        let (sender, receiver) = oneshot::channel();
        (Box::new(sender), receiver)
    }

    fn settle(completion: Self::Completion, outcome: Outcome) {
        // The caller may have stopped waiting; the event is counted in any case.
        let _ = completion.send(outcome);
    }

    fn recording(wait: Self::Wait, event: SagaEvent, deadline: Duration, clock: &Arc<Clock>) -> Recording {
        let outcome = clock.timeout(deadline, wait);
        Recording::waiting(async move {
            match outcome.await {
                Some(Ok(Ok(()))) => Ok(()),
                Some(Ok(Err(loss))) => Err(loss.into_error(event)),
                // The deadline has passed, or the client was dropped before the delivery report.
                None | Some(Err(_)) => Err(RecordError::Unconfirmed {
                    event: Box::new(event),
                }),
            }
        })
    }

    fn refused(loss: Loss, event: SagaEvent) -> Recording {
        Recording::failed(loss.into_error(event))
    }
}
