//! Making again what follows from the steps.

use async_trait::async_trait;

use super::{PostgresStore, rollups};
use crate::store::{Rebuild, RebuildStore, StoreError, unattended};

#[async_trait]
impl RebuildStore for PostgresStore {
    async fn recount(&self, rebuild: Rebuild) -> Result<u64, StoreError> {
        let store = self.clone();
        unattended(async move { rollups::recount(&store.writers, rebuild).await }).await
    }
}
