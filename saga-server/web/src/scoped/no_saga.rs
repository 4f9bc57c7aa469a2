//! Why a saga is not shown.

use saga_collector::{archive::ArchiveError, freshness::Freshness};
use saga_store::{Removal, StoreError};
use saga_types::SagaId;

use super::shown::InArchive;

/// Why a saga is not shown.
#[derive(Debug)]
pub(crate) enum NoSaga {
    /// It is not in the database, and never was as far as is known; while ingest lags, it may still come. Or the caller may not
    /// see its type, of which nothing must be different.
    Unknown(SagaId, Box<Freshness>),
    /// It was removed at the end of its retention, and is in no archive that is asked.
    Removed(SagaId, Removal),
    /// It is in the archive, where nothing is changed.
    Archived(SagaId, Box<InArchive>),
    /// The archive, which may have it, gave no answer.
    Archive(SagaId, Box<ArchiveError>),
    /// The database gave no answer.
    Store(StoreError),
}

impl From<StoreError> for NoSaga {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
