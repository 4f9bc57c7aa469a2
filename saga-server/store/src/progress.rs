//! How far each partition of the topic is stored, shared by all collectors on one database.

use async_trait::async_trait;
use saga_types::Timestamp;

use super::StoreError;

/// How far one partition was, as its consumer last saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionProgress {
    /// Its number.
    pub partition: i32,
    /// How many of its events were not stored.
    pub events_behind: u64,
    /// Everything that was in it at this moment is stored; none when that is not known.
    pub as_of: Option<Timestamp>,
    /// When the broker said how many there are.
    pub observed_at: Timestamp,
}

/// The part of a store that keeps how far ingest is.
#[async_trait]
pub trait ProgressStore {
    /// Keeps how far these partitions are, in place of the values before. A moment once known stays until another one is.
    async fn keep_progress(&self, topic: &str, partitions: &[PartitionProgress]) -> Result<(), StoreError>;

    /// How far the partitions of a topic are, ordered by their numbers.
    async fn progress(&self, topic: &str) -> Result<Vec<PartitionProgress>, StoreError>;
}
