//! Changes, for `operations` alone.

use std::sync::Arc;

use saga_collector::{
    dead_letters::{ReplayError, ReplayOrder, ReplayReport},
    erasure::{ErasureOrder, ErasureReport},
};
use saga_store::{
    Actor, AppendError, Appended, Conclude, Creation, Disposal, DisposalOrder, Job, LetterFilter, NewJob,
    Reversion, StoreError,
};
use saga_types::{SagaEvent, Timestamp};

use super::Reader;
use crate::{http::ApiError, operations::Permit};

impl Reader {
    /// Stores events and what is written down of them. The sagas must have been read by this reader.
    pub(crate) async fn append_by(
        &self,
        _: &Permit,
        events: Arc<[SagaEvent]>,
        conclude: Conclude,
    ) -> Result<Appended, AppendError> {
        let appending = self.sources.operations.append_by(events, conclude);
        self.ask("append", appending).await
    }

    /// Erases a person's data, of whatever type their sagas are.
    pub(crate) async fn erase(&self, _: &Permit, order: &ErasureOrder) -> Result<ErasureReport, ApiError> {
        if !self.scope().is_all() {
            return Err(ApiError::forbidden(
                "this needs rights to all saga types, since a person's data is not of one type",
            ));
        }
        Ok(self.ask("erasure", self.sources.erasures.erase(order)).await?)
    }

    /// How many of the letters that the caller may see could be dismissed or restored.
    pub(crate) async fn count_disposable(
        &self,
        _: &Permit,
        filter: &LetterFilter,
        disposal: Disposal,
    ) -> Result<u64, StoreError> {
        let filter = self.visible(filter);
        let counting = self.sources.store.count_disposable(&filter, disposal);
        self.ask("count_disposable", counting).await
    }

    /// Dismisses or restores those of the letters that the caller may see.
    pub(crate) async fn dispose_letters(
        &self,
        _: &Permit,
        filter: &LetterFilter,
        order: &DisposalOrder,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let filter = self.visible(filter);
        let disposing = self.sources.store.dispose(&filter, order, limit);
        self.ask("dispose_letters", disposing).await
    }

    /// Stores a job of sagas or letters that this reader has read.
    pub(crate) async fn create_job(&self, _: &Permit, job: &NewJob) -> Result<Creation, StoreError> {
        self.ask("create_job", self.sources.store.create_job(job)).await
    }

    /// Stores a job that takes back one that the caller may see.
    pub(crate) async fn revert_job(
        &self,
        _: &Permit,
        id: i64,
        order: &NewJob,
    ) -> Result<Reversion, StoreError> {
        let order = NewJob {
            scope: self.scope().clone(),
            ..order.clone()
        };
        self.ask("revert_job", self.sources.store.revert_job(id, &order))
            .await
    }

    /// Ends a job that the caller may see.
    pub(crate) async fn stop_job(
        &self,
        _: &Permit,
        id: i64,
        actor: &Actor,
    ) -> Result<Option<Job>, StoreError> {
        let stopping = self
            .sources
            .store
            .stop_job(id, self.scope(), actor, Timestamp::now());
        self.ask("stop_job", stopping).await
    }

    fn visible(&self, filter: &LetterFilter) -> LetterFilter {
        LetterFilter {
            scope: self.scope().clone(),
            ..filter.clone()
        }
    }

    /// Replays those of the letters that the caller may see.
    pub(crate) async fn replay(
        &self,
        _: &Permit,
        mut order: ReplayOrder,
    ) -> Result<ReplayReport, ReplayError> {
        order.letters.filter.scope = self.scope().clone();
        let replaying = self.sources.dead_letters.replay(order);
        self.ask("replay", replaying).await
    }
}
