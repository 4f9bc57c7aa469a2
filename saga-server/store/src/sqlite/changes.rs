//! Changes. There is one process, so none is announced.

use std::collections::BTreeSet;

use async_trait::async_trait;
use saga_types::SagaId;
use tokio::sync::mpsc;

use super::{SqliteStore, read};
use crate::{Announcement, ChangeStore, ChangedSagas, StoreError, StoredSaga};

#[async_trait]
impl ChangeStore for SqliteStore {
    fn changed(&self) -> &ChangedSagas {
        &self.changed
    }

    async fn announce(&self, _: &Announcement) -> Result<(), StoreError> {
        Ok(())
    }

    async fn listen(&self, received: mpsc::Sender<Announcement>) -> Result<(), StoreError> {
        received.closed().await;
        Ok(())
    }

    async fn sagas(&self, saga_ids: &BTreeSet<SagaId>) -> Result<Vec<StoredSaga>, StoreError> {
        let saga_ids: Vec<&str> = saga_ids.iter().map(|saga_id| saga_id.as_str()).collect();
        read::sagas(&self.readers, &self.definitions.get(), &saga_ids).await
    }
}
