//! A saga and where it was found: in the database or in the archive.

use saga_collector::archive::ArchivedSaga;
use saga_store::StoredSaga;
use saga_types::{Timestamp, fold::SagaState};
use serde::Serialize;
use utoipa::ToSchema;

/// A saga as it is shown: with nothing hidden.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) saga: StoredSaga,
    /// Where it is, when it left the database.
    pub(crate) archived: Option<InArchive>,
}

/// A saga in the archive.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Archived)]
pub(crate) struct InArchive {
    /// When it left the database; null when that is no longer known, which it is for a year.
    pub(crate) left_at: Option<Timestamp>,
    /// Its folder in the archive.
    pub(crate) folder: String,
    #[serde(skip)]
    pub(super) erased_at: Option<Timestamp>,
    #[serde(skip)]
    pub(super) saga: ArchivedSaga,
}

impl InArchive {
    pub(crate) fn state(&self) -> &SagaState {
        &self.saga.state
    }
}
