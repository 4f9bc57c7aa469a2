//! The answer: a saga's state, in the form that REST and the `fold` command give it.

use serde::{Deserialize, Serialize};

use crate::{OrderId, SagaId, SagaStatus, SagaType, Step, Timestamp};

/// The state of a saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SagaState {
    /// The saga.
    pub saga_id: SagaId,
    /// Its type, as the first event says.
    pub saga_type: SagaType,
    /// Its business key, as the first event says.
    pub order_id: OrderId,
    /// The saga that it is a part of, as the first event says that names one.
    pub parent_saga_id: Option<SagaId>,
    /// Its status.
    pub current_status: SagaStatus,
    /// The step of the last event.
    pub last_step: Step,
    /// The trace of the last event that has one.
    pub last_trace_id: Option<String>,
    /// When the first event was recorded.
    pub started_at: Timestamp,
    /// When the last event was recorded.
    pub updated_at: Timestamp,
    /// How many distinct events it has.
    pub step_count: u64,
    /// When the event that ended it was recorded; only when it has ended.
    pub ended_at: Option<Timestamp>,
    /// Milliseconds from start to end; only when it has ended, and not when an override ended it.
    pub duration_ms: Option<i64>,
    /// The step that failed first, the root cause; only when failed or compensated.
    pub failed_step: Option<Step>,
    /// Why it failed, if the event has a reason.
    pub failure_reason: Option<String>,
    /// Steps whose effect still has to be undone, in forward order; only when failed.
    pub outstanding_compensations: Vec<Step>,
    /// What is owed next, and by whom; only with a definition. More than one entry where the path forks or has a choice.
    pub awaiting: Vec<Awaiting>,
    /// The services that recorded steps, sorted.
    pub services: Vec<String>,
    /// One sentence: what happened, what is awaited or owed, by whom, since when.
    pub summary: String,
    /// What is odd about the events, sorted by name.
    pub anomalies: Vec<Anomaly>,
}

/// A step that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Awaiting {
    /// The step.
    pub step: Step,
    /// The service that owns it, if the definition says.
    pub service: Option<String>,
    /// The choice that the step is an alternative of: one of the awaited steps of the same choice is enough.
    pub choice: Option<String>,
    /// Since when it is owed.
    pub since: Timestamp,
    /// When it is late; none without a limit. A limit on a later step counts too, since it cannot begin before this one is done.
    pub deadline: Option<Timestamp>,
}

impl SagaState {
    /// The awaited step that is late first, or the first one when none has a limit.
    #[must_use]
    pub fn most_urgent(&self) -> Option<&Awaiting> {
        let with_deadline = self
            .awaiting
            .iter()
            .filter(|awaiting| awaiting.deadline.is_some());
        with_deadline
            .min_by_key(|awaiting| awaiting.deadline)
            .or(self.awaiting.first())
    }
}

impl Awaiting {
    /// Who has to act, for people: the service, or words in its place.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.service.as_deref().unwrap_or("an unnamed service")
    }
}

/// What can be odd about the events of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Anomaly {
    /// The saga is completed, yet its last event is another one.
    EventAfterCompletion,
    /// Events name different business keys.
    OrderIdMismatch,
    /// The status was overridden by an event that a service recorded, which no operator's correction is.
    OverrideFromTopic,
    /// Events name different types.
    SagaTypeMismatch,
    /// A step is not named by the definition.
    UnknownStep,
}

impl Anomaly {
    /// All anomalies, sorted by name.
    pub const ALL: [Self; 5] = [
        Self::EventAfterCompletion,
        Self::OrderIdMismatch,
        Self::OverrideFromTopic,
        Self::SagaTypeMismatch,
        Self::UnknownStep,
    ];

    /// The name, such as `UNKNOWN_STEP`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventAfterCompletion => "EVENT_AFTER_COMPLETION",
            Self::OrderIdMismatch => "ORDER_ID_MISMATCH",
            Self::OverrideFromTopic => "OVERRIDE_FROM_TOPIC",
            Self::SagaTypeMismatch => "SAGA_TYPE_MISMATCH",
            Self::UnknownStep => "UNKNOWN_STEP",
        }
    }
}
