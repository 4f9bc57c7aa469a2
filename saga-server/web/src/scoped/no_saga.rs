//! Why a saga is not shown, and what callers are answered then.

use saga_collector::{archive::ArchiveError, freshness::Freshness};
use saga_store::{Removal, StoreError};
use saga_types::SagaId;

use super::shown::InArchive;
use crate::http::{ApiError, error::LEFT_AT};

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

impl From<NoSaga> for ApiError {
    fn from(reason: NoSaga) -> Self {
        match reason {
            NoSaga::Unknown(saga_id, freshness) => {
                Self::not_found_yet(format!("there is no saga {:?}", saga_id.as_str()), &freshness)
            }
            NoSaga::Removed(saga_id, removal) => saga_removed(saga_id.as_str(), removal),
            NoSaga::Archived(saga_id, archived) => saga_archived(saga_id.as_str(), &archived),
            NoSaga::Archive(saga_id, error) => archive_away(saga_id.as_str(), &error),
            NoSaga::Store(error) => error.into(),
        }
    }
}

/// When it left, and whereto.
fn saga_removed(saga_id: &str, removal: Removal) -> ApiError {
    let whereto = match removal.archive {
        Some(_) => "it is in the archive",
        None => "it was not archived",
    };
    let left = removal.removed_at;
    let message = format!("saga {saga_id:?} left the database at {left}; {whereto}");
    let mut error = ApiError::not_found(message).with_detail(LEFT_AT, left.to_string());
    if let Some(folder) = removal.archive {
        error = error.with_detail("archive", folder);
    }
    if let Some(erased_at) = removal.erased_at {
        error = error.with_detail("metadataErasedAt", erased_at.to_string());
    }
    error
}

/// Nothing of the archive is changed by an answer.
fn saga_archived(saga_id: &str, archived: &InArchive) -> ApiError {
    let message = format!(
        "saga {saga_id:?} is in the archive, where nothing is changed; saga-server archive restore --saga ID --to DIR brings \
         it into a database of its own"
    );
    let error = ApiError::conflict(message).with_detail("archive", archived.folder.clone());
    match archived.left_at {
        Some(left) => error.with_detail(LEFT_AT, left.to_string()),
        None => error,
    }
}

/// Whether the saga is there is not known. The cause may name hosts and folders, which are for operators.
fn archive_away(saga_id: &str, error: &ArchiveError) -> ApiError {
    let what = match error {
        ArchiveError::File { .. } => "has a file that cannot be read",
        ArchiveError::Index(_) => "has no index that can be read",
        _ => "does not answer",
    };
    let message = format!(
        "saga {saga_id:?} is not in the database, and the archive, which may have it, {what}; /health/readiness has the cause"
    );
    ApiError::unavailable(message).with_detail("archive", what)
}
