//! The port for sagas that leave the database at the end of their time.
//!
//! Rule of thumb: a saga is removed whole, in one transaction, and only as it was when it was chosen; a marker stays in
//! its place, so that a late event is refused instead of passing for a new saga.

use async_trait::async_trait;
use saga_types::{SagaEvent, SagaType, Timestamp, fold::SagaState};

use super::StoreError;

/// The part of a store that removes sagas that ended long ago.
#[async_trait]
pub trait RetentionStore {
    /// Sagas whose last event was recorded before the moment that counts for them, the longest unchanged first; after a
    /// position, or from the beginning.
    async fn expired(
        &self,
        before: ExpiredBefore,
        after: Option<&Expired>,
        limit: u32,
    ) -> Result<Vec<Expired>, StoreError>;

    /// The sagas of these ids that are still there.
    async fn still_there(&self, saga_ids: &[String]) -> Result<Vec<Expired>, StoreError>;

    /// The states of these sagas, ordered by id.
    async fn states(&self, saga_ids: &[String]) -> Result<Vec<SagaState>, StoreError>;

    /// The events of these sagas, ordered by saga, time and id, after one of them, or from the beginning.
    async fn events(
        &self,
        saga_ids: &[String],
        after: Option<&SagaEvent>,
        limit: u32,
    ) -> Result<Vec<SagaEvent>, StoreError>;

    /// Removes those of the sagas that are as they were when they were chosen, and leaves a marker for each. Gives the
    /// ids of those that were removed.
    ///
    /// With an attempt, it is finished by the same transaction; when another one has taken over, nothing is removed.
    async fn remove(&self, sagas: &[Expired], archived: Option<&Archived>) -> Result<Removed, StoreError>;

    /// What is being archived, perhaps by a collector that was killed.
    async fn archive_plan(&self) -> Result<Option<ArchivePlan>, StoreError>;

    /// Begins a batch, or takes one over: from now on only this attempt can finish it. `false` when another batch is
    /// being archived.
    async fn plan_archive(&self, plan: &ArchivePlan) -> Result<bool, StoreError>;

    /// When a saga was removed, and where it is archived.
    async fn removal(&self, saga_id: &str) -> Result<Option<Removal>, StoreError>;

    /// Forgets removals before a moment, some at a time; how many.
    async fn forget_removals(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// When the last event of a saga must have been recorded for its time to be over; [`Timestamp::MIN`] for never. Of one whose last
/// event is from a time to come, when its events must have been stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredBefore {
    /// Of sagas that have ended.
    pub ended: Timestamp,
    /// Of sagas that have not.
    pub unfinished: Timestamp,
}

/// A saga whose time is over, as it was when it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// Its id.
    pub saga_id: String,
    /// When its last event was recorded.
    pub updated_at: Timestamp,
    /// Rises with each change.
    pub version: i64,
    /// How many events it has.
    pub event_count: u64,
}

/// Sagas on their way into the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivePlan {
    /// Names the batch.
    pub batch: String,
    /// Names the attempt that works on it.
    pub attempt: String,
    /// Its sagas.
    pub saga_ids: Vec<String>,
}

/// An attempt whose files are written and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// As in the plan.
    pub attempt: String,
    /// The folder in the archive.
    pub folder: String,
}

/// What became of sagas that were to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// These are gone; the others changed in the meantime.
    Sagas(Vec<String>),
    /// Another attempt has taken over; nothing was removed.
    Overtaken,
}

/// A saga that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// When.
    pub removed_at: Timestamp,
    /// The folder in the archive that holds it; none when it was not archived.
    pub archive: Option<String>,
    /// The saga's type; none when an older version removed it.
    pub saga_type: Option<SagaType>,
    /// When a person's data was erased from its metadata.
    pub erased_at: Option<Timestamp>,
}
