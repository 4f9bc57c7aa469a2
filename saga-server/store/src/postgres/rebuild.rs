//! Making again what follows from the steps.
//!
//! Rule of thumb: a saga that is to be written is locked before its steps are read, so that all of its steps are there
//! which any fold has taken; who only looks reads everything in one snapshot.

use std::collections::HashMap;

use async_trait::async_trait;
use saga_types::definition::Definitions;
use sqlx::{Connection, PgConnection, PgPool};

use super::{PostgresStore, abort::AppendAbort, error, instances, read, rollups};
use crate::{
    Rebuild, RebuildStore, Rebuilt, StoreError,
    detached::run_detached,
    fold_batch::UpdatedSaga,
    rebuild::{self, Next, Stored},
    rollup,
};

/// How often a transaction is tried that conflicts with others.
const ATTEMPTS: u32 = 10;

/// The ids of the next sagas, of those that have steps and of those that are kept, each found by one look into an index.
const NEXT: &str = r"
WITH RECURSIVE told AS (
    (SELECT saga_id FROM saga_steps WHERE saga_id > $1 ORDER BY saga_id LIMIT 1)
    UNION ALL
    SELECT (SELECT saga_id FROM saga_steps WHERE saga_id > told.saga_id ORDER BY saga_id LIMIT 1)
    FROM told WHERE told.saga_id IS NOT NULL
)
SELECT saga_id, COALESCE(event_count, 1)
FROM (
    (SELECT saga_id FROM told WHERE saga_id IS NOT NULL LIMIT $2)
    UNION
    (SELECT saga_id FROM saga_instance WHERE saga_id > $1 ORDER BY saga_id LIMIT $2)
) AS next LEFT JOIN saga_instance USING (saga_id)
ORDER BY saga_id LIMIT $2";

macro_rules! stored {
    ($lock:literal) => {
        concat!(
            "SELECT saga_id, version, fold, jsonb_build_object('sagaType', saga_type, 'orderId', order_id, \
             'currentStatus', current_status, 'lastStep', last_step, 'lastTraceId', last_trace_id, \
             'startedAt', (extract(epoch FROM started_at) * 1000)::bigint, \
             'updatedAt', (extract(epoch FROM updated_at) * 1000)::bigint, \
             'endedAt', (extract(epoch FROM ended_at) * 1000)::bigint, 'endedByOverride', ended_by_override, \
             'failedStep', failed_step, \
             'failureReason', failure_reason, 'outstandingCompensations', outstanding, 'anomalies', anomalies, \
             'awaitedStep', awaited_step, 'awaitedService', awaited_service, \
             'awaitedDeadline', (extract(epoch FROM awaited_deadline) * 1000)::bigint, \
             'owedSince', (extract(epoch FROM owed_since) * 1000)::bigint, 'stepCount', event_count)::text \
             FROM saga_instance WHERE saga_id = ANY($1) ORDER BY saga_id",
            $lock
        )
    };
}
const STORED: &str = stored!("");
const STORED_LOCKED: &str = stored!(" FOR UPDATE");

#[async_trait]
impl RebuildStore for PostgresStore {
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
    writers: &PgPool,
    definitions: &Definitions,
    after: &str,
    limit: u32,
    rebuild: Rebuild,
) -> Result<Rebuilt, StoreError> {
    let mut conflict = String::new();
    for _ in 0..ATTEMPTS {
        let mut connection = writers.acquire().await.map_err(error::store)?;
        match attempt(&mut connection, definitions, after, limit, rebuild).await {
            Ok(rebuilt) => return Ok(rebuilt),
            Err(AppendAbort::Conflict(other)) => conflict = other,
            Err(AppendAbort::Removed(sagas)) => conflict = format!("{} sagas that were removed", sagas.len()),
            Err(AppendAbort::Ended(error)) => return Err(error.into()),
        }
    }
    Err(StoreError::Unavailable(
        format!("conflicted with other writers {ATTEMPTS} times: {conflict}").into(),
    ))
}

async fn attempt(
    connection: &mut PgConnection,
    definitions: &Definitions,
    after: &str,
    limit: u32,
    rebuild: Rebuild,
) -> Result<Rebuilt, AppendAbort> {
    let (begin, stored) = match rebuild {
        Rebuild::DryRun => ("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", STORED),
        Rebuild::Write => ("BEGIN", STORED_LOCKED),
    };
    let mut transaction = connection.begin_with(begin).await?;
    let next: Next = sqlx::query_as(NEXT)
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *transaction)
        .await?;
    let saga_ids = rebuild::held_at_once(next);
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(stored)
        .bind(&saga_ids)
        .fetch_all(&mut *transaction)
        .await?;
    let mut stored = HashMap::with_capacity(rows.len());
    for (saga_id, version, fold, row) in rows {
        stored.insert(saga_id, Stored::new(version, fold, &row));
    }
    let histories = read::histories(&mut transaction, &saga_ids).await?;
    let compared = rebuild::compare(&saga_ids, stored, histories, definitions)?;
    if rebuild == Rebuild::Write && !compared.updated.is_empty() {
        instances::write(&mut transaction, &compared.updated).await?;
        rollups::change(
            &mut transaction,
            &rollup::moved(compared.updated.iter().map(UpdatedSaga::counted)),
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(Rebuilt {
        sagas: saga_ids.len(),
        last: saga_ids.last().cloned(),
        differences: compared.differences,
    })
}
