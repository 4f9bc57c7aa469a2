//! Stores that cannot answer, and one to which others write at the worst moment.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use saga_server::store::{
    Announcement, AppendError, Appended, ArchivePlan, Archived, Attempt, Attention, ChangeStore,
    ChangedSagas, DeadLetterStore, Expired, FailureCount, Flow, FlowQuery, Late, LateCount, LateSagas,
    LetterFilter, LetterGroup, LetterPage, LetterQuery, NewLetter, Page, PartitionProgress, Position,
    ProducerPage, ProducerQuery, ProducerStore, ProgressStore, Rebuild, RebuildStore, Rebuilt, Removal,
    Removed, RetentionStore, SagaQuery, Sighting, Span, Statistics, StatisticsQuery, StepPage, Store,
    StoreError, Tended, Tending, TrendStore, Trends, WatchStore,
};
use saga_types::{SagaEvent, SagaId, Timestamp, fold::SagaState};
use tokio::sync::{Mutex, mpsc};

/// What happens to every question.
pub(crate) enum Trouble {
    Away,
    Corrupt,
    Bug,
}

pub(crate) struct Broken(pub(crate) Trouble);

impl Broken {
    fn answer<T>(&self) -> Result<T, StoreError> {
        match self.0 {
            Trouble::Away => Err(StoreError::Unavailable("password=hidden".to_owned())),
            Trouble::Corrupt => Err(StoreError::Corrupt("row 7 hidden".to_owned())),
            Trouble::Bug => panic!("hidden, and part of the test"),
        }
    }
}

#[async_trait]
impl RebuildStore for Broken {
    async fn rebuild(&self, _: Option<&str>, _: u32, _: Rebuild) -> Result<Rebuilt, StoreError> {
        self.answer()
    }

    async fn recount(&self, _: Rebuild) -> Result<u64, StoreError> {
        self.answer()
    }
}

#[async_trait]
impl Store for Broken {
    async fn migrate(&self) -> Result<(), StoreError> {
        self.answer()
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.answer()
    }

    async fn append(&self, _: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        Err(AppendError::Unavailable(String::new()))
    }

    async fn saga(&self, _: &str) -> Result<Option<SagaState>, StoreError> {
        self.answer()
    }

    async fn saga_as_of(&self, _: &str, _: Timestamp) -> Result<Option<SagaState>, StoreError> {
        self.answer()
    }

    async fn steps(&self, _: &str, _: Option<&Position>, _: u32) -> Result<Option<StepPage>, StoreError> {
        self.answer()
    }

    async fn search(&self, _: &SagaQuery) -> Result<Page, StoreError> {
        self.answer()
    }

    async fn statistics(&self, _: &StatisticsQuery) -> Result<Statistics, StoreError> {
        self.answer()
    }

    async fn attention(&self, _: Timestamp) -> Result<Attention, StoreError> {
        self.answer()
    }
}

#[async_trait]
impl DeadLetterStore for Broken {
    async fn keep_letters(&self, _: Vec<NewLetter>) -> Result<u64, AppendError> {
        Err(AppendError::Unavailable(String::new()))
    }

    async fn letters(&self, _: &LetterQuery) -> Result<LetterPage, StoreError> {
        self.answer()
    }

    async fn letter_groups(&self, _: &LetterFilter) -> Result<Vec<LetterGroup>, StoreError> {
        self.answer()
    }

    async fn letters_waiting(&self) -> Result<u64, StoreError> {
        self.answer()
    }

    async fn letters_attempted(&self, _: Vec<Attempt>) -> Result<(), StoreError> {
        self.answer()
    }

    async fn rehearse(&self, _: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        Err(AppendError::Unavailable(String::new()))
    }
}

/// A store to which others write just before each batch.
pub(crate) struct Interrupted {
    store: Arc<dyn Store>,
    batches: Mutex<VecDeque<Vec<SagaEvent>>>,
}

impl Interrupted {
    pub(crate) fn new(store: Arc<dyn Store>, batches: impl Iterator<Item = Vec<SagaEvent>>) -> Self {
        Self {
            store,
            batches: Mutex::new(batches.collect()),
        }
    }
}

#[async_trait]
impl RebuildStore for Interrupted {
    async fn rebuild(
        &self,
        after: Option<&str>,
        limit: u32,
        rebuild: Rebuild,
    ) -> Result<Rebuilt, StoreError> {
        self.store.rebuild(after, limit, rebuild).await
    }

    async fn recount(&self, rebuild: Rebuild) -> Result<u64, StoreError> {
        self.store.recount(rebuild).await
    }
}

#[async_trait]
impl Store for Interrupted {
    async fn append(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        if let Some(first) = self.batches.lock().await.pop_front() {
            self.store.append(first.into()).await?;
        }
        self.store.append(batch).await
    }

    async fn saga(&self, saga_id: &str) -> Result<Option<SagaState>, StoreError> {
        self.store.saga(saga_id).await
    }

