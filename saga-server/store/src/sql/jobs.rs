//! Jobs: created with their items, read by scope, stopped, and ended.

use async_trait::async_trait;
use saga_types::Timestamp;
use sqlx::QueryBuilder;

use super::{
    Adapter, Connection, Db, dead_letters, dialect, dismissal, error, job_items,
    job_rows::{ITEM, ItemRow, JOB, JobRow, SelectedRow, scope_text},
    operations,
    rows::{decode, decode_all},
};
use crate::{
    Actor, Creation, Job, JobDisposal, JobItem, JobItemQuery, JobQuery, JobState, JobStep,
    JobStore, LetterFilter, NewJob, Operation, OperationKind, RequestKeys, Reversion, Scope, SelectedLetter,
    StoreError, columns::Moment, deadline::in_time, detached::run_detached,
};

const CREATE: &str = "INSERT INTO job (action, state, target, note, selection, actor, role, way, address, scope, token, \
     request_key, request, reverts, created_at, moved_at, items) \
     VALUES ($1, 'WAITING', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15) \
     ON CONFLICT DO NOTHING RETURNING id";

/// A letter is of the type of its event, and also of the type of its saga, which replaying it changes.
const TYPES: [&str; 3] = [
    "INSERT INTO job_saga_type SELECT DISTINCT job_id, COALESCE(saga_type, '') FROM job_item WHERE job_id = $1",
    "INSERT INTO job_saga_type SELECT DISTINCT item.job_id, COALESCE(saga.saga_type, '') FROM job_item AS item \
     JOIN saga_instance AS saga ON saga.saga_id = item.saga_id WHERE item.job_id = $1 ON CONFLICT DO NOTHING",
    "INSERT INTO job_saga_type SELECT DISTINCT item.job_id, COALESCE(saga.saga_type, '') FROM job_item AS item \
     JOIN saga_removed AS saga ON saga.saga_id = item.saga_id WHERE item.job_id = $1 ON CONFLICT DO NOTHING",
];

/// What a job changed and no job that reverts it has taken back.
const REVERSED: &str = "INSERT INTO job_item (job_id, number, saga_id, saga_type, letter_id, before, target) \
     SELECT $1, row_number() OVER (ORDER BY item.number), saga_id, saga_type, letter_id, after, before \
     FROM job_item AS item WHERE job_id = $2 AND result = 'CHANGED' AND NOT EXISTS ( \
         SELECT 1 FROM job AS other JOIN job_item AS reverted ON reverted.job_id = other.id \
         WHERE other.reverts = $2 AND reverted.result = 'CHANGED' \
         AND (reverted.saga_id = item.saga_id OR reverted.letter_id = item.letter_id) \
         AND COALESCE(reverted.letter_id, 0) = COALESCE(item.letter_id, 0)) LIMIT $3";

const STOP: &str = "UPDATE job SET state = CASE state WHEN 'WAITING' THEN 'STOPPED' ELSE 'STOPPING' END, \
     finished_at = CASE state WHEN 'WAITING' THEN $2 ELSE finished_at END, moved_at = $2 \
     WHERE id = $1 AND state IN ('WAITING', 'RUNNING')";

const END: &str = "UPDATE job SET state = CASE WHEN EXISTS ( \
         SELECT 1 FROM job_item WHERE job_id = job.id AND result IS NULL) THEN 'STOPPED' ELSE 'DONE' END, finished_at = $2 \
     WHERE id = $1 AND (state = 'STOPPING' OR state = 'RUNNING' AND NOT EXISTS ( \
         SELECT 1 FROM job_item WHERE job_id = job.id AND result IS NULL))";

const REMOVE: &str = "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)";

