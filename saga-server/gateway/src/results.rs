//! What callers are answered: a result for each event, and how all of them are together.

use saga_sdk::DropReason;
use serde::Serialize;
use utoipa::ToSchema;

use crate::publish::Delivery;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = EventOutcome)]
pub enum Outcome {
    /// The broker has acknowledged it.
    Accepted,
    /// The same event stands before it in the same body.
    Duplicate,
    /// No rule of the mapping takes it: it is nothing of a saga.
    Ignored,
    /// It is no event by the rules; sending it again changes nothing.
    Refused,
    /// The caller may not record it.
    Forbidden,
    /// It was not sent, since too much is waiting for the broker. Send it again later.
    Busy,
    /// It was not sent, since the broker or the topic does not take it at the moment. Send it again later.
    NotSent,
    /// No acknowledgement came in time: it may be stored. Send it again, with the same id: it is stored once.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Duplicate,
        Self::Ignored,
        Self::Refused,
        Self::Forbidden,
        Self::Busy,
        Self::NotSent,
        Self::Unknown,
    ];

    /// As a label, such as `not_sent`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
            Self::Forbidden => "forbidden",
            Self::Busy => "busy",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
        }
    }
}

/// The result of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventResult {
    /// Its place in the body, from 0.
    pub index: usize,
    /// Its id, also where the envelope gave it; null when it could not be read.
    pub event_id: Option<String>,
    /// Its saga; null when it could not be read.
    pub saga_id: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, when it was not accepted.
    pub reason: Option<String>,
}

/// How all events of a body are together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What is to be stored is, and no other can be by sending it again.
    Done,
    /// None is stored, and each is wrong.
    AllRefused,
    /// None is stored, and the caller may not record any that is right.
    AllForbidden,
    /// Some are to be sent again: too much is waiting.
    Busy,
    /// Some are to be sent again: the broker is unavailable, or did not answer.
    Unavailable,
}

/// How all of them are together: what is to be sent again comes first.
#[must_use]
pub fn verdict(results: &[EventResult]) -> Verdict {
    let has = |outcome| results.iter().any(|result| result.outcome == outcome);
    if has(Outcome::NotSent) || has(Outcome::Unknown) {
        Verdict::Unavailable
    } else if has(Outcome::Busy) {
        Verdict::Busy
    } else if has(Outcome::Accepted)
        || has(Outcome::Ignored) && !has(Outcome::Refused) && !has(Outcome::Forbidden)
    {
        Verdict::Done
    } else if has(Outcome::Forbidden) {
        Verdict::AllForbidden
    } else {
        Verdict::AllRefused
    }
}

/// What the broker's word means for the caller.
pub(crate) fn outcome_of(delivery: Delivery) -> (Outcome, Option<&'static str>) {
    match delivery {
        Delivery::Acknowledged => (Outcome::Accepted, None),
        Delivery::NotSent(DropReason::QueueFull) => (
            Outcome::Busy,
            Some("too much is waiting for the broker: send it again later"),
        ),
        Delivery::NotSent(DropReason::TooLarge) => (
            Outcome::Refused,
            Some("the event is larger than the topic allows"),
        ),
        Delivery::NotSent(DropReason::Refused) => (
            Outcome::NotSent,
            Some("the broker does not take it: the topic is missing or closed to the gateway"),
        ),
        Delivery::NotSent(_) => (
            Outcome::NotSent,
            Some("the broker is not available at the moment: send it again later"),
        ),
        Delivery::Unknown => (
            Outcome::Unknown,
            Some(
                "the broker did not acknowledge it in time, so it may be stored: send it again with the same id",
            ),
        ),
    }
}
