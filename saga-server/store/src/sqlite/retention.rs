//! Sagas that leave the database.

use async_trait::async_trait;
use saga_types::{SagaEvent, SagaType, Timestamp, definition::Definitions, fold::SagaState};
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{SqliteStore, error, read, rollups, rows};
use crate::{
    ArchivePlan, Archived, Expired, ExpiredBefore, Removal, Removed, RetentionStore, StoreError,
    detached::run_detached,
    rollup::{self, RollupKey},
    rows::corrupt,
};

const EXPIRED: &str = r"
SELECT saga_id, updated_at, version, event_count FROM saga_instance
WHERE updated_at < max($1, $2) AND (updated_at, saga_id) > ($3, $4)
    AND updated_at < CASE WHEN current_status IN ('COMPLETED', 'FAILED', 'COMPENSATED') THEN $1 ELSE $2 END
ORDER BY updated_at, saga_id LIMIT $5";

const STILL_THERE: &str = r"
SELECT saga_id, updated_at, version, event_count
FROM json_each(?) AS wanted JOIN saga_instance ON saga_id = wanted.value ORDER BY saga_id";

const FOLDS: &str = "SELECT saga_id, fold FROM json_each(?) AS wanted JOIN saga_instance ON saga_id = wanted.value ORDER BY saga_id";

const EVENTS: &str = r"
SELECT saga_id, event_id, saga_type, order_id, step, status, metadata, recorded_at, event_timestamp
FROM json_each(?) AS wanted JOIN saga_steps ON saga_id = wanted.value
WHERE (saga_id, recorded_at, event_id) > (?, ?, ?)
ORDER BY saga_id, recorded_at, event_id LIMIT ?";

const UNCHANGED: &str = r"
SELECT saga_id, saga_type, current_status, started_at,
    CASE WHEN NOT ended_by_override THEN ended_at END
FROM json_each(?) AS chosen JOIN saga_instance ON saga_id = chosen.value ->> 0
WHERE version = chosen.value ->> 1 ORDER BY saga_id";

const MARK: &str = r"
INSERT INTO saga_removed (saga_id, removed_at, archive) SELECT value, ?, ? FROM json_each(?) WHERE true
ON CONFLICT (saga_id) DO UPDATE SET removed_at = excluded.removed_at, archive = excluded.archive";

const REMOVE: [&str; 3] = [
    "DELETE FROM saga_steps WHERE saga_id IN (SELECT value FROM json_each(?))",
    "DELETE FROM saga_other_order WHERE saga_id IN (SELECT value FROM json_each(?))",
    "DELETE FROM saga_instance WHERE saga_id IN (SELECT value FROM json_each(?))",
];

const PLAN: &str = r"
INSERT INTO archive_plan AS open (only_one, batch, attempt, saga_ids) VALUES (1, ?, ?, ?)
ON CONFLICT (only_one) DO UPDATE SET attempt = excluded.attempt WHERE open.batch = excluded.batch";

const FORGET: &str = r"
DELETE FROM saga_removed WHERE saga_id IN
    (SELECT saga_id FROM saga_removed WHERE removed_at < ? ORDER BY removed_at LIMIT ?)";

const REMOVED_AMONG: &str = r"
SELECT saga_id FROM json_each(?) AS wanted JOIN saga_removed ON saga_id = wanted.value";

#[async_trait]
impl RetentionStore for SqliteStore {
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
    readers: &SqlitePool,
    before: ExpiredBefore,
    after: Option<&Expired>,
    limit: u32,
) -> Result<Vec<Expired>, StoreError> {
    let (moment, saga_id) = after.map_or((Timestamp::MIN, ""), |last| {
        (last.updated_at, last.saga_id.as_str())
    });
    let rows = sqlx::query(EXPIRED)
        .bind(before.ended.as_millis())
        .bind(before.unfinished.as_millis())
        .bind(moment.as_millis())
        .bind(saga_id)
        .bind(limit)
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    rows.iter().map(expired_saga).collect()
}

async fn still_there(readers: &SqlitePool, saga_ids: &[String]) -> Result<Vec<Expired>, StoreError> {
    let rows = sqlx::query(STILL_THERE)
        .bind(json(saga_ids))
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    rows.iter().map(expired_saga).collect()
}

fn expired_saga(row: &SqliteRow) -> Result<Expired, StoreError> {
    let event_count: i64 = row.try_get(3).map_err(error::store)?;
    Ok(Expired {
        saga_id: row.try_get(0).map_err(error::store)?,
        updated_at: read::timestamp(row, 1)?,
        version: row.try_get(2).map_err(error::store)?,
        event_count: event_count.cast_unsigned(),
    })
}

async fn states(
    readers: &SqlitePool,
    definitions: &Definitions,
    saga_ids: &[String],
) -> Result<Vec<SagaState>, StoreError> {
    let folds: Vec<(String, String)> = sqlx::query_as(FOLDS)
        .bind(json(saga_ids))
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    read::states(readers, definitions, folds).await
}

