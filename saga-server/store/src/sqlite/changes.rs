//! Changes. There is one process, so there is nobody to tell.

use std::collections::BTreeSet;

use async_trait::async_trait;
use saga_types::{SagaId, fold::SagaState};
use tokio::sync::mpsc;

use super::{SqliteStore, error, read};
use crate::{Announcement, ChangeStore, ChangedSagas, StoreError};

#[async_trait]
impl ChangeStore for SqliteStore {
    fn changed(&self) -> &ChangedSagas {
        &self.changed
    }

    async fn announce(&self, _: &Announcement) -> Result<(), StoreError> {
        Ok(())
    }

    async fn listen(&self, heard: mpsc::Sender<Announcement>) -> Result<(), StoreError> {
        heard.closed().await;
        Ok(())
    }

    async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<SagaState>, StoreError> {
        const SQL: &str =
            "SELECT saga_id, fold FROM json_each(?) AS wanted JOIN saga_instance ON saga_id = wanted.value";
        let folds = sqlx::query_as(SQL)
            .bind(serde_json::json!(saga_ids).to_string())
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        read::states(&self.readers, &self.definitions, folds).await
    }
}
