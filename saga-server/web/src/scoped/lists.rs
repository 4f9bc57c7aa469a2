//! The questions of a caller about lists: read to their end, found by a text, and with a name.

use saga_store::{DrawnEvent, FindQuery, Found, SagaQuery, SavedView, StoreError, Stretch};

use super::Reader;
use crate::{
    http::ApiError,
    streams::{FILES, Share},
};

impl Reader {
    /// Some sagas of a list, for those who read it to its end.
    pub(crate) async fn list(&self, query: &SagaQuery) -> Result<Stretch, StoreError> {
        let query = SagaQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("list", self.sources.store.list(&query)).await
    }

    /// A place among the files that are sent at once.
    pub(crate) fn file_place(&self) -> Result<Share, ApiError> {
        let place = self.streams.enter_file(self.caller());
        place.ok_or_else(|| {
            ApiError::unavailable(format!(
                "{FILES} files are being sent at once, or too many of them to you; try again when one is complete"
            ))
        })
    }

    /// Sagas that a text names.
    pub(crate) async fn find(&self, query: &FindQuery) -> Result<Found, StoreError> {
        let query = FindQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("find", self.sources.store.find(&query)).await
    }

    /// The saved views.
    pub(crate) async fn views(&self) -> Result<Vec<SavedView>, StoreError> {
        self.ask("views", self.sources.store.views(self.scope())).await
    }

    /// The events of sagas that are drawn in the same manner.
    pub(crate) async fn draw_events(
        &self,
        query: &SagaQuery,
        most: u32,
    ) -> Result<Vec<Vec<DrawnEvent>>, StoreError> {
        let query = SagaQuery {
            scope: self.scope().clone(),
            ..query.clone()
        };
        self.ask("draw_events", self.sources.store.draw_events(&query, most))
            .await
    }
}
