//! The port's questions and commands, each led to the file that has its statements.
//!
//! Rule of thumb: transactions run in tasks of their own, so that a caller that stops waiting cannot leave a connection
//! inside one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use saga_types::{SagaEvent, Timestamp, fold::SagaState};

use super::{
    Adapter, Pool, append, connect, dead_letters, dialect, error, letter_counts, letter_index, old_rows,
    read, search, statistics,
};
use crate::{
    AppendError, Appended, Attention, CurrentDefinitions, DeadLetterStore, DistributionStore, LetterCause,
    LetterCounts, LetterFilter, LetterGroup, LetterPage, LetterQuery, NewLetter, Page, Position,
    ProducerObservation, SagaQuery, Scope, Statistics, StatisticsQuery, StepPage, Store, StoreError,
    StoredSaga,
    batch::{Beside, TxOutcome},
    changes::touched,
    deadline::in_time,
    detached::run_detached,
    error::confirm_refusal,
    layout::Layout,
    probe, producers,
};

/// How long the database may take to answer for one made-up event.
const PROBE: Duration = Duration::from_secs(5);

impl Adapter {
    /// Readers' connections, and where the tables are that they read.
    pub(super) async fn reading(&self) -> Result<(&Pool, Layout), StoreError> {
        Ok((&self.readers, self.layout().await?))
    }

    /// Stores a batch in a task of its own, with what is written down of it, and notes which sagas it touched.
    pub(super) async fn store_batch(
        &self,
        batch: Arc<[SagaEvent]>,
        beside: Beside,
    ) -> Result<Appended, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let touched = touched(&batch);
            let appended = store
                .append_as(batch.clone(), TxOutcome::Committed, &beside)
                .await;
            let appended = confirm_refusal(appended, store.probe(&batch)).await?;
            store.changed.add(touched);
            Ok(appended)
        })
        .await
    }

    async fn append_as(
        &self,
        batch: Arc<[SagaEvent]>,
        outcome: TxOutcome,
        beside: &Beside,
    ) -> Result<Appended, AppendError> {
        self.with_deadline(append::append(self, batch, outcome, beside))
            .await
    }

    async fn keep_as(&self, letters: &[NewLetter], outcome: TxOutcome) -> Result<u64, AppendError> {
        self.with_deadline(dead_letters::keep(&self.writers, letters, outcome))
            .await
    }

    async fn probe(&self, like: &[SagaEvent]) -> Result<(), AppendError> {
        let probe = Arc::new([probe::event_like(like)]);
        let beside = Beside::default();
        let appended = self.append_as(probe, TxOutcome::RolledBack, &beside);
        let appended = tokio::time::timeout(PROBE, appended).await;
        appended.map_or_else(
            |_| Err(AppendError::Unavailable("no answer to a probe".into())),
            |appended| appended.map(drop),
        )
    }
}

#[async_trait]
impl Store for Adapter {
    fn system(&self) -> &'static str {
        dialect::SYSTEM
    }

    fn definitions(&self) -> &CurrentDefinitions {
        &self.definitions
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let store = self.clone();
        run_detached(async move { connect::migrate(&store.writers).await }).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let store = self.clone();
        run_detached(async move { in_time(connect::check(&store)).await }).await
    }

    async fn append_observed(
        &self,
        batch: Arc<[SagaEvent]>,
        observations: &[ProducerObservation],
    ) -> Result<Appended, AppendError> {
        let beside = Beside {
            observed: producers::observation_rows(observations).map_err(error::append)?,
            ..Beside::default()
        };
        self.store_batch(batch, beside).await
    }

    async fn probe_write(&self) -> Result<(), StoreError> {
        let store = self.clone();
        Ok(run_detached(async move { store.probe(&[]).await }).await?)
    }

    async fn saga(&self, saga_id: &str) -> Result<Option<StoredSaga>, StoreError> {
        read::saga(&self.readers, &self.definitions.get(), saga_id).await
    }

    async fn saga_as_of(&self, saga_id: &str, moment: Timestamp) -> Result<Option<SagaState>, StoreError> {
        read::saga_as_of(&self.readers, &self.definitions.get(), saga_id, moment).await
    }

    async fn steps(
        &self,
        saga_id: &str,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Option<StepPage>, StoreError> {
        read::steps(&self.readers, saga_id, after, limit).await
    }

    async fn search(&self, query: &SagaQuery) -> Result<Page, StoreError> {
        match query.within_scope() {
            Some(query) => search::search(self, &query).await,
            None => Ok(Page::of_none()),
        }
    }

    async fn statistics(&self, query: &StatisticsQuery) -> Result<Statistics, StoreError> {
        statistics::statistics(&self.readers, query).await
    }

    async fn attention(&self, now: Timestamp) -> Result<Attention, StoreError> {
        in_time(statistics::attention(&self.readers, now)).await
    }
}

#[async_trait]
impl DistributionStore for Adapter {
    async fn distribute(&self) -> Result<Vec<String>, StoreError> {
        let store = self.clone();
        run_detached(async move { connect::distribute(&store.writers).await }).await
    }

    async fn undistribute(&self) -> Result<Vec<String>, StoreError> {
        let store = self.clone();
        run_detached(async move { connect::undistribute(&store.writers).await }).await
    }
}

#[async_trait]
impl DeadLetterStore for Adapter {
    async fn keep_letters(&self, letters: Vec<NewLetter>) -> Result<u64, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let kept = store.keep_as(&letters, TxOutcome::Committed).await;
            let probe = async {
                let letter = [probe::letter_like(&letters)];
                store.keep_as(&letter, TxOutcome::RolledBack).await.map(drop)
            };
            confirm_refusal(kept, probe).await
        })
        .await
    }

    async fn letters(&self, query: &LetterQuery) -> Result<LetterPage, StoreError> {
        dead_letters::letters(self.reading().await?, query).await
    }

    async fn letter_groups(&self, filter: &LetterFilter) -> Result<LetterCounts<LetterGroup>, StoreError> {
        letter_counts::groups(self.reading().await?, filter).await
    }

    async fn letter_causes(&self, filter: &LetterFilter) -> Result<LetterCounts<LetterCause>, StoreError> {
        letter_counts::causes(self.reading().await?, filter).await
    }

    async fn index_letters(&self, limit: u32) -> Result<u64, StoreError> {
        let store = self.clone();
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let indexed = letter_index::index_some(&mut transaction, limit).await?;
            transaction.commit().await.map_err(error::store)?;
            Ok(indexed)
        })
        .await
    }

    async fn letters_waiting(&self, scope: &Scope) -> Result<u64, StoreError> {
        in_time(async { dead_letters::waiting(self.reading().await?, scope).await }).await
    }

    async fn letters_stored(&self) -> Result<u64, StoreError> {
        in_time(dead_letters::stored(&self.readers)).await
    }

    async fn remove_letters(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        old_rows::remove(&self.writers, dead_letters::REMOVE, before, limit).await
    }

    async fn append_dry_run(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError> {
        let store = self.clone();
        run_detached(async move {
            let beside = Beside::default();
            let appended = store
                .append_as(batch.clone(), TxOutcome::RolledBack, &beside)
                .await;
            confirm_refusal(appended, store.probe(&batch)).await
        })
        .await
    }
}
