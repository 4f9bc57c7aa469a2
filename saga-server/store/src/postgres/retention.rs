//! Sagas that leave the database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saga_types::{SagaEvent, SagaType, Timestamp, definition::Definitions, fold::SagaState};
use sqlx::{Connection, PgConnection, PgPool, Row, postgres::PgRow};

use super::{PostgresStore, error, read, rollups, steps};
use crate::{
    ArchivePlan, Archived, Expired, ExpiredBefore, Removal, Removed, RetentionStore, StoreError,
    detached::run_detached,
    rollup::{self, RollupKey},
    rows::corrupt,
};

const EXPIRED: &str = r"
SELECT saga_id, updated_at, version, event_count FROM saga_instance
WHERE updated_at < greatest($1::timestamptz, $2::timestamptz) AND (updated_at, saga_id) > ($3, $4)
    AND updated_at < CASE WHEN current_status IN ('COMPLETED', 'FAILED', 'COMPENSATED') THEN $1 ELSE $2 END
ORDER BY updated_at, saga_id LIMIT $5";

const STILL_THERE: &str = r"
SELECT saga_id, updated_at, version, event_count FROM saga_instance WHERE saga_id = ANY($1) ORDER BY saga_id";

const FOLDS: &str = "SELECT saga_id, fold FROM saga_instance WHERE saga_id = ANY($1) ORDER BY saga_id";

const EVENTS: &str = r"
SELECT saga_id, event_id, saga_type, order_id, step, status, metadata::text, recorded_at, event_timestamp
FROM saga_steps WHERE saga_id = ANY($1) AND (saga_id, recorded_at, event_id) > ($2, $3, $4)
ORDER BY saga_id, recorded_at, event_id LIMIT $5";

/// Locks the sagas that nobody has changed since, in the order in which writers lock them.
const LOCK_UNCHANGED: &str = r"
SELECT saga_id, saga_type, current_status, started_at,
    CASE WHEN NOT ended_by_override THEN ended_at END
FROM saga_instance
WHERE (saga_id, version) IN (SELECT * FROM UNNEST($1::text[], $2::bigint[]))
ORDER BY saga_id FOR UPDATE";

const MARK: &str = r"
INSERT INTO saga_removed (saga_id, removed_at, archive) SELECT saga_id, now(), $2 FROM UNNEST($1::text[]) AS gone (saga_id)
ON CONFLICT (saga_id) DO UPDATE SET removed_at = excluded.removed_at, archive = excluded.archive";

const REMOVE: [&str; 3] = [
    "DELETE FROM saga_steps WHERE saga_id = ANY($1)",
    "DELETE FROM saga_other_order WHERE saga_id = ANY($1)",
    "DELETE FROM saga_instance WHERE saga_id = ANY($1)",
];

const PLAN: &str = r"
INSERT INTO archive_plan AS open (batch, attempt, saga_ids) VALUES ($1, $2, $3)
ON CONFLICT (only_one) DO UPDATE SET attempt = excluded.attempt WHERE open.batch = excluded.batch";

const FORGET: &str = r"
DELETE FROM saga_removed WHERE saga_id IN
    (SELECT saga_id FROM saga_removed WHERE removed_at < $1 ORDER BY removed_at LIMIT $2)";

#[async_trait]
impl RetentionStore for PostgresStore {
    async fn expired(
        &self,
        before: ExpiredBefore,
        after: Option<&Expired>,
        limit: u32,
    ) -> Result<Vec<Expired>, StoreError> {
        expired(&self.readers, before, after, limit).await
    }

    async fn still_there(&self, saga_ids: &[String]) -> Result<Vec<Expired>, StoreError> {
        still_there(&self.readers, saga_ids).await
    }

    async fn states(&self, saga_ids: &[String]) -> Result<Vec<SagaState>, StoreError> {
        states(&self.readers, &self.definitions, saga_ids).await
    }

    async fn events(
        &self,
        saga_ids: &[String],
        after: Option<&SagaEvent>,
        limit: u32,
    ) -> Result<Vec<SagaEvent>, StoreError> {
        events(&self.readers, saga_ids, after, limit).await
    }