#[async_trait]
impl JobStore for Adapter {
    async fn create_job(&self, job: &NewJob) -> Result<Creation, StoreError> {
        let (store, job) = (self.clone(), job.clone());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let items = job.items.len().try_into().unwrap_or(i64::MAX);
            let inserted = insert(&mut transaction, &job, None, items).await;
            let Some(id) = inserted.map_err(error::store)? else {
                let known = known(&mut transaction, &job).await?;
                return Ok(known.unwrap_or(Creation::KeyReused));
            };
            let inserted = job_items::insert(&mut transaction, id, &job.items).await;
            inserted.map_err(error::store)?;
            let created = finish(&mut transaction, id, &job).await?;
            transaction.commit().await.map_err(error::store)?;
            Ok(Creation::Created(created))
        })
        .await
    }

    async fn revert_job(&self, id: i64, order: &NewJob) -> Result<Reversion, StoreError> {
        let (store, order) = (self.clone(), order.clone());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            match known(&mut transaction, &order).await? {
                Some(Creation::KeyReused) => return Ok(Reversion::KeyReused),
                Some(Creation::Created(job) | Creation::Known(job)) => return Ok(Reversion::Known(job)),
                None => {}
            }
            let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE id = "));
            sql.push_bind(id);
            push_scope(&mut sql, &order.scope);
            // Of two reverting jobs at once the second one waits here.
            sql.push(format_args!(" {}", dialect::FOR_UPDATE));
            let Some(job) = one(&mut transaction, sql).await? else {
                return Ok(Reversion::NotFound);
            };
            if !job.state.has_ended() {
                return Ok(Reversion::NotEnded);
            }
            let Some(action) = job.action.opposite() else {
                return Ok(Reversion::Irreversible);
            };
            if let Some(other) = reverting(&mut transaction, id).await? {
                return Ok(Reversion::Reverting(other));
            }
            let new = NewJob { action, ..order };
            let inserted = insert(&mut transaction, &new, Some(id), 0).await;
            let Some(new_id) = inserted.map_err(error::store)? else {
                return Ok(Reversion::KeyReused);
            };
            let items = sqlx::query(REVERSED)
                .bind(new_id)
                .bind(id)
                .bind(i64::from(crate::MAX_JOB_ITEMS))
                .execute(&mut *transaction)
                .await
                .map_err(error::store)?
                .rows_affected();
            if items == 0 {
                return Ok(Reversion::NothingLeft);
            }
            sqlx::query("UPDATE job SET items = $2 WHERE id = $1")
                .bind(new_id)
                .bind(items.cast_signed())
                .execute(&mut *transaction)
                .await
                .map_err(error::store)?;
            let created = finish(&mut transaction, new_id, &new).await?;
            transaction.commit().await.map_err(error::store)?;
            Ok(Reversion::Created(created))
        })
        .await
    }

    async fn job_of_request(&self, keys: &RequestKeys) -> Result<Option<Job>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE token = "));
        sql.push_bind(keys.token()).push(" OR request_key = ").push_bind(keys.key());
        let row = sql.build().fetch_optional(&self.readers).await.map_err(error::store)?;
        row.map(|row| decode::<JobRow>(&row)?.try_into()).transpose()
    }

    async fn job(&self, id: i64, scope: &Scope) -> Result<Option<Job>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE id = "));
        sql.push_bind(id);
        push_scope(&mut sql, scope);
        let row = sql.build().fetch_optional(&self.readers).await.map_err(error::store)?;
        row.map(|row| decode::<JobRow>(&row)?.try_into()).transpose()
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE true"));
        push_scope(&mut sql, &query.scope);
        if let Some(state) = query.state {
            sql.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some(before) = query.before {
            sql.push(" AND id < ").push_bind(before);
        }
        sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(query.size));
        let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
        let rows = decode_all::<JobRow>(&rows)?.into_iter();
        rows.map(Job::try_from).collect()
    }

    async fn job_items(&self, query: &JobItemQuery) -> Result<Vec<JobItem>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(format!("SELECT {ITEM} FROM job_item WHERE job_id = "));
        sql.push_bind(query.job);
        match query.result {
            Some(Some(result)) => _ = sql.push(" AND result = ").push_bind(result.as_str()),
            Some(None) => _ = sql.push(" AND result IS NULL"),
            None => {}
        }
        sql.push(" AND number > ")
            .push_bind(query.after)
            .push(" ORDER BY number LIMIT ")
            .push_bind(i64::from(query.size));
        let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
        let rows = decode_all::<ItemRow>(&rows)?.into_iter();
        rows.map(JobItem::try_from).collect()
    }

    async fn stop_job(
        &self,
        id: i64,
        scope: &Scope,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Option<Job>, StoreError> {
        let (store, scope, actor) = (self.clone(), scope.clone(), actor.clone());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE id = "));
            sql.push_bind(id);
            push_scope(&mut sql, &scope);
            if one(&mut transaction, sql).await?.is_none() {
                return Ok(None);
            }
            let stopped = sqlx::query(STOP)
                .bind(id)
                .bind(Moment(at))
                .execute(&mut *transaction)
                .await
                .map_err(error::store)?;
            if stopped.rows_affected() > 0 {
                let entry = entry(actor, at, "STOPPED", None);
                let written = operations::write(&mut transaction, &[entry], Some(id)).await;
                written.map_err(error::store)?;
            }
            let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE id = "));
            sql.push_bind(id);
            let job = one(&mut transaction, sql).await?;
            transaction.commit().await.map_err(error::store)?;
            Ok(job)
        })
        .await
    }

    async fn active_jobs(&self) -> Result<Vec<Job>, StoreError> {
        in_time(async {
            let sql = format!(
                "SELECT {JOB} FROM job WHERE state IN ('WAITING', 'RUNNING', 'STOPPING') ORDER BY id LIMIT 100"
            );
            let rows = QueryBuilder::<Db>::new(sql)
                .build()
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let rows = decode_all::<JobRow>(&rows)?.into_iter();
            rows.map(Job::try_from).collect()
        })
        .await
    }

    async fn start_job(&self, id: i64, at: Timestamp) -> Result<(), StoreError> {
        in_time(async {
            let start = "UPDATE job SET state = 'RUNNING', started_at = $2, moved_at = $2 WHERE id = $1 AND state = 'WAITING'";
            let started = sqlx::query(start).bind(id).bind(Moment(at)).execute(&self.writers);
            started.await.map_err(error::store)?;
            Ok(())
        })
        .await
    }

    async fn end_job(&self, id: i64, at: Timestamp) -> Result<bool, StoreError> {
        in_time(async {
            let ended = sqlx::query(END).bind(id).bind(Moment(at)).execute(&self.writers);
            Ok(ended.await.map_err(error::store)?.rows_affected() > 0)
        })
        .await
    }

    async fn record_items(&self, step: &JobStep) -> Result<(), StoreError> {
        let (store, step) = (self.clone(), step.clone());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let recorded = job_items::record(&mut transaction, &step).await;
            recorded.map_err(error::store)?;
            transaction.commit().await.map_err(error::store)
        })
        .await
    }

    async fn dispose_items(&self, order: &JobDisposal) -> Result<Vec<i64>, StoreError> {
        dismissal::dispose_items(self, order).await
    }

    async fn select_letters(
        &self,
        filter: &LetterFilter,
        limit: u32,
    ) -> Result<Vec<SelectedLetter>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(
            "SELECT id, saga_id, saga_type, state, erased_at IS NOT NULL AS is_erased FROM dead_letter WHERE true",
        );
        dead_letters::push_filter(&mut sql, filter);
        sql.push(" ORDER BY dead_since DESC, id DESC LIMIT ").push_bind(i64::from(limit));
        let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
        let rows = decode_all::<SelectedRow>(&rows)?.into_iter();
        rows.map(SelectedLetter::try_from).collect()
    }

    async fn remove_jobs(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let store = self.clone();
        run_detached(async move {
            let removed = sqlx::query(REMOVE)
                .bind(Moment(before))
                .bind(i64::from(limit))
                .execute(&store.writers)
                .await
                .map_err(error::store)?;
            Ok(removed.rows_affected())
        })
        .await
    }
}

