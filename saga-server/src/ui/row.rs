//! One saga in a list: where it stands and what is needed now.

use saga_types::{SagaStatus, Timestamp, fold::SagaState};

use super::{
    page::Badge,
    search::{encoded, saga_path},
    words::{Moment, length, list, roughly, short},
};

/// One saga in a list.
pub(super) struct Row {
    pub(super) badge: Badge,
    pub(super) saga_id: String,
    pub(super) short_id: String,
    pub(super) path: String,
    pub(super) saga_type: String,
    pub(super) order_id: String,
    pub(super) short_order: String,
    pub(super) order_path: String,
    pub(super) what_now: WhatNow,
    pub(super) services: String,
    pub(super) started: Moment,
}

/// What is needed now, or how it ended.
pub(super) struct WhatNow {
    pub(super) words: String,
    /// The reason of a failure.
    pub(super) reason: Option<String>,
    /// Effects that still have to be undone, and by whom.
    pub(super) owed: Vec<Owed>,
    /// How late it is.
    pub(super) overdue: Option<String>,
}

/// An effect that still has to be undone.
pub(super) struct Owed {
    pub(super) effect: String,
    pub(super) owner: String,
}

impl Row {
    pub(super) fn new(saga: SagaState, now: Timestamp) -> Self {
        Self {
            badge: saga.current_status.into(),
            short_id: short(&saga.saga_id),
            path: saga_path(&saga.saga_id),
            saga_type: saga.saga_type.to_string(),
            short_order: short(&saga.order_id),
            order_path: format!("/sagas?orderId={}", encoded(&saga.order_id)),
            what_now: WhatNow::of(&saga, now),
            services: list(&saga.services),
            started: Moment::new(saga.started_at, now),
            order_id: saga.order_id.into(),
            saga_id: saga.saga_id.into(),
        }
    }
}

impl WhatNow {
    pub(super) fn of(saga: &SagaState, now: Timestamp) -> Self {
        let words = match saga.current_status {
            SagaStatus::Started | SagaStatus::InProgress => under_way(saga, now),
            SagaStatus::Completed => format!("took {}", length(saga.duration_ms.unwrap_or_default())),
            SagaStatus::Failed | SagaStatus::Compensated => match &saga.failed_step {
                Some(step) => format!("failed at {step}"),
                None => format!("ended with {}", saga.last_step),
            },
        };
        Self {
            words,
            reason: saga.failure_reason.clone(),
            owed: owed(saga),
            overdue: overdue(saga, now),
        }
    }
}

fn under_way(saga: &SagaState, now: Timestamp) -> String {
    let age = |since| roughly(now.millis_since(since).max(0));
    match saga.awaiting.first() {
        Some(next) => {
            let owner = next.service.as_deref().unwrap_or("an unnamed service");
            format!("awaits {} from {owner} for {}", next.step, age(next.since))
        }
        None => format!("at {} for {}", saga.last_step, age(saga.updated_at)),
    }
}

fn owed(saga: &SagaState) -> Vec<Owed> {
    saga.outstanding_compensations
        .iter()
        .zip(&saga.awaiting)
        .map(|(effect, awaiting)| Owed {
            effect: effect.to_string(),
            owner: awaiting
                .service
                .clone()
                .unwrap_or_else(|| "an unnamed service".to_owned()),
        })
        .collect()
}

/// By how much the latest of what is awaited is late.
pub(super) fn overdue(saga: &SagaState, now: Timestamp) -> Option<String> {
    let deadline = saga
        .awaiting
        .iter()
        .filter_map(|awaiting| awaiting.deadline)
        .min()?;
    let late = now.millis_since(deadline);
    (late > 0).then(|| roughly(late))
}
