//! Questions about one saga, and about sagas by their ids.

use std::collections::BTreeSet;

use saga_store::{Position, StepPage, StoreError, StoredSaga};
use saga_types::{SagaId, Timestamp, fold::SagaState};

use super::Reader;
use crate::scoped::NoSaga;

impl Reader {
    /// One saga as it is now, with nothing hidden, for those who change it: one of the archive is none of these.
    pub(crate) async fn saga(&self, saga_id: &SagaId) -> Result<SagaState, NoSaga> {
        // Asked first: what comes in between makes the answer fresher than it says.
        let freshness = self.freshness();
        if let Some(saga) = self.saga_if_there(saga_id).await? {
            return Ok(saga.state);
        }
        let archived = self.archived(saga_id, freshness).await?;
        Err(NoSaga::Archived(saga_id.clone(), Box::new(archived)))
    }

    /// One saga of the database, whose absence is no error.
    pub(crate) async fn saga_if_there(&self, saga_id: &SagaId) -> Result<Option<StoredSaga>, StoreError> {
        let found = self
            .ask("saga", self.sources.store.saga(saga_id.as_str()))
            .await?;
        Ok(found.filter(|saga| self.scope().has(&saga.saga_type)))
    }

    /// One saga as the events of the database recorded up to a moment (inclusive) give it.
    pub(in crate::scoped) async fn saga_as_of(
        &self,
        saga_id: &SagaId,
        moment: Timestamp,
    ) -> Result<Option<SagaState>, StoreError> {
        let asking = self.sources.store.saga_as_of(saga_id.as_str(), moment);
        self.of_visible(saga_id, self.ask("saga_as_of", asking)).await
    }

    /// A page of the steps of a saga that is in the database.
    pub(in crate::scoped) async fn stored_steps(
        &self,
        saga_id: &SagaId,
        after: Option<&Position>,
        limit: u32,
    ) -> Result<Option<StepPage>, StoreError> {
        let asking = self.sources.store.steps(saga_id.as_str(), after, limit);
        self.of_visible(saga_id, self.ask("steps", asking)).await
    }

    /// When a person's data was erased last from the metadata of a saga that is in the database.
    pub(in crate::scoped) async fn stored_erased_at(
        &self,
        saga_id: &SagaId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let asking = self.sources.store.erased_at(saga_id.as_str());
        self.of_visible(saga_id, self.ask("erased_at", asking)).await
    }

    /// What is read of a saga, if the caller may see the saga. Otherwise nothing is read, so that how long it takes says nothing.
    async fn of_visible<T>(
        &self,
        saga_id: &SagaId,
        asking: impl Future<Output = Result<Option<T>, StoreError>>,
    ) -> Result<Option<T>, StoreError> {
        if self.scope().is_all() {
            return asking.await;
        }
        if self.saga_if_there(saga_id).await?.is_none() {
            return Ok(None);
        }
        let found = asking.await?;
        // Meanwhile a first event may have come that gives the saga another type.
        let saga = self.saga_if_there(saga_id).await?;
        Ok(found.filter(|_| saga.is_some()))
    }

    /// These sagas as they are now, in any order.
    pub(crate) async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<StoredSaga>, StoreError> {
        let mut sagas = self.ask("sagas", self.sources.store.sagas(saga_ids)).await?;
        sagas.retain(|saga| self.scope().has(&saga.saga_type));
        Ok(sagas)
    }
}
