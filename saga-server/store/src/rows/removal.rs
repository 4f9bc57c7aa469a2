//! Rows of what retention reads and leaves behind.

use saga_types::SagaType;

use crate::{
    ArchivePlan, Corrupt, Expired, Removal, StoreError,
    columns::{Moment, Texts},
    table::{Keyed, table},
};

table! {
    /// A saga as it was when it was chosen for removal.
    struct ExpiredRow<'a> of saga_instance (saga_id) {
        saga_id: &'a str,
        updated_at: Moment,
        version: i64,
        event_count: i64,
    }
}

impl From<ExpiredRow<'_>> for Expired {
    fn from(row: ExpiredRow<'_>) -> Self {
        Self {
            saga_id: row.saga_id.to_owned(),
            updated_at: row.updated_at.0,
            version: row.version,
            event_count: row.event_count.cast_unsigned(),
        }
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct RemovedRow {
    saga_id: String,
    removed_at: Moment,
    archive: Option<String>,
    saga_type: Option<String>,
    erased_at: Option<Moment>,
}

impl Keyed for RemovedRow {
    const NAME: &'static str = "saga_removed";
    const KEY: &'static [&'static str] = &["saga_id"];
}

impl TryFrom<RemovedRow> for Removal {
    type Error = StoreError;

    fn try_from(row: RemovedRow) -> Result<Self, StoreError> {
        let corrupt = |error| Corrupt::new(RemovedRow::NAME, "saga_type", row.saga_id, error);
        let saga_type = row.saga_type.map(SagaType::try_from).transpose();
        Ok(Self {
            removed_at: row.removed_at.0,
            archive: row.archive,
            saga_type: saga_type.map_err(corrupt)?,
            erased_at: row.erased_at.map(|moment| moment.0),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct ArchivePlanRow {
    batch: String,
    attempt: String,
    saga_ids: Texts,
}

impl Keyed for ArchivePlanRow {
    const NAME: &'static str = "archive_plan";
    const KEY: &'static [&'static str] = &["batch"];
}

impl From<ArchivePlanRow> for ArchivePlan {
    fn from(row: ArchivePlanRow) -> Self {
        Self {
            batch: row.batch,
            attempt: row.attempt,
            saga_ids: row.saga_ids.0,
        }
    }
}