async fn events(
    readers: &SqlitePool,
    saga_ids: &[String],
    after: Option<&SagaEvent>,
    limit: u32,
) -> Result<Vec<SagaEvent>, StoreError> {
    let (saga_id, moment, event_id) = after.map_or(("", Timestamp::MIN, ""), |last| {
        (last.saga_id.as_str(), last.recorded_at, last.event_id.as_str())
    });
    let rows = sqlx::query(EVENTS)
        .bind(json(saga_ids))
        .bind(saga_id)
        .bind(moment.as_millis())
        .bind(event_id)
        .bind(limit)
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    rows.iter()
        .map(|row| rows::event_columns(row)?.try_into())
        .collect()
}

async fn remove(
    writer: &SqlitePool,
    sagas: &[Expired],
    archived: Option<&Archived>,
) -> Result<Removed, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(error::store)?;
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
async fn finish(connection: &mut SqliteConnection, archived: &Archived) -> Result<bool, sqlx::Error> {
    let finished = sqlx::query("DELETE FROM archive_plan WHERE attempt = ?")
        .bind(&archived.attempt)
        .execute(connection)
        .await?;
    Ok(finished.rows_affected() == 1)
}

async fn remove_unchanged(
    connection: &mut SqliteConnection,
    sagas: &[Expired],
    folder: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let (unchanged, counted) = unchanged(connection, sagas).await?;
    let ids = json(&unchanged);
    let marked = sqlx::query(MARK)
        .bind(Timestamp::now().as_millis())
        .bind(folder)
        .bind(ids.as_str());
    marked.execute(&mut *connection).await.map_err(error::store)?;
    for statement in REMOVE {
        let removed = sqlx::query(statement).bind(ids.as_str());
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
async fn unchanged(
    connection: &mut SqliteConnection,
    sagas: &[Expired],
) -> Result<(Vec<String>, Vec<RollupKey>), StoreError> {
    let chosen: Vec<(&str, i64)> = sagas
        .iter()
        .map(|saga| (saga.saga_id.as_str(), saga.version))
        .collect();
    let rows = sqlx::query(UNCHANGED)
        .bind(serde_json::json!(chosen).to_string())
        .fetch_all(connection)
        .await
        .map_err(error::store)?;
    let unchanged = rows.iter().map(|row| {
        let column = |index| row.try_get::<String, _>(index).map_err(error::store);
        let ended_at: Option<i64> = row.try_get(4).map_err(error::store)?;
        let counted = RollupKey {
            saga_type: SagaType::try_from(column(1)?).map_err(corrupt)?,
            status: column(2)?.parse().map_err(corrupt)?,
            started_at: read::timestamp(row, 3)?,
            ended_at: ended_at
                .map(Timestamp::from_millis)
                .transpose()
                .map_err(corrupt)?,
        };
        Ok((column(0)?, counted))
    });
    unchanged.collect()
}

async fn archive_plan(readers: &SqlitePool) -> Result<Option<ArchivePlan>, StoreError> {
    let plan: Option<(String, String, String)> =
        sqlx::query_as("SELECT batch, attempt, saga_ids FROM archive_plan")
            .fetch_optional(readers)
            .await
            .map_err(error::store)?;
    plan.map(|(batch, attempt, saga_ids)| {
        Ok(ArchivePlan {
            batch,
            attempt,
            saga_ids: serde_json::from_str(&saga_ids).map_err(corrupt)?,
        })
    })
    .transpose()
}

async fn plan_archive(writer: &SqlitePool, plan: &ArchivePlan) -> Result<bool, StoreError> {
    let planned = sqlx::query(PLAN)
        .bind(&plan.batch)
        .bind(&plan.attempt)
        .bind(json(&plan.saga_ids))
        .execute(writer)
        .await
        .map_err(error::store)?;
    Ok(planned.rows_affected() == 1)
}

async fn removal(readers: &SqlitePool, saga_id: &str) -> Result<Option<Removal>, StoreError> {
    let row = sqlx::query("SELECT removed_at, archive FROM saga_removed WHERE saga_id = ?")
        .bind(saga_id)
        .fetch_optional(readers)
        .await
        .map_err(error::store)?;
    row.map(|row| {
        Ok(Removal {
            removed_at: read::timestamp(&row, 0)?,
            archive: row.try_get(1).map_err(error::store)?,
        })
    })
    .transpose()
}

async fn forget_removals(writer: &SqlitePool, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let forgotten = sqlx::query(FORGET)
        .bind(before.as_millis())
        .bind(limit)
        .execute(writer)
        .await
        .map_err(error::store)?;
    Ok(forgotten.rows_affected())
}

/// Which of these sagas, of which there is no row, were removed.
pub(super) async fn removed_among(
    connection: &mut SqliteConnection,
    saga_ids: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(REMOVED_AMONG)
        .bind(serde_json::json!(saga_ids).to_string())
        .fetch_all(connection)
        .await
}

fn json(saga_ids: &[String]) -> String {
    serde_json::json!(saga_ids).to_string()
}
