//! A store to which others write at the worst moment.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use saga_store::{
    AffectedSaga, Announcement, AppendError, Appended, ArchivePlan, Archived, Attention, ChangeStore,
    ChangedSagas, CollectorSettings, CollectorStore, Conclude, CurrentDefinitions, CurrentUsual,
    DeadLetterStore, DismissalStore, Disposal, DisposalOrder, DrawStore, Drawn, DrawnEvent, ErasableLetter,
    Erased, ErasedEvent, ErasedSaga, Erasure, ErasureStore, Expired, ExpiredBefore, FailureGroups,
    FailureGroupsQuery, FailureStore, Failures, Flow, FlowQuery, GroupedFailures, Late, LateCount, LateGroup,
    LateSagas, LetterFilter, LetterGroup, LetterPage, LetterQuery, MetadataValue, NewLetter, OperationPage,
    OperationQuery, OperationStore, Page, PartitionProgress, Position, ProducerObservation, ProducerPage,
    ProducerQuery, ProducerStore, ProgressStore, Rebuild, RebuildStore, Rebuilt, ReconcileOutcome,
    ReconcileRequest, Removal, Removed, RetentionStore, SagaQuery, Scope, Span, Statistics, StatisticsQuery,
    StepPage, Store, StoreError, TrendStore, Trends, UsualStore, VersionSagas, VersionStore, VersionsQuery,
    WatchStore,
};
use saga_types::{SagaEvent, SagaId, Timestamp, fold::SagaState};
use tokio::sync::{Mutex, mpsc};

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

    async fn interrupt(&self) -> Result<(), AppendError> {
        if let Some(first) = self.batches.lock().await.pop_front() {
            self.store.append(first.into()).await?;
        }
        Ok(())
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
impl DismissalStore for Interrupted {
    async fn count_disposable(&self, filter: &LetterFilter, disposal: Disposal) -> Result<u64, StoreError> {
        self.store.count_disposable(filter, disposal).await
    }

    async fn dispose(
        &self,
        filter: &LetterFilter,
        order: &DisposalOrder,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        self.store.dispose(filter, order, limit).await
    }
}

#[async_trait]
impl ErasureStore for Interrupted {
    async fn sagas_with(
        &self,
        value: &MetadataValue,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AffectedSaga>, StoreError> {
        self.store.sagas_with(value, after, limit).await
    }

    async fn erase_sagas(&self, saga_ids: &[String], erasure: &Erasure) -> Result<Erased, StoreError> {
        self.store.erase_sagas(saga_ids, erasure).await
    }

    async fn erased_at(&self, saga_id: &str) -> Result<Option<Timestamp>, StoreError> {
        self.store.erased_at(saga_id).await
    }

    async fn erasable_letters(
        &self,
        value: &MetadataValue,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ErasableLetter>, StoreError> {
        self.store.erasable_letters(value, after, limit).await
    }

    async fn erase_letters(&self, ids: &[i64], erasure: &Erasure) -> Result<u64, StoreError> {
        self.store.erase_letters(ids, erasure).await
    }

    async fn note_archive_erased(&self, sagas: &[ErasedSaga], erasure: &Erasure) -> Result<u64, StoreError> {
        self.store.note_archive_erased(sagas, erasure).await
    }

    async fn mark_erased(&self, events: &[ErasedEvent]) -> Result<(), StoreError> {
        self.store.mark_erased(events).await
    }
}

#[async_trait]
impl CollectorStore for Interrupted {
    fn tables(&self) -> i64 {
        self.store.tables()
    }

    async fn announce_collector(
        &self,
        collector: &str,
        settings: &CollectorSettings,
        period: Duration,
    ) -> Result<Vec<CollectorSettings>, StoreError> {
        self.store.announce_collector(collector, settings, period).await
    }

    async fn withdraw_collector(&self, collector: &str) -> Result<(), StoreError> {
        self.store.withdraw_collector(collector).await
    }
}

#[async_trait]
impl Store for Interrupted {
    fn definitions(&self) -> &CurrentDefinitions {
        self.store.definitions()
    }

    async fn append(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        self.interrupt().await?;
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
impl ProgressStore for Interrupted {
    async fn keep_progress(&self, topic: &str, partitions: &[PartitionProgress]) -> Result<(), StoreError> {
        self.store.keep_progress(topic, partitions).await
    }

    async fn progress(&self, topic: &str) -> Result<Vec<PartitionProgress>, StoreError> {
        self.store.progress(topic).await
    }
}

#[async_trait]
impl ProducerStore for Interrupted {
    async fn observe_producers(&self, observations: &[ProducerObservation]) -> Result<(), AppendError> {
        self.store.observe_producers(observations).await
    }

    async fn reconcile_producers(&self, tending: &ReconcileRequest) -> Result<ReconcileOutcome, StoreError> {
        self.store.reconcile_producers(tending).await
    }

    async fn producers(&self, query: &ProducerQuery) -> Result<ProducerPage, StoreError> {
        self.store.producers(query).await
    }

    async fn events_lost(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        self.store.events_lost().await
    }
}

#[async_trait]
impl DrawStore for Interrupted {
    async fn draw(&self, query: &SagaQuery, most: u32) -> Result<Drawn, StoreError> {
        self.store.draw(query, most).await
    }

    async fn draw_events(&self, query: &SagaQuery, most: u32) -> Result<Vec<Vec<DrawnEvent>>, StoreError> {
        self.store.draw_events(query, most).await
    }
}

#[async_trait]
impl FailureStore for Interrupted {
    async fn failure_groups(&self, query: &FailureGroupsQuery) -> Result<FailureGroups, StoreError> {
        self.store.failure_groups(query).await
    }

    async fn group_failures(
        &self,
        after: Option<&(Timestamp, String)>,
        limit: u32,
    ) -> Result<Option<GroupedFailures>, StoreError> {
        self.store.group_failures(after, limit).await
    }
}

#[async_trait]
impl TrendStore for Interrupted {
    async fn trends(&self, span: &Span, scope: &Scope) -> Result<Trends, StoreError> {
        self.store.trends(span, scope).await
    }

    async fn failures(&self, span: &Span, most: u32, scope: &Scope) -> Result<Failures, StoreError> {
        self.store.failures(span, most, scope).await
    }

    async fn flow(&self, query: &FlowQuery) -> Result<Flow, StoreError> {
        self.store.flow(query).await
    }

    async fn step_detail(
        &self,
        query: &saga_store::FlowQuery,
        step: &saga_types::Step,
    ) -> Result<saga_store::StepDetail, StoreError> {
        self.store.step_detail(query, step).await
    }
}

#[async_trait]
impl UsualStore for Interrupted {
    fn usual(&self) -> &CurrentUsual {
        self.store.usual()
    }

    async fn learn_usual(&self, moment: Timestamp) -> Result<(), StoreError> {
        self.store.learn_usual(moment).await
    }

    async fn load_usual(&self) -> Result<(), StoreError> {
        self.store.load_usual().await
    }

    async fn mark_unusual(&self, moment: Timestamp) -> Result<u64, StoreError> {
        self.store.mark_unusual(moment).await
    }
}

#[async_trait]
impl VersionStore for Interrupted {
    async fn version_sagas(&self, query: &VersionsQuery) -> Result<VersionSagas, StoreError> {
        self.store.version_sagas(query).await
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

    async fn late_groups(
        &self,
        late: Late,
        before: Timestamp,
        scope: &Scope,
    ) -> Result<Vec<LateGroup>, StoreError> {
        self.store.late_groups(late, before, scope).await
    }

    async fn late_sagas(
        &self,
        late: Late,
        before: Timestamp,
        size: u32,
        scope: &Scope,
    ) -> Result<LateSagas, StoreError> {
        self.store.late_sagas(late, before, size, scope).await
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

    async fn letters_waiting(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.store.letters_waiting(scope).await
    }

    async fn letters_stored(&self) -> Result<u64, StoreError> {
        self.store.letters_stored().await
    }

    async fn remove_letters(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.store.remove_letters(before, limit).await
    }

    async fn append_dry_run(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        self.store.append_dry_run(batch).await
    }
}

#[async_trait]
impl OperationStore for Interrupted {
    async fn append_by(&self, batch: Arc<[SagaEvent]>, conclude: Conclude) -> Result<Appended, AppendError> {
        self.interrupt().await?;
        self.store.append_by(batch, conclude).await
    }

    async fn operations(&self, query: &OperationQuery) -> Result<OperationPage, StoreError> {
        self.store.operations(query).await
    }

    async fn remove_operations(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.store.remove_operations(before, limit).await
    }
}

#[async_trait]
impl RetentionStore for Interrupted {
    async fn expired(
        &self,
        before: ExpiredBefore,
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

    async fn listen(&self, sender: mpsc::Sender<Announcement>) -> Result<(), StoreError> {
        self.store.listen(sender).await
    }

    async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<SagaState>, StoreError> {
        self.store.sagas(saga_ids).await
    }
}
