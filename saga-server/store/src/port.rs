//! The port: what every adapter does, and what its answers mean.
//!
//! Rule of thumb: [`Store::append`] is the only way in, and it keeps one promise: a saga's stored fold is the fold of its
//! stored steps, whatever else runs at the same time.

use std::sync::Arc;

use async_trait::async_trait;
use saga_types::{SagaEvent, SagaStatus, Timestamp, definition::Definitions, fold::SagaState};

use crate::{
    acknowledgement::AcknowledgementStore,
    appended::Appended,
    changes::ChangeStore,
    collectors::CollectorStore,
    dead_letters::DeadLetterStore,
    definitions::CurrentDefinitions,
    dismissal::DismissalStore,
    distribution::DistributionStore,
    draw::DrawStore,
    erasure::ErasureStore,
    error::{AppendError, StoreError},
    failures::FailureStore,
    find::FindStore,
    jobs::JobStore,
    notes::NoteStore,
    operations::OperationStore,
    probe,
    producers::{ProducerObservation, ProducerStore},
    progress::ProgressStore,
    query::{Page, Position, SagaQuery, Statistics, StatisticsQuery, StepPage},
    rebuild::RebuildStore,
    retention::RetentionStore,
    stored_saga::StoredSaga,
    trends::TrendStore,
    usual::UsualStore,
    versions::VersionStore,
    views::ViewStore,
    watch::WatchStore,
    webhooks::WebhookStore,
};

/// A database that keeps sagas and their steps.
///
/// Methods may be called from many tasks at once. A transaction that was begun is finished even when the caller stops
/// waiting for it. [`StoreError::Unavailable`] means that the same call may succeed later; nothing of the failed call
/// stays behind.
#[async_trait]
pub trait Store:
    AcknowledgementStore
    + ChangeStore
    + CollectorStore
    + DeadLetterStore
    + DismissalStore
    + DistributionStore
    + ErasureStore
    + DrawStore
    + FailureStore
    + FindStore
    + JobStore
    + NoteStore
    + OperationStore
    + ProducerStore
    + ProgressStore
    + RebuildStore
    + RetentionStore
    + TrendStore
    + UsualStore
    + VersionStore
    + ViewStore
    + WatchStore
    + WebhookStore
    + Send
    + Sync
    + 'static
{
    /// The definitions in force, by which everything is folded.
    fn definitions(&self) -> &CurrentDefinitions;

    /// Brings the tables to the newest version. Does nothing when they are.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// Whether the database answers, can be written to, and has the newest tables.
    async fn check(&self) -> Result<(), StoreError>;

    /// Stores a batch in one transaction: new steps are added, known ones change nothing, and the folds of the sagas
    /// follow. Events of any number of sagas, in any order, repeated within the batch or not.
    ///
    /// # Errors
    ///
    /// [`AppendError::Unavailable`] when the batch should be tried again as it is; [`AppendError::Refused`] and
    /// [`AppendError::Failed`] when the database does not take something in it, or may not, so that the caller must find out
    /// what by splitting. Nothing is stored in any case.
    async fn append(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        self.append_observed(batch, &[]).await
    }

    /// The same, and in the same transaction what [`observe_producers`](ProducerStore::observe_producers) notes of the batch,
    /// also when none of its events is new. A refusal may be due to either of them: the events alone tell.
    ///
    /// # Errors
    ///
    /// As [`append`](Store::append).
    async fn append_observed(
        &self,
        batch: Arc<[SagaEvent]>,
        observations: &[ProducerObservation],
    ) -> Result<Appended, AppendError>;

    /// Whether an event that nothing is wrong with could be stored now: a made-up step of a saga of its own is written
    /// through the same tables as any batch, and rolled back.
    ///
    /// For telling a refusal from an outage, once a batch was split down to what is not taken: when the probe passes,
    /// the event is at fault; when it does not, the database is, whatever its error said.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the made-up event is not taken, or not with_deadline for in time.
    async fn probe_write(&self) -> Result<(), StoreError> {
        match self.append_dry_run(Arc::new([probe::event_like(&[])])).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The kind of database, as OpenTelemetry calls it.
    fn system(&self) -> &'static str;

    /// One saga, as it is now.
    async fn saga(&self, saga_id: &str) -> Result<Option<StoredSaga>, StoreError>;

    /// One saga as the events recorded up to a moment (inclusive) give it. `None` when there are none.
    async fn saga_as_of(&self, saga_id: &str, moment: Timestamp) -> Result<Option<SagaState>, StoreError>;

    /// A page of the steps of a saga, ordered by (recordedAt, eventId), after a position. `None` when the saga is
    /// unknown.
    async fn steps(
        &self,
        saga_id: &str,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Option<StepPage>, StoreError>;

    /// A page of sagas.
    async fn search(&self, query: &SagaQuery) -> Result<Page, StoreError>;

    /// Counts, rates and durations of a period.
    async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError>;

    /// How many sagas are in each status, all five present.
    async fn count_by_status(&self) -> Result<[(SagaStatus, u64); 5], StoreError> {
        let everything = self.statistics(&StatisticsQuery::default()).await?;
        Ok(SagaStatus::ALL.map(|status| {
            let count = everything.by_status.get(&status);
            // Statistics leave out what no saga has.
            (status, count.copied().unwrap_or(0))
        }))
    }

    /// What needs attention at a moment.
    async fn attention(&self, now: Timestamp) -> Result<Attention, StoreError>;
}

/// What needs attention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attention {
    /// How many sagas are late with what they await.
    pub stuck: u64,
    /// How many failed sagas still have something to be undone.
    pub owing: u64,
    /// When the last of the sagas that are FAILED did fail.
    pub last_failed_at: Option<Timestamp>,
}

/// What every adapter needs to know beside its connection.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The definitions in force at first; see [`Store::definitions`].
    pub definitions: Arc<Definitions>,
    /// The most connections to the database; at least 2.
    pub max_connections: u32,
}
