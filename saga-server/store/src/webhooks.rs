//! The port for webhooks: what happened to sagas, and what of it was delivered.
//!
//! Rule of thumb: a delivery is stored once for each webhook and occurrence, and stays pending until it was received or given up.
//! Sending is claimed for a period; a claim that ends without an answer is anybody's again, with the same id.
//!
//! | kind | occurrence | found |
//! | --- | --- | --- |
//! | stuck, compensation overdue | the saga is due since the same moment | among sagas that are late, from time to time |
//! | failed | the saga failed at the same moment, and was not failed before | by the transaction of the batch, see [`WebhookStore::note_failures`] |

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use saga_types::{SagaStatus, Timestamp, fold::SagaState};

use super::{Late, SagaChange, Scope, StoreError, texts::texts};

/// The part of a store that keeps what webhooks are sent.
#[async_trait]
pub trait WebhookStore: Send + Sync {
    /// Whether batches of this store note sagas that fail, from now on. At first they do not.
    fn note_failures(&self, wanted: bool);

    /// A webhook asks for kinds from a moment on, unless it did before; since when for each.
    async fn subscribe(
        &self,
        webhook: &str,
        kinds: &[NoticeKind],
        at: Timestamp,
    ) -> Result<Vec<(NoticeKind, Timestamp)>, StoreError>;

    /// Sagas that are late and of which the webhook has no delivery yet, those due longest first, with when they were due.
    async fn late_without_delivery(
        &self,
        query: &LateQuery<'_>,
    ) -> Result<Vec<(SagaState, Timestamp)>, StoreError>;

    /// Failures that were noted, in the order in which they were.
    async fn noted_failures(&self, limit: u32) -> Result<Vec<NotedFailure>, StoreError>;

    /// Stores deliveries, and takes the failures that were looked at from those that are noted, in one transaction. What is stored
    /// already stays as it is; how many were new.
    async fn add_deliveries(&self, new: &[NewDelivery], taken: &[i64]) -> Result<u64, StoreError>;

    /// Some deliveries that are due, those that are due longest before others, the oldest first. Nobody else is given them for the period, by the database's
    /// clock.
    async fn claim_deliveries(
        &self,
        webhook: &str,
        limit: u32,
        period: Duration,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Stores what came of an attempt. One that failed counts only while the claim is the attempt's own.
    async fn record_attempt(&self, delivery: &Delivery, outcome: &DeliveryOutcome) -> Result<(), StoreError>;

    /// Gives up deliveries that were made before a moment, at most `limit`; the webhook of each.
    async fn give_up_deliveries(&self, before: Timestamp, limit: u32) -> Result<Vec<String>, StoreError>;

    /// Pending deliveries, of one webhook or all, those that are due longest first.
    async fn pending_deliveries(
        &self,
        webhook: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// How many deliveries of each webhook are pending, and since when.
    async fn count_pending_deliveries(&self) -> Result<Vec<PendingDeliveries>, StoreError>;

    /// Removes deliveries that were done before a moment, and noted failures that nobody took since then, some at a time; how many.
    async fn remove_deliveries(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// A saga is past a limit, or waits longer than others ever did.
    Stuck,
    /// A saga failed, compensated since or not.
    Failed,
    /// A failed saga owes a compensation for too long.
    CompensationOverdue,
}

texts!(NoticeKind: Stuck = "STUCK", Failed = "FAILED", CompensationOverdue = "COMPENSATION_OVERDUE");

impl NoticeKind {
    /// In which way a saga is late; none for what is no lateness.
    #[must_use]
    pub const fn late(self) -> Option<Late> {
        match self {
            Self::Stuck => Some(Late::Stuck),
            Self::CompensationOverdue => Some(Late::Owing),
            Self::Failed => None,
        }
    }
}

/// Which late sagas are asked for.
#[derive(Debug, Clone)]
pub struct LateQuery<'a> {
    /// Of which there is no delivery to this webhook.
    pub webhook: &'a str,
    /// Of this kind, which is a lateness; others find nothing.
    pub kind: NoticeKind,
    /// Of these types.
    pub scope: &'a Scope,
    /// Due at this moment or later.
    pub from: Timestamp,
    /// Due before this moment.
    pub before: Timestamp,
    /// How many at most.
    pub limit: u32,
}

/// A saga that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedFailure {
    /// Names it.
    pub id: i64,
    /// The saga.
    pub saga_id: String,
    /// When it failed, by its events.
    pub failed_at: Timestamp,
    /// When that was stored.
    pub noted_at: Timestamp,
}

/// A delivery to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The same for the same webhook and occurrence.
    pub id: String,
    /// To whom.
    pub webhook: String,
    /// What happened.
    pub kind: NoticeKind,
    /// To which saga.
    pub saga_id: String,
    /// When, by its events.
    pub occurred_at: Timestamp,
    /// What is sent; the store does not read it.
    pub content: String,
    /// When it is stored.
    pub at: Timestamp,
}

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names it.
    pub id: String,
    /// To whom.
    pub webhook: String,
    /// What happened.
    pub kind: NoticeKind,
    /// To which saga.
    pub saga_id: String,
    /// When, by its events.
    pub occurred_at: Timestamp,
    /// What is sent.
    pub content: String,
    /// When it was stored.
    pub created_at: Timestamp,
    /// How often it was claimed.
    pub attempts: u64,
    /// When it may be claimed next.
    pub next_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It was received.
    Received,
    /// It was not, and is tried again.
    Failed {
        /// Why.
        error: String,
        /// After how long.
        retry_after: Duration,
    },
}

/// Deliveries of a webhook that are pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingDeliveries {
    /// The webhook.
    pub webhook: String,
    /// How many.
    pub count: u64,
    /// When the oldest of them was stored.
    pub since: Timestamp,
}

/// Whether batches note sagas that fail; shared by the clones of a store.
#[derive(Debug, Clone, Default)]
pub(super) struct NotesFailures(Arc<AtomicBool>);

impl NotesFailures {
    pub(super) fn set(&self, wanted: bool) {
        self.0.store(wanted, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// When sagas failed that a batch made fail: none of them was failed before.
pub(super) fn failures(changes: &[SagaChange]) -> Vec<(&str, Timestamp)> {
    let is_failed = |status: SagaStatus| matches!(status, SagaStatus::Failed | SagaStatus::Compensated);
    let failed = changes.iter().filter(|change| {
        is_failed(change.state.current_status) && !change.previous_status.is_some_and(is_failed)
    });
    failed
        .map(|change| {
            let state = &change.state;
            (state.saga_id.as_str(), state.ended_at.unwrap_or(state.updated_at))
        })
        .collect()
}
