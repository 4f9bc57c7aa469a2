//! Why a client was not made, or a step not recorded.
//!
//! [`RecordError::Input`] is a mistake in the program and comes in both publish modes; the other
//! variants come only in synchronous mode, where the caller waits for the broker.

use saga_types::{MetadataError, NameError, SagaEvent, TimestampError};
use thiserror::Error;

use crate::DropReason;

/// What was wrong with the values of a call. Each variant names the field of the event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InputError {
    /// The saga id is empty, longer than 100 characters or holds a control character.
    #[error("sagaId {0}")]
    SagaId(#[source] NameError),
    /// The order id is empty, longer than 100 characters or holds a control character.
    #[error("orderId {0}")]
    OrderId(#[source] NameError),
    /// The event id is empty, longer than 100 characters or holds a control character.
    #[error("eventId {0}")]
    EventId(#[source] NameError),
    /// The saga type is not `UPPER_SNAKE_CASE`.
    #[error("sagaType {0}")]
    SagaType(#[source] NameError),
    /// The step is not `UPPER_SNAKE_CASE` or longer than 100 characters.
    #[error("step {0}")]
    Step(#[source] NameError),
    /// The metadata is not a JSON object within the limits: 32 KiB with what the SDK adds, 64 levels, no U+0000.
    #[error("metadata {0}")]
    Metadata(#[source] MetadataError),
    /// The moment of the step is not within the years 1 to 9999.
    #[error("recordedAt {0}")]
    RecordedAt(#[source] TimestampError),
    /// The trace is not 32 hex digits and the span is not 16, or either is all zeros.
    #[error(
        "trace {trace_id:?} with span {span_id:?} is not valid: give 32 and 16 hex digits, neither all zeros"
    )]
    Trace {
        /// The trace's id as given.
        trace_id: String,
        /// The span's id as given.
        span_id: String,
    },
}

/// Why a step was not recorded, or perhaps not.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The call's values were refused; nothing was sent. In both publish modes.
    #[error("invalid input: {0}")]
    Input(#[from] InputError),
    /// The event is definitely not on the topic. Only in synchronous mode.
    #[error("event {} was not sent: {reason}", event.event_id)]
    NotSent {
        /// What kept it back.
        reason: DropReason,
        /// The event, to be sent again with [`record_event`](crate::SagaTrackerClient::record_event).
        event: Box<SagaEvent>,
    },
    /// No acknowledgement came in time: the event may or may not be on the topic. Only in synchronous mode.
    ///
    /// Hand the event to [`record_event`](crate::SagaTrackerClient::record_event) to try again. It is the same event
    /// with the same id, so it counts once even when both attempts arrive.
    #[error("event {} was not acknowledged in time and is possibly on the topic", event.event_id)]
    Unconfirmed {
        /// The event as it was sent.
        event: Box<SagaEvent>,
    },
}

impl RecordError {
    /// The event that the error is about; none when it could not be built.
    #[must_use]
    pub fn event(&self) -> Option<&SagaEvent> {
        match self {
            Self::Input(_) => None,
            Self::NotSent { event, .. } | Self::Unconfirmed { event } => Some(event),
        }
    }

    /// The event that the error is about, to be recorded again.
    #[must_use]
    pub fn into_event(self) -> Option<SagaEvent> {
        match self {
            Self::Input(_) => None,
            Self::NotSent { event, .. } | Self::Unconfirmed { event } => Some(*event),
        }
    }
}

/// Why an enabled configuration did not give a client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A key is missing that an enabled tracker needs.
    #[error("{key} is missing: set it, or the variable {variable}")]
    Missing {
        /// The whole key.
        key: &'static str,
        /// The environment variable that sets it.
        variable: &'static str,
    },
    /// A key's value cannot be used.
    #[error("{key}: {problem}")]
    Invalid {
        /// The whole key.
        key: String,
        /// What is wrong, and what it should be. Never shows a secret.
        problem: String,
    },
    /// The configuration asks for something that was left out of this build.
    #[error("{what} is not part of this build: enable the feature `{feature}` of saga-sdk")]
    NotBuilt {
        /// What is asked for.
        what: String,
        /// The Cargo feature that brings it.
        feature: &'static str,
    },
    /// librdkafka refused to start.
    #[error("the Kafka client cannot start: {0}")]
    Kafka(String),
}

impl ConnectError {
    /// A value that cannot be used, of a key below `platform.saga`.
    pub(crate) fn invalid(key: &str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            key: format!("platform.saga.{key}"),
            problem: problem.into(),
        }
    }
}