    async fn remove(&self, sagas: &[Expired], archived: Option<&Archived>) -> Result<Removed, StoreError> {
        let (store, sagas, archived) = (self.clone(), sagas.to_vec(), archived.cloned());
        run_detached(async move { remove(&store.writers, &sagas, archived.as_ref()).await }).await
    }

    async fn archive_plan(&self) -> Result<Option<ArchivePlan>, StoreError> {
        archive_plan(&self.readers).await
    }

    async fn plan_archive(&self, plan: &ArchivePlan) -> Result<bool, StoreError> {
        plan_archive(&self.writers, plan).await
    }

    async fn removal(&self, saga_id: &str) -> Result<Option<Removal>, StoreError> {
        removal(&self.readers, saga_id).await
    }

    async fn forget_removals(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        forget_removals(&self.writers, before, limit).await
    }
}

async fn expired(
    readers: &PgPool,
    before: ExpiredBefore,
    after: Option<&Expired>,
    limit: u32,
) -> Result<Vec<Expired>, StoreError> {
    let (moment, saga_id) = after.map_or((Timestamp::MIN, ""), |last| {
        (last.updated_at, last.saga_id.as_str())
    });
    let rows = sqlx::query(EXPIRED)
        .bind(before.ended.to_datetime())
        .bind(before.unfinished.to_datetime())
        .bind(moment.to_datetime())
        .bind(saga_id)
        .bind(i64::from(limit))
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    rows.iter().map(expired_saga).collect()
}

async fn still_there(readers: &PgPool, saga_ids: &[String]) -> Result<Vec<Expired>, StoreError> {
    let rows = sqlx::query(STILL_THERE)
        .bind(saga_ids)
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    rows.iter().map(expired_saga).collect()
}

fn expired_saga(row: &PgRow) -> Result<Expired, StoreError> {
    let event_count: i64 = row.try_get(3).map_err(error::store)?;
    Ok(Expired {
        saga_id: row.try_get(0).map_err(error::store)?,
        updated_at: read::timestamp(row, 1)?,
        version: row.try_get(2).map_err(error::store)?,
        event_count: event_count.cast_unsigned(),
    })
}

async fn states(
    readers: &PgPool,
    definitions: &Definitions,
    saga_ids: &[String],
) -> Result<Vec<SagaState>, StoreError> {
    let folds: Vec<(String, String)> = sqlx::query_as(FOLDS)
        .bind(saga_ids)
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    read::states(readers, definitions, folds).await
}

async fn events(
    readers: &PgPool,
    saga_ids: &[String],
    after: Option<&SagaEvent>,
    limit: u32,
) -> Result<Vec<SagaEvent>, StoreError> {
    let (saga_id, moment, event_id) = after.map_or(("", Timestamp::MIN, ""), |last| {
        (last.saga_id.as_str(), last.recorded_at, last.event_id.as_str())
    });
    let rows = sqlx::query(EVENTS)
        .bind(saga_ids)
        .bind(saga_id)
        .bind(moment.to_datetime())
        .bind(event_id)
        .bind(i64::from(limit))
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    rows.iter().map(steps::stored_event).collect()
}

async fn remove(
    writers: &PgPool,
    sagas: &[Expired],
    archived: Option<&Archived>,
) -> Result<Removed, StoreError> {
    let mut connection = writers.acquire().await.map_err(error::store)?;
    let mut transaction = connection.begin().await.map_err(error::store)?;
    if let Some(archived) = archived
        && !finish(&mut transaction, archived).await.map_err(error::store)?
    {
        return Ok(Removed::Overtaken);
    }
    let folder = archived.map(|archived| archived.folder.as_str());
    let gone = remove_unchanged(&mut transaction, sagas, folder).await?;
    transaction.commit().await.map_err(error::store)?;
    Ok(Removed::Sagas(gone))
}

