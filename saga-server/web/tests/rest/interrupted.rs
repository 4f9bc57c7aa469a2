//! Others who write just before an operator's change is stored.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use saga_store::{
    AppendError, Appended, Conclude, OperationPage, OperationQuery, OperationStore, Store, StoreError,
};
use saga_types::{SagaEvent, Timestamp};
use tokio::sync::Mutex;

/// Stores a batch of others before each change.
pub(crate) struct Interrupted {
    store: Arc<dyn Store>,
    batches: Mutex<VecDeque<Vec<SagaEvent>>>,
}

impl Interrupted {
    pub(crate) fn new(store: Arc<dyn Store>, batches: impl Iterator<Item = Vec<SagaEvent>>) -> Self {
        Self {
            store,
            batches: Mutex::new(batches.collect()),
        }
    }
}

#[async_trait]
impl OperationStore for Interrupted {
    async fn append_by(&self, batch: Arc<[SagaEvent]>, conclude: Conclude) -> Result<Appended, AppendError> {
        if let Some(first) = self.batches.lock().await.pop_front() {
            self.store.append(first.into()).await?;
        }
        self.store.append_by(batch, conclude).await
    }

    async fn operations(&self, query: &OperationQuery) -> Result<OperationPage, StoreError> {
        self.store.operations(query).await
    }

    async fn remove_operations(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.store.remove_operations(before, limit).await
    }
}
