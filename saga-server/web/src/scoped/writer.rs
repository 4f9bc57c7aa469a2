//! Changes, for `operations` alone.

use std::sync::Arc;

use saga_collector::{
    dead_letters::{ReplayError, ReplayOrder, ReplayReport},
    erasure::{ErasureOrder, ErasureReport},
};
use saga_store::{AppendError, Appended, Conclude};
use saga_types::SagaEvent;

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
        let appending = self.sources.store.append_by(events, conclude);
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