    async fn steps(
        &self,
        saga_id: &str,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Option<StepPage>, StoreError> {
        self.store.steps(saga_id, after, limit).await
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        self.store.migrate().await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    async fn saga_as_of(&self, saga_id: &str, moment: Timestamp) -> Result<Option<SagaState>, StoreError> {
        self.store.saga_as_of(saga_id, moment).await
    }

    async fn search(&self, query: &SagaQuery) -> Result<Page, StoreError> {
        self.store.search(query).await
    }

    async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
        self.store.statistics(query).await
    }

    async fn attention(&self, now: Timestamp) -> Result<Attention, StoreError> {
        self.store.attention(now).await
    }
}

#[async_trait]
impl ProgressStore for Broken {
    async fn keep_progress(&self, _: &str, _: &[PartitionProgress]) -> Result<(), StoreError> {
        self.answer()
    }

    async fn progress(&self, _: &str) -> Result<Vec<PartitionProgress>, StoreError> {
        self.answer()
    }
}

#[async_trait]
impl ProgressStore for Interrupted {
    async fn keep_progress(&self, topic: &str, partitions: &[PartitionProgress]) -> Result<(), StoreError> {
        self.store.keep_progress(topic, partitions).await
    }

    async fn progress(&self, topic: &str) -> Result<Vec<PartitionProgress>, StoreError> {
        self.store.progress(topic).await
    }
}

#[async_trait]
impl ProducerStore for Broken {
    async fn sighted(&self, _: &[Sighting]) -> Result<(), AppendError> {
        Err(AppendError::Unavailable(String::new()))
    }

    async fn tend_producers(&self, _: &Tending) -> Result<Tended, StoreError> {
        self.answer()
    }

    async fn producers(&self, _: &ProducerQuery) -> Result<ProducerPage, StoreError> {
        self.answer()
    }

    async fn events_lost(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.answer()
    }
}

#[async_trait]
impl ProducerStore for Interrupted {
    async fn sighted(&self, sightings: &[Sighting]) -> Result<(), AppendError> {
        self.store.sighted(sightings).await
    }

    async fn tend_producers(&self, tending: &Tending) -> Result<Tended, StoreError> {
        self.store.tend_producers(tending).await
    }

    async fn producers(&self, query: &ProducerQuery) -> Result<ProducerPage, StoreError> {
        self.store.producers(query).await
    }

    async fn events_lost(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.store.events_lost().await
    }
}

#[async_trait]
impl TrendStore for Broken {
    async fn trends(&self, _: &Span) -> Result<Trends, StoreError> {
        self.answer()
    }

    async fn failures(&self, _: &Span, _: u32) -> Result<Vec<FailureCount>, StoreError> {
        self.answer()
    }

    async fn flow(&self, _: &FlowQuery) -> Result<Flow, StoreError> {
        self.answer()
    }
}

#[async_trait]
impl TrendStore for Interrupted {
    async fn trends(&self, span: &Span) -> Result<Trends, StoreError> {
        self.store.trends(span).await
    }

    async fn failures(&self, span: &Span, most: u32) -> Result<Vec<FailureCount>, StoreError> {
        self.store.failures(span, most).await
    }

    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        self.store.flow(query).await
    }
}

#[async_trait]
impl WatchStore for Broken {
    async fn hold_lease(&self, _: &str, _: &str, _: Duration) -> Result<bool, StoreError> {
        self.answer()
    }

    async fn release_lease(&self, _: &str, _: &str) -> Result<(), StoreError> {
        self.answer()
    }

    async fn count_late(&self, _: Late, _: Timestamp) -> Result<Vec<LateCount>, StoreError> {
        self.answer()
    }

    async fn late_sagas(&self, _: Late, _: Timestamp, _: u32) -> Result<LateSagas, StoreError> {
        self.answer()
    }

    async fn unreported(&self, _: Late, _: Timestamp, _: u32) -> Result<Vec<SagaState>, StoreError> {
        self.answer()
    }

    async fn mark_reported(&self, _: Late, _: &[SagaState]) -> Result<(), StoreError> {
        self.answer()
    }
}

#[async_trait]
impl WatchStore for Interrupted {
    async fn hold_lease(&self, name: &str, holder: &str, period: Duration) -> Result<bool, StoreError> {
        self.store.hold_lease(name, holder, period).await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        self.store.release_lease(name, holder).await
    }

    async fn count_late(&self, late: Late, before: Timestamp) -> Result<Vec<LateCount>, StoreError> {
        self.store.count_late(late, before).await
    }

    async fn late_sagas(&self, late: Late, before: Timestamp, size: u32) -> Result<LateSagas, StoreError> {
        self.store.late_sagas(late, before, size).await
    }

