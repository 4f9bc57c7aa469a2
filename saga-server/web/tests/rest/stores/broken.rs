//! A store that cannot answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use saga_store::{
    Announcement, AppendError, Appended, ArchivePlan, Archived, Attempt, Attention, ChangeStore,
    ChangedSagas, DeadLetterStore, Expired, ExpiredBefore, FailureCount, Flow, FlowQuery, Late, LateCount,
    LateSagas, LetterFilter, LetterGroup, LetterPage, LetterQuery, NewLetter, Page, PartitionProgress,
    Position, ProducerObservation, ProducerPage, ProducerQuery, ProducerStore, ProgressStore, Rebuild,
    RebuildStore, Rebuilt, ReconcileOutcome, ReconcileRequest, Removal, Removed, RetentionStore, SagaQuery,
    Span, Statistics, StatisticsQuery, StepPage, Store, StoreError, TrendStore, Trends, WatchStore,
};
use saga_types::{SagaEvent, SagaId, Timestamp, fold::SagaState};
use tokio::sync::mpsc;

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
            Trouble::Away => Err(StoreError::Unavailable("password=hidden".into())),
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
        Err(AppendError::Unavailable("away".into()))
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
        Err(AppendError::Unavailable("away".into()))
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

    async fn letters_stored(&self) -> Result<u64, StoreError> {
        self.answer()
    }

    async fn remove_letters(&self, _: Timestamp, _: u32) -> Result<u64, StoreError> {
        self.answer()
    }

    async fn letters_attempted(&self, _: Vec<Attempt>) -> Result<(), StoreError> {
        self.answer()
    }

    async fn append_dry_run(&self, _: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        Err(AppendError::Unavailable("away".into()))
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
impl ProducerStore for Broken {
    async fn observe_producers(&self, _: &[ProducerObservation]) -> Result<(), AppendError> {
        Err(AppendError::Unavailable("away".into()))
    }

    async fn reconcile_producers(&self, _: &ReconcileRequest) -> Result<ReconcileOutcome, StoreError> {
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
impl RetentionStore for Broken {
    async fn expired(
        &self,
        _: ExpiredBefore,
        _: Option<&Expired>,
        _: u32,
    ) -> Result<Vec<Expired>, StoreError> {
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