/// The job's row. None when one of its keys is known.
async fn insert(
    connection: &mut Connection,
    job: &NewJob,
    reverts: Option<i64>,
    items: i64,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(CREATE)
        .bind(job.action.as_str())
        .bind(&job.target)
        .bind(&job.note)
        .bind(&job.selection)
        .bind(&job.actor.name)
        .bind(&job.actor.role)
        .bind(job.actor.way.as_str())
        .bind(&job.actor.address)
        .bind(scope_text(&job.scope))
        .bind(job.keys.token())
        .bind(job.keys.key())
        .bind(&job.request)
        .bind(reverts)
        .bind(Moment(job.at))
        .bind(items)
        .fetch_optional(connection)
        .await
}

/// The types of a new job's sagas and its entry of the log; and the job.
async fn finish(connection: &mut Connection, id: i64, job: &NewJob) -> Result<Job, StoreError> {
    for types in TYPES {
        let inserted = sqlx::query(types).bind(id).execute(&mut *connection).await;
        inserted.map_err(error::store)?;
    }
    let entry = entry(job.actor.clone(), job.at, "CREATED", job.note.clone());
    let written = operations::write(connection, &[entry], Some(id)).await;
    written.map_err(error::store)?;
    let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE id = "));
    sql.push_bind(id);
    let job = one(connection, sql).await?;
    job.ok_or_else(|| StoreError::Unavailable("a new job is not there".into()))
}