    async fn unreported(
        &self,
        late: Late,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<SagaState>, StoreError> {
        self.store.unreported(late, before, limit).await
    }

    async fn mark_reported(&self, late: Late, sagas: &[SagaState]) -> Result<(), StoreError> {
        self.store.mark_reported(late, sagas).await
    }
}

#[async_trait]
impl DeadLetterStore for Interrupted {
    async fn keep_letters(&self, letters: Vec<NewLetter>) -> Result<u64, AppendError> {
        self.store.keep_letters(letters).await
    }

    async fn letters(&self, query: &LetterQuery) -> Result<LetterPage, StoreError> {
        self.store.letters(query).await
    }

    async fn letter_groups(&self, filter: &LetterFilter) -> Result<Vec<LetterGroup>, StoreError> {
        self.store.letter_groups(filter).await
    }

    async fn letters_waiting(&self) -> Result<u64, StoreError> {
        self.store.letters_waiting().await
    }

    async fn letters_attempted(&self, attempts: Vec<Attempt>) -> Result<(), StoreError> {
        self.store.letters_attempted(attempts).await
    }

    async fn rehearse(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        self.store.rehearse(batch).await
    }
}

#[async_trait]
impl RetentionStore for Broken {
    async fn expired(&self, _: Timestamp, _: Option<&Expired>, _: u32) -> Result<Vec<Expired>, StoreError> {
        self.answer()
    }

    async fn still_there(&self, _: &[String]) -> Result<Vec<Expired>, StoreError> {
        self.answer()
    }

    async fn states(&self, _: &[String]) -> Result<Vec<SagaState>, StoreError> {
        self.answer()
    }

    async fn events(
        &self,
        _: &[String],
        _: Option<&SagaEvent>,
        _: u32,
    ) -> Result<Vec<SagaEvent>, StoreError> {
        self.answer()
    }

    async fn remove(&self, _: &[Expired], _: Option<&Archived>) -> Result<Removed, StoreError> {
        self.answer()
    }

    async fn archive_plan(&self) -> Result<Option<ArchivePlan>, StoreError> {
        self.answer()
    }

    async fn plan_archive(&self, _: &ArchivePlan) -> Result<bool, StoreError> {
        self.answer()
    }

    async fn removal(&self, _: &str) -> Result<Option<Removal>, StoreError> {
        self.answer()
    }

    async fn forget_removals(&self, _: Timestamp, _: u32) -> Result<u64, StoreError> {
        self.answer()
    }
}

#[async_trait]
impl ChangeStore for Broken {
    fn changed(&self) -> &ChangedSagas {
        static NOTHING: ChangedSagas = ChangedSagas::new();
        &NOTHING
    }

    async fn announce(&self, _: &Announcement) -> Result<(), StoreError> {
        self.answer()
    }

    async fn listen(&self, _: mpsc::Sender<Announcement>) -> Result<(), StoreError> {
        self.answer()
    }

    async fn sagas(&self, _: &BTreeSet<SagaId>) -> Result<Vec<SagaState>, StoreError> {
        self.answer()
    }
}

#[async_trait]
impl RetentionStore for Interrupted {
    async fn expired(
        &self,
        before: Timestamp,
        after: Option<&Expired>,
        limit: u32,
    ) -> Result<Vec<Expired>, StoreError> {
        self.store.expired(before, after, limit).await
    }

    async fn still_there(&self, saga_ids: &[String]) -> Result<Vec<Expired>, StoreError> {
        self.store.still_there(saga_ids).await
    }

    async fn states(&self, saga_ids: &[String]) -> Result<Vec<SagaState>, StoreError> {
        self.store.states(saga_ids).await
    }

    async fn events(
        &self,
        saga_ids: &[String],
        after: Option<&SagaEvent>,
        limit: u32,
    ) -> Result<Vec<SagaEvent>, StoreError> {
        self.store.events(saga_ids, after, limit).await
    }

    async fn remove(&self, sagas: &[Expired], archived: Option<&Archived>) -> Result<Removed, StoreError> {
        self.store.remove(sagas, archived).await
    }

    async fn archive_plan(&self) -> Result<Option<ArchivePlan>, StoreError> {
        self.store.archive_plan().await
    }

    async fn plan_archive(&self, plan: &ArchivePlan) -> Result<bool, StoreError> {
        self.store.plan_archive(plan).await
    }

    async fn removal(&self, saga_id: &str) -> Result<Option<Removal>, StoreError> {
        self.store.removal(saga_id).await
    }

    async fn forget_removals(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.store.forget_removals(before, limit).await
    }
}

#[async_trait]
impl ChangeStore for Interrupted {
    fn changed(&self) -> &ChangedSagas {
        self.store.changed()
    }

    async fn announce(&self, announcement: &Announcement) -> Result<(), StoreError> {
        self.store.announce(announcement).await
    }

    async fn listen(&self, heard: mpsc::Sender<Announcement>) -> Result<(), StoreError> {
        self.store.listen(heard).await
    }

    async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<SagaState>, StoreError> {
        self.store.sagas(saga_ids).await
    }
}
