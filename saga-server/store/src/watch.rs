//! What is late, who watches over it, and what was already reported.

use std::time::Duration;

use async_trait::async_trait;
use saga_types::{SagaType, Step, Timestamp};

use super::{Judged, Late, Scope, StoreError, StoredSaga, Total};

/// How many sagas are late with the same step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateCount {
    /// Their type.
    pub saga_type: SagaType,
    /// The step that is awaited, or the one that must be undone.
    pub step: Step,
    /// How many.
    pub sagas: u64,
}

/// Sagas that are late with the same step, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateGroup {
    /// With what, and how many.
    pub count: LateCount,
    /// When the first of them was due.
    pub due: Timestamp,
}

/// Sagas that are late, those that are latest first.
#[derive(Debug, Clone)]
pub struct LateSagas {
    /// The first of them.
    pub sagas: Vec<StoredSaga>,
    /// How many there are.
    pub total: Total,
}

/// The part of a store that those who watch over sagas ask.
#[async_trait]
pub trait WatchStore {
    /// Takes or renews the lease of work that one collector of several does, for a period by the database's clock. `false`
    /// while it is another holder's.
    async fn hold_lease(&self, name: &str, holder: &str, period: Duration) -> Result<bool, StoreError>;

    /// Gives it back, if it is this holder's.
    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError>;

    /// How many sagas were due before a moment, by type and step. A saga that owes several compensations counts for each.
    async fn count_late(&self, late: Late, before: Timestamp) -> Result<Vec<LateCount>, StoreError>;

    /// The same of these types, in groups by type and step, the largest first, of the [`Total::CAP`] sagas that were due longest. A saga that
    /// awaits several steps, or owes several compensations, is in the group of each, as a search by that step finds it.
    /// With `acknowledged`, only those that are acknowledged and not worse since, or, with `false`, only the others.
    async fn late_groups(
        &self,
        late: Late,
        before: Timestamp,
        scope: &Scope,
        acknowledged: Option<(bool, Judged)>,
    ) -> Result<Vec<LateGroup>, StoreError>;

    /// The sagas of these types that were due before a moment, those due longest first; as [`WatchStore::late_groups`] chooses them.
    async fn late_sagas(
        &self,
        late: Late,
        before: Timestamp,
        size: u32,
        scope: &Scope,
        acknowledged: Option<(bool, Judged)>,
    ) -> Result<LateSagas, StoreError>;

    /// Those of them that were not reported yet, at most `limit`. What is no longer late is forgotten, so that it is new when
    /// it is late again.
    async fn unreported(
        &self,
        late: Late,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredSaga>, StoreError>;

    /// Marks these as reported with what they are late with now.
    async fn mark_reported(&self, late: Late, sagas: &[StoredSaga]) -> Result<(), StoreError>;
}
