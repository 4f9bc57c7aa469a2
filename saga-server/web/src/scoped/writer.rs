//! Changes, for `operations` alone.

use std::sync::Arc;

use saga_collector::{
    dead_letters::{ReplayError, ReplayOrder, ReplayReport},
    erasure::{ErasureOrder, ErasureReport},
};
use saga_store::{
    AcknowledgeOrder, Acknowledged, Actor, AppendError, Appended, Conclude, Creation, Disposal,
    DisposalOrder, Job, LetterFilter, NewJob, Reversion, StoreError, ViewOrder, ViewOutcome, WithdrawOrder,
    Withdrawn,
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
        let filter = self.visible_letters(filter);
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
        let filter = self.visible_letters(filter);
        let disposing = self.sources.store.dispose(&filter, order, limit);
        self.ask("dispose_letters", disposing).await
    }

    /// Saves, renames or removes a view that the caller may see.
    pub(crate) async fn change_view(&self, _: &Permit, order: &ViewOrder) -> Result<ViewOutcome, StoreError> {
        let order = ViewOrder {
            scope: self.scope().clone(),
            ..order.clone()
        };
        self.ask("change_view", self.sources.store.change_view(&order))
            .await
    }

    /// Acknowledges what the caller may see.
    pub(crate) async fn acknowledge(
        &self,
        _: &Permit,
        order: AcknowledgeOrder,
    ) -> Result<Acknowledged, StoreError> {
        let order = AcknowledgeOrder {
            scope: self.scope().clone(),
            ..order
        };
        self.ask("acknowledge", self.sources.store.acknowledge(&order))
            .await
    }

    /// Takes an acknowledgement back of what the caller may see.
    pub(crate) async fn withdraw_acknowledgement(
        &self,
        _: &Permit,
        order: WithdrawOrder,
    ) -> Result<Withdrawn, StoreError> {
        let order = WithdrawOrder {
            scope: self.scope().clone(),
            ..order
        };
        let withdrawing = self.sources.store.withdraw_acknowledgement(&order);
        self.ask("withdraw_acknowledgement", withdrawing).await
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

    /// Replays those of the letters that the caller may see.
    pub(crate) async fn replay(
        &self,
        _: &Permit,
        mut order: ReplayOrder,
    ) -> Result<ReplayReport, ReplayError> {
        order.letters.filter = self.visible_letters(&order.letters.filter);
        let replaying = self.sources.dead_letters.replay(order);
        self.ask("replay", replaying).await
    }
}
