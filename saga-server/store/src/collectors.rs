//! The collectors on one database, and what they must have in common.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// What a collector runs with, as far as all on one database must agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorSettings {
    /// Identifies its definitions.
    pub definitions: String,
    /// Identifies the keys of metadata that it hides.
    pub redaction: String,
    /// The newest version of the tables that it knows.
    pub tables: i64,
}

/// The part of a store by which collectors notice each other.
#[async_trait]
pub trait CollectorStore {
    /// The newest version of the tables that this store knows.
    fn tables(&self) -> i64;

    /// Says with what a collector runs; it counts as running for `period` from now. Gives the settings of the others that run.
    async fn announce_collector(
        &self,
        collector: &str,
        settings: &CollectorSettings,
        period: Duration,
    ) -> Result<Vec<CollectorSettings>, StoreError>;

    /// The collector has ended.
    async fn withdraw_collector(&self, collector: &str) -> Result<(), StoreError>;
}
