//! Sagas that leave the database.

use std::{collections::HashMap, sync::LazyLock};

use async_trait::async_trait;
use saga_types::{SagaEvent, Timestamp, fold::SagaState};

use super::{
    Adapter, Connection,
    dialect::{self, any},
    error, instances, old_rows, read, rollups,
    rows::{decode, decode_event},
};
use crate::{
    ArchivePlan, Archived, Expired, ExpiredBefore, Removal, Removed, RetentionStore, StoreError,
    columns::Moment,
    detached::run_detached,
    layout::Layout,
    rollup::{self, RollupKey},
    rows::{ArchivePlanRow, ExpiredRow, FoldRow, RemovedRow, StepRow},
    table::Table,
};

/// The time before which a saga changed last to be over.
const BEFORE: &str =
    "CASE WHEN saga_instance.current_status IN ('COMPLETED', 'FAILED', 'COMPENSATED') THEN $1 ELSE $2 END";

static EXPIRED: LazyLock<String> = LazyLock::new(|| {
    let (columns, later) = (ExpiredRow::columns(), dialect::LATER);
    format!(
        "SELECT {columns} FROM saga_instance WHERE updated_at < {later} AND (updated_at, saga_id) > ($3, $4) \
         AND updated_at < {BEFORE} ORDER BY updated_at, saga_id LIMIT $5"
    )
});

/// Sagas whose last event says that it is from a time to come: what counts of them is when their events were stored.
static EXPIRED_AHEAD: LazyLock<String> = LazyLock::new(|| {
    let (columns, now) = (ExpiredRow::columns(), dialect::NOW);
    format!(
        "SELECT {columns} FROM saga_instance WHERE updated_at > {now} AND (updated_at, saga_id) > ($3, $4) \
         AND saga_instance.created_at < {BEFORE} AND NOT EXISTS (SELECT 1 FROM saga_steps \
         WHERE saga_steps.saga_id = saga_instance.saga_id AND saga_steps.created_at >= {BEFORE}) \
         ORDER BY updated_at, saga_id LIMIT $5"
    )
});

static STILL_THERE: LazyLock<String> = LazyLock::new(|| {
    let (columns, chosen) = (ExpiredRow::columns(), any!("1"));
    format!("SELECT {columns} FROM saga_instance WHERE saga_id {chosen} ORDER BY saga_id")
});

static EVENTS: LazyLock<String> = LazyLock::new(|| {
    let (columns, chosen) = (StepRow::columns(), any!("1"));
    format!(
        "SELECT {columns} FROM saga_steps WHERE saga_id {chosen} AND (saga_id, recorded_at, event_id) > ($2, $3, $4) \
         ORDER BY saga_id, recorded_at, event_id LIMIT $5"
    )
});

static MARK: LazyLock<String> = LazyLock::new(|| {
    let (removed, now) = (any!("1"), dialect::NOW);
    format!(
        "INSERT INTO saga_removed (saga_id, removed_at, archive, saga_type, erased_at) \
         SELECT saga_id, {now}, $2, saga_type, erased_at FROM saga_instance WHERE saga_id {removed} \
         ON CONFLICT (saga_id) DO UPDATE SET removed_at = excluded.removed_at, archive = excluded.archive, \
         saga_type = excluded.saga_type, erased_at = COALESCE(excluded.erased_at, saga_removed.erased_at)"
    )
});

const REMOVE: [&str; 3] = [
    concat!("DELETE FROM saga_steps WHERE saga_id ", any!("1")),
    concat!("DELETE FROM saga_other_order WHERE saga_id ", any!("1")),
    concat!("DELETE FROM saga_instance WHERE saga_id ", any!("1")),
];

const REMOVED_AMONG: &str = concat!("SELECT saga_id FROM saga_removed WHERE saga_id ", any!("1"));