/// Whether the attempt was still the one at work.
async fn finish(connection: &mut PgConnection, archived: &Archived) -> Result<bool, sqlx::Error> {
    let finished = sqlx::query("DELETE FROM archive_plan WHERE attempt = $1")
        .bind(&archived.attempt)
        .execute(connection)
        .await?;
    Ok(finished.rows_affected() == 1)
}

async fn remove_unchanged(
    connection: &mut PgConnection,
    sagas: &[Expired],
    folder: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let (unchanged, counted) = lock_unchanged(connection, sagas).await?;
    let marked = sqlx::query(MARK).bind(&unchanged).bind(folder);
    marked.execute(&mut *connection).await.map_err(error::store)?;
    for statement in REMOVE {
        let removed = sqlx::query(statement).bind(&unchanged);
        removed.execute(&mut *connection).await.map_err(error::store)?;
    }
    rollups::change(
        connection,
        &rollup::moved(counted.iter().map(|counted| (Some(counted), None))),
    )
    .await
    .map_err(error::store)?;
    Ok(unchanged)
}

/// Their ids, and how they are counted.
async fn lock_unchanged(
    connection: &mut PgConnection,
    sagas: &[Expired],
) -> Result<(Vec<String>, Vec<RollupKey>), StoreError> {
    let rows = sqlx::query(LOCK_UNCHANGED)
        .bind(sagas.iter().map(|saga| saga.saga_id.as_str()).collect::<Vec<_>>())
        .bind(sagas.iter().map(|saga| saga.version).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(error::store)?;
    let locked = rows.iter().map(|row| {
        let column = |index| row.try_get::<String, _>(index).map_err(error::store);
        let counted = RollupKey {
            saga_type: SagaType::try_from(column(1)?).map_err(corrupt)?,
            status: column(2)?.parse().map_err(corrupt)?,
            started_at: read::timestamp(row, 3)?,
            ended_at: read::optional_timestamp(row, 4)?,
        };
        Ok((column(0)?, counted))
    });
    locked.collect()
}

async fn archive_plan(readers: &PgPool) -> Result<Option<ArchivePlan>, StoreError> {
    let plan: Option<(String, String, Vec<String>)> =
        sqlx::query_as("SELECT batch, attempt, saga_ids FROM archive_plan")
            .fetch_optional(readers)
            .await
            .map_err(error::store)?;
    Ok(plan.map(|(batch, attempt, saga_ids)| ArchivePlan {
        batch,
        attempt,
        saga_ids,
    }))
}

async fn plan_archive(writers: &PgPool, plan: &ArchivePlan) -> Result<bool, StoreError> {
    let planned = sqlx::query(PLAN)
        .bind(&plan.batch)
        .bind(&plan.attempt)
        .bind(&plan.saga_ids)
        .execute(writers)
        .await
        .map_err(error::store)?;
    Ok(planned.rows_affected() == 1)
}

async fn removal(readers: &PgPool, saga_id: &str) -> Result<Option<Removal>, StoreError> {
    if read::cannot_be(saga_id) {
        return Ok(None);
    }
    let row: Option<(DateTime<Utc>, Option<String>)> =
        sqlx::query_as("SELECT removed_at, archive FROM saga_removed WHERE saga_id = $1")
            .bind(saga_id)
            .fetch_optional(readers)
            .await
            .map_err(error::store)?;
    row.map(|(removed_at, archive)| {
        Ok(Removal {
            removed_at: removed_at.try_into().map_err(corrupt)?,
            archive,
        })
    })
    .transpose()
}

async fn forget_removals(writers: &PgPool, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let forgotten = sqlx::query(FORGET)
        .bind(before.to_datetime())
        .bind(i64::from(limit))
        .execute(writers)
        .await
        .map_err(error::store)?;
    Ok(forgotten.rows_affected())
}

/// Which of these sagas, of which there is no row, were removed.
pub(super) async fn removed_among(
    connection: &mut PgConnection,
    saga_ids: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT saga_id FROM saga_removed WHERE saga_id = ANY($1)")
        .bind(saga_ids)
        .fetch_all(connection)
        .await
}
