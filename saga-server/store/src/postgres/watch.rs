//! What is late, leases and reports.

use std::time::Duration;

use async_trait::async_trait;
use saga_types::{SagaType, Step, Timestamp, fold::SagaState};
use sqlx::AssertSqlSafe;

use super::{PostgresStore, error, in_time, read};
use crate::{Late, LateCount, LateSagas, StoreError, Total, WatchStore, rows::corrupt};

/// By the database's own clock, which is the only one that all collectors share. A row and not an advisory lock, because that
/// belongs to a session: a pooler may hand it to others, and a process that hangs would keep it.
const HOLD: &str = r"
INSERT INTO lease AS held (name, holder, expires_at) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE held.holder = excluded.holder OR held.expires_at < clock_timestamp()
RETURNING true";

const COUNT_STUCK: &str = r"
SELECT saga_type, awaited_step, count(*) FROM saga_instance WHERE awaited_deadline < $1
GROUP BY saga_type, awaited_step";

const COUNT_OWING: &str = r"
SELECT saga_type, effect, count(*) FROM saga_instance, unnest(outstanding) AS effect WHERE owed_since < $1
GROUP BY saga_type, effect";

#[async_trait]
impl WatchStore for PostgresStore {
    async fn hold_lease(&self, name: &str, holder: &str, period: Duration) -> Result<bool, StoreError> {
        in_time(async {
            let held: Option<bool> = sqlx::query_scalar(HOLD)
                .bind(name)
                .bind(holder)
                .bind(i64::try_from(period.as_millis()).unwrap_or(i64::MAX))
                .fetch_optional(&self.readers)
                .await
                .map_err(error::store)?;
            Ok(held.is_some())
        })
        .await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        in_time(async {
            sqlx::query("DELETE FROM lease WHERE name = $1 AND holder = $2")
                .bind(name)
                .bind(holder)
                .execute(&self.readers)
                .await
                .map_err(error::store)?;
            Ok(())
        })
        .await
    }

    async fn count_late(&self, late: Late, before: Timestamp) -> Result<Vec<LateCount>, StoreError> {
        in_time(async {
            let sql = match late {
                Late::Stuck => COUNT_STUCK,
                Late::Owing => COUNT_OWING,
            };
            let rows: Vec<(String, String, i64)> = sqlx::query_as(sql)
                .bind(before.to_datetime())
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            rows.into_iter()
                .map(|(saga_type, step, sagas)| {
                    Ok(LateCount {
                        saga_type: SagaType::try_from(saga_type).map_err(corrupt)?,
                        step: Step::from_wire(step).map_err(corrupt)?,
                        sagas: sagas.cast_unsigned(),
                    })
                })
                .collect()
        })
        .await
    }

    async fn late_sagas(&self, late: Late, before: Timestamp, size: u32) -> Result<LateSagas, StoreError> {
        in_time(async {
            let due = late.column();
            let page = format!(
                "SELECT saga_id, fold FROM saga_instance WHERE {due} < $1 ORDER BY {due} LIMIT {size}"
            );
            let count = format!(
                "SELECT count(*) FROM (SELECT FROM saga_instance WHERE {due} < $1 LIMIT {}) AS late",
                Total::CAP + 1
            );
            let folds: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(page))
                .bind(before.to_datetime())
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
                .bind(before.to_datetime())
                .fetch_one(&self.readers)
                .await
                .map_err(error::store)?;
            Ok(LateSagas {
                sagas: read::states(&self.readers, &self.definitions, folds).await?,
                total: Total::capped(count.cast_unsigned()),
            })
        })
        .await
    }

    async fn unreported(
        &self,
        late: Late,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<SagaState>, StoreError> {
        in_time(async {
        let due = late.column();
        let forget = format!(
            "DELETE FROM reported_late AS reported WHERE kind = $1 AND NOT EXISTS (SELECT FROM saga_instance AS saga \
             WHERE saga.saga_id = reported.saga_id AND saga.{due} = reported.due)"
        );
        sqlx::query(AssertSqlSafe(forget))
            .bind(late.as_str())
            .execute(&self.readers)
            .await
            .map_err(error::store)?;
        let find = format!(
            "SELECT saga_id, fold FROM saga_instance AS saga WHERE {due} < $1 AND NOT EXISTS (SELECT FROM \
             reported_late AS reported WHERE kind = $2 AND reported.saga_id = saga.saga_id) ORDER BY {due} LIMIT {limit}"
        );
        let folds: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(find))
            .bind(before.to_datetime())
            .bind(late.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        read::states(&self.readers, &self.definitions, folds).await
        })
        .await
    }

    async fn mark_reported(&self, late: Late, sagas: &[SagaState]) -> Result<(), StoreError> {
        in_time(async {
        let due = late.column();
        // Taken from the row and not from the state: when a definition was changed, they differ until the next event.
        let remember = format!(
            "INSERT INTO reported_late (kind, saga_id, due) SELECT $1, saga_id, {due} FROM saga_instance \
             WHERE saga_id = ANY($2) AND {due} IS NOT NULL ON CONFLICT (kind, saga_id) DO UPDATE SET due = excluded.due"
        );
        sqlx::query(AssertSqlSafe(remember))
            .bind(late.as_str())
            .bind(sagas.iter().map(|saga| saga.saga_id.as_str()).collect::<Vec<_>>())
            .execute(&self.readers)
            .await
            .map_err(error::store)?;
        Ok(())
        })
        .await
    }
}