const PLAN: &str = r"
INSERT INTO archive_plan AS open (only_one, batch, attempt, saga_ids) VALUES (true, $1, $2, $3)
ON CONFLICT (only_one) DO UPDATE SET attempt = excluded.attempt WHERE open.batch = excluded.batch";

const FORGET: &str = r"
DELETE FROM saga_removed WHERE saga_id IN
    (SELECT saga_id FROM saga_removed WHERE removed_at < $1 ORDER BY removed_at LIMIT $2)";

#[async_trait]
impl RetentionStore for Adapter {
    async fn expired(
        &self,
        before: ExpiredBefore,
        after: Option<&Expired>,
        limit: u32,
    ) -> Result<Vec<Expired>, StoreError> {
        let (moment, saga_id) = after.map_or((Timestamp::MIN, ""), |last| {
            (last.updated_at, last.saga_id.as_str())
        });
        let mut expired: Vec<Expired> = Vec::new();
        for statement in [&EXPIRED, &EXPIRED_AHEAD] {
            let left = i64::from(limit) - i64::try_from(expired.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let rows = sqlx::query(statement.as_str())
                .bind(Moment(before.ended))
                .bind(Moment(before.unfinished))
                .bind(Moment(moment))
                .bind(saga_id)
                .bind(left)
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            for row in &rows {
                expired.push(decode::<ExpiredRow<'_>>(row)?.into());
            }
        }
        Ok(expired)
    }

    async fn still_there(&self, saga_ids: &[String]) -> Result<Vec<Expired>, StoreError> {
        let rows = sqlx::query(STILL_THERE.as_str())
            .bind(dialect::list(saga_ids))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let still_there = rows.iter().map(|row| Ok(decode::<ExpiredRow<'_>>(row)?.into()));
        still_there.collect()
    }

    async fn states(&self, saga_ids: &[String]) -> Result<Vec<SagaState>, StoreError> {
        let saga_ids: Vec<&str> = saga_ids.iter().map(String::as_str).collect();
        let sagas = read::sagas(&self.readers, &self.definitions.get(), &saga_ids).await?;
        Ok(sagas.into_iter().map(|saga| saga.state).collect())
    }

    async fn events(
        &self,
        saga_ids: &[String],
        after: Option<&SagaEvent>,
        limit: u32,
    ) -> Result<Vec<SagaEvent>, StoreError> {
        let (saga_id, moment, event_id) = after.map_or(("", Timestamp::MIN, ""), |last| {
            (last.saga_id.as_str(), last.recorded_at, last.event_id.as_str())
        });
        let rows = sqlx::query(EVENTS.as_str())
            .bind(dialect::list(saga_ids))
            .bind(saga_id)
            .bind(Moment(moment))
            .bind(event_id)
            .bind(i64::from(limit))
            .map(|row| decode_event(&row))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        rows.into_iter().collect()
    }

    async fn remove(&self, sagas: &[Expired], archived: Option<&Archived>) -> Result<Removed, StoreError> {
        let (store, sagas, archived) = (self.clone(), sagas.to_vec(), archived.cloned());
        run_detached(async move { remove(&store, &sagas, archived.as_ref()).await }).await
    }

    async fn archive_plan(&self) -> Result<Option<ArchivePlan>, StoreError> {
        let row = sqlx::query("SELECT batch, attempt, saga_ids FROM archive_plan")
            .fetch_optional(&self.readers)
            .await
            .map_err(error::store)?;
        row.map(|row| Ok(decode::<ArchivePlanRow>(&row)?.into()))
            .transpose()
    }

    async fn plan_archive(&self, plan: &ArchivePlan) -> Result<bool, StoreError> {
        let planned = sqlx::query(PLAN)
            .bind(&plan.batch)
            .bind(&plan.attempt)
            .bind(dialect::list(&plan.saga_ids))
            .execute(&self.writers)
            .await
            .map_err(error::store)?;
        Ok(planned.rows_affected() == 1)
    }

    async fn removal(&self, saga_id: &str) -> Result<Option<Removal>, StoreError> {
        if read::cannot_be(saga_id) {
            return Ok(None);
        }
        let row = sqlx::query(
            "SELECT saga_id, removed_at, archive, saga_type, erased_at FROM saga_removed WHERE saga_id = $1",
        )
        .bind(saga_id)
        .fetch_optional(&self.readers)
        .await
        .map_err(error::store)?;
        row.map(|row| decode::<RemovedRow>(&row)?.try_into()).transpose()
    }

    async fn forget_removals(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        old_rows::remove(&self.writers, FORGET, before, limit).await
    }
}

async fn remove(
    store: &Adapter,
    sagas: &[Expired],
    archived: Option<&Archived>,
) -> Result<Removed, StoreError> {
    let layout = store.layout().await?;
    let begun = store.writers.begin_with(dialect::begin_changing(layout)).await;
    let mut transaction = begun.map_err(error::store)?;
    if let Some(archived) = archived
        && !finish(&mut transaction, archived).await.map_err(error::store)?
    {
        return Ok(Removed::Overtaken);
    }
    let folder = archived.map(|archived| archived.folder.as_str());
    let removed = remove_unchanged(&mut transaction, layout, sagas, folder).await?;
    transaction.commit().await.map_err(error::store)?;
    Ok(Removed::Sagas(removed))
}

/// Whether the attempt was still the one at work.
async fn finish(connection: &mut Connection, archived: &Archived) -> Result<bool, sqlx::Error> {
    let finished = sqlx::query("DELETE FROM archive_plan WHERE attempt = $1")
        .bind(&archived.attempt)
        .execute(connection)
        .await?;
    Ok(finished.rows_affected() == 1)
}

async fn remove_unchanged(
    connection: &mut Connection,
    layout: Layout,
    sagas: &[Expired],
    folder: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let (unchanged, counted) = lock_unchanged(connection, layout, sagas).await?;
    let ids = dialect::list(&unchanged);
    let marked = sqlx::query(MARK.as_str()).bind(&ids).bind(folder);
    marked.execute(&mut *connection).await.map_err(error::store)?;
    for statement in REMOVE {
        let removed = sqlx::query(statement).bind(&ids);
        removed.execute(&mut *connection).await.map_err(error::store)?;
    }
    let left = rollup::moved(counted.iter().map(|counted| (Some(counted), None)));
    rollups::change(&mut *connection, &left)
        .await
        .map_err(error::store)?;
    if folder.is_some() {
        let archived = rollup::moved(counted.iter().map(|counted| (None, Some(counted))));
        rollups::archive(connection, &archived)
            .await
            .map_err(error::store)?;
    }
    Ok(unchanged)
}

/// The ids of those that are as they were, and how they are counted.
async fn lock_unchanged(
    connection: &mut Connection,
    layout: Layout,
    sagas: &[Expired],
) -> Result<(Vec<String>, Vec<RollupKey>), StoreError> {
    let versions: HashMap<&str, i64> = sagas
        .iter()
        .map(|saga| (saga.saga_id.as_str(), saga.version))
        .collect();
    let saga_ids: Vec<&str> = versions.keys().copied().collect();
    // In the order in which writers lock them.
    let locked = instances::lock_rows::<FoldRow<'_>>(connection, layout, &saga_ids).await;
    let rows = locked.map_err(error::store)?;
    let mut unchanged = (Vec::new(), Vec::new());
    for row in &rows {
        let row: FoldRow<'_> = decode(row)?;
        if versions.get(row.saga_id) == Some(&row.version) {
            unchanged.0.push(row.saga_id.to_owned());
            unchanged.1.push(row.counted()?);
        }
    }
    Ok(unchanged)
}

/// Which of these sagas, of which there is no row, were removed.
pub(super) async fn removed_among(
    connection: &mut Connection,
    saga_ids: &[&str],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(REMOVED_AMONG)
        .bind(dialect::list(saga_ids))
        .fetch_all(connection)
        .await
}