/// The job that the same request made before.
async fn known(connection: &mut Connection, job: &NewJob) -> Result<Option<Creation>, StoreError> {
    let mut sql = QueryBuilder::<Db>::new("SELECT id, request FROM job WHERE token = ");
    sql.push_bind(job.keys.token())
        .push(" OR request_key = ")
        .push_bind(job.keys.key());
    let found: Option<(i64, String)> = sql
        .build_query_as()
        .fetch_optional(&mut *connection)
        .await
        .map_err(error::store)?;
    let Some((id, request)) = found else {
        return Ok(None);
    };
    if request != job.request {
        return Ok(Some(Creation::KeyReused));
    }
    let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE id = "));
    sql.push_bind(id);
    Ok(one(connection, sql).await?.map(Creation::Known))
}

/// A job that reverts this one and has not ended.
async fn reverting(connection: &mut Connection, id: i64) -> Result<Option<i64>, StoreError> {
    let active = [JobState::Waiting, JobState::Running, JobState::Stopping].map(JobState::as_str);
    let mut sql = QueryBuilder::<Db>::new("SELECT max(id) FROM job WHERE reverts = ");
    sql.push_bind(id).push(format_args!(" AND state IN ('{}')", active.join("', '")));
    sql.build_query_scalar()
        .fetch_one(connection)
        .await
        .map_err(error::store)
}

async fn one(connection: &mut Connection, mut sql: QueryBuilder<Db>) -> Result<Option<Job>, StoreError> {
    let row = sql.build().fetch_optional(connection).await.map_err(error::store)?;
    row.map(|row| decode::<JobRow>(&row)?.try_into()).transpose()
}

/// A job is seen by those who may see every type of its sagas.
fn push_scope(sql: &mut QueryBuilder<Db>, scope: &Scope) {
    if let Some(types) = scope.names() {
        sql.push(
            " AND NOT EXISTS (SELECT 1 FROM job_saga_type AS has WHERE has.job_id = job.id AND NOT has.saga_type ",
        );
        dialect::push_any(sql, &types);
        sql.push(")");
    }
}

fn entry(actor: Actor, at: Timestamp, result: &str, detail: Option<String>) -> Operation {
    Operation {
        at,
        actor,
        kind: OperationKind::Job,
        saga_id: None,
        saga_type: None,
        letter_id: None,
        before: None,
        after: None,
        result: result.to_owned(),
        detail,
    }
}
