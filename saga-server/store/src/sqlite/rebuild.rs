//! Making again what follows from the steps.

use std::collections::HashMap;

use async_trait::async_trait;
use saga_types::definition::Definitions;
use serde_json::json;
use sqlx::SqlitePool;

use super::{SqliteStore, error, instances, read, rollups};
use crate::{
    AppendError, Rebuild, RebuildStore, Rebuilt, StoreError,
    detached::run_detached,
    fold_batch::UpdatedSaga,
    rebuild::{self, Next, Stored},
    rollup,
};

/// The ids of the next sagas, of those that have steps and of those that are kept, each found by one look into an index.
const NEXT: &str = r"
WITH RECURSIVE told (saga_id) AS (
    SELECT min(saga_id) FROM saga_steps WHERE saga_id > ?1
    UNION ALL
    SELECT (SELECT min(saga_id) FROM saga_steps WHERE saga_id > told.saga_id) FROM told WHERE told.saga_id IS NOT NULL
)
SELECT next.saga_id, COALESCE(event_count, 1)
FROM (
    SELECT saga_id FROM (SELECT saga_id FROM told WHERE saga_id IS NOT NULL LIMIT ?2)
    UNION
    SELECT saga_id FROM (SELECT saga_id FROM saga_instance WHERE saga_id > ?1 ORDER BY saga_id LIMIT ?2)
) AS next LEFT JOIN saga_instance USING (saga_id)
ORDER BY next.saga_id LIMIT ?2";

const STORED: &str = r"
SELECT saga_id, version, fold, json_object('sagaType', saga_type, 'orderId', order_id, 'currentStatus', current_status,
    'lastStep', last_step, 'lastTraceId', last_trace_id, 'startedAt', started_at, 'updatedAt', updated_at,
    'endedAt', ended_at,
    'endedByOverride', json(CASE WHEN ended_by_override THEN 'true' ELSE 'false' END), 'failedStep', failed_step, 'failureReason', failure_reason,
    'outstandingCompensations', json(outstanding), 'anomalies', json(anomalies), 'awaitedStep', awaited_step,
    'awaitedService', awaited_service, 'awaitedDeadline', awaited_deadline,
    'owedSince', owed_since, 'stepCount', event_count)
FROM json_each(?) AS wanted JOIN saga_instance ON saga_id = wanted.value";

#[async_trait]
impl RebuildStore for SqliteStore {
    async fn rebuild(
        &self,
        after: Option<&str>,
        limit: u32,
        rebuild: Rebuild,
    ) -> Result<Rebuilt, StoreError> {
        let (store, after) = (self.clone(), after.unwrap_or_default().to_owned());
        run_detached(async move { again(&store.writers, &store.definitions, &after, limit, rebuild).await })
            .await
    }

    async fn recount(&self, rebuild: Rebuild) -> Result<u64, StoreError> {
        let store = self.clone();
        run_detached(async move { rollups::recount(&store.writers, rebuild).await }).await
    }
}

async fn again(
    writer: &SqlitePool,
    definitions: &Definitions,
    after: &str,
    limit: u32,
    rebuild: Rebuild,
) -> Result<Rebuilt, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error::store)?;
    let next: Next = sqlx::query_as(NEXT)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await
        .map_err(error::store)?;
    let saga_ids = rebuild::held_at_once(next);
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(STORED)
        .bind(json!(saga_ids).to_string())
        .fetch_all(&mut *transaction)
        .await
        .map_err(error::store)?;
    let mut stored = HashMap::with_capacity(rows.len());
    for (saga_id, version, fold, row) in rows {
        stored.insert(saga_id, Stored::new(version, fold, &row));
    }
    let histories = read::histories(&mut transaction, &saga_ids).await?;
    let compared = rebuild::compare(&saga_ids, stored, histories, definitions)?;
    if rebuild == Rebuild::Write && !compared.updated.is_empty() {
        let updated = &compared.updated;
        instances::write(&mut transaction, updated)
            .await
            .map_err(failed)?;
        rollups::change(
            &mut transaction,
            &rollup::moved(updated.iter().map(UpdatedSaga::counted)),
        )
        .await
        .map_err(error::store)?;
    }
    transaction.commit().await.map_err(error::store)?;
    Ok(Rebuilt {
        sagas: saga_ids.len(),
        last: saga_ids.last().cloned(),
        differences: compared.differences,
    })
}

fn failed(error: AppendError) -> StoreError {
    error.into()
}
