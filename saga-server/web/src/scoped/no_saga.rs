//! Why a saga is not shown.

use saga_collector::freshness::Freshness;
use saga_store::{Removal, StoreError};
use saga_types::SagaId;

/// Why a saga is not shown.
#[derive(Debug)]
pub(crate) enum NoSaga {
    /// It is not in the database, and never was as far as is known; while ingest lags, it may still come. Or the caller may not
    /// see its type, of which nothing must be different.
    Unknown(SagaId, Freshness),
    /// It was removed at the end of its retention.
    Removed(SagaId, Removal),
    /// The database gave no answer.
    Store(StoreError),
}

impl From<StoreError> for NoSaga {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
