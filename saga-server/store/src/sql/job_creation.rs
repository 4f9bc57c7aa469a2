//! Jobs created, and jobs that take others back.

use sqlx::QueryBuilder;

use super::{
    Adapter, Connection, Db, dialect, error, job_items,
    job_rows::{entry, one, scope_text, types_text},
    operations,
};
use crate::{
    Creation, Job, JobState, NewJob, Reversion, Scope, StoreError, columns::Moment, detached::run_detached,
};

const CREATE: &str = "INSERT INTO job (action, state, target, note, selection, actor, role, way, address, scope, token, \
     request_key, request, reverts, created_at, moved_at, items, care) \
     VALUES ($1, 'WAITING', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15, $16) \
     ON CONFLICT DO NOTHING RETURNING id";

/// A letter is of the type of its event, and also of the type of its saga, which replaying it changes.
const TYPES: &str = "SELECT COALESCE(saga_type, '') FROM job_item WHERE job_id = $1 \
    UNION SELECT COALESCE(saga.saga_type, '') FROM job_item AS item \
    JOIN saga_instance AS saga ON saga.saga_id = item.saga_id WHERE item.job_id = $1 \
    UNION SELECT COALESCE(saga.saga_type, '') FROM job_item AS item \
    JOIN saga_removed AS saga ON saga.saga_id = item.saga_id WHERE item.job_id = $1";

/// What a job changed and no job that reverts it has taken back.
const REVERSED: &str = "INSERT INTO job_item (job_id, number, saga_id, saga_type, letter_id, before, target) \
     SELECT $1, row_number() OVER (ORDER BY item.number), item.saga_id, item.saga_type, item.letter_id, item.after, item.before \
     FROM job_item AS item LEFT JOIN ( \
         SELECT COALESCE(CAST(undone.letter_id AS TEXT), undone.saga_id) AS subject \
         FROM job AS other JOIN job_item AS undone ON undone.job_id = other.id \
         WHERE other.reverts = $2 AND undone.result = 'CHANGED' \
     ) AS reverted ON reverted.subject = COALESCE(CAST(item.letter_id AS TEXT), item.saga_id) \
     WHERE item.job_id = $2 AND item.result = 'CHANGED' AND reverted.subject IS NULL LIMIT $3";

/// Stores a job with its items.
pub(super) async fn create(store: &Adapter, job: &NewJob) -> Result<Creation, StoreError> {
    let (store, job) = (store.clone(), job.clone());
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

/// Stores a job that takes another one back.
pub(super) async fn revert(store: &Adapter, id: i64, order: &NewJob) -> Result<Reversion, StoreError> {
    let (store, order) = (store.clone(), order.clone());
    run_detached(async move {
        let begun = store.writers.begin_with(dialect::BEGIN).await;
        let mut transaction = begun.map_err(error::store)?;
        match known(&mut transaction, &order).await? {
            Some(Creation::KeyReused) => return Ok(Reversion::KeyReused),
            Some(Creation::Created(job) | Creation::Known(job)) => return Ok(Reversion::Known(job)),
            None => {}
        }
        // Of two reverting jobs at once the second one waits here.
        let found = one(&mut transaction, id, &order.scope, dialect::FOR_UPDATE);
        let Some(job) = found.await? else {
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
        .bind(job.care.as_ref().map(|care| serde_json::json!(care).to_string()))
        .fetch_optional(connection)
        .await
}

/// The types of a new job's sagas and its entry of the log; and the job.
async fn finish(connection: &mut Connection, id: i64, job: &NewJob) -> Result<Job, StoreError> {
    let types: Vec<String> = sqlx::query_scalar(TYPES)
        .bind(id)
        .fetch_all(&mut *connection)
        .await
        .map_err(error::store)?;
    sqlx::query("UPDATE job SET types = $2 WHERE id = $1")
        .bind(id)
        .bind(types_text(&types.into_iter().collect()))
        .execute(&mut *connection)
        .await
        .map_err(error::store)?;
    let entry = entry(job.actor.clone(), job.at, "CREATED", job.note.clone());
    let written = operations::write(connection, &[entry], Some(id)).await;
    written.map_err(error::store)?;
    let job = one(connection, id, &Scope::All, "").await?;
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
    // The caller's rights may have changed since.
    Ok(one(connection, id, &job.scope, "").await?.map(Creation::Known))
}

/// A job that reverts this one and has not ended.
async fn reverting(connection: &mut Connection, id: i64) -> Result<Option<i64>, StoreError> {
    let active = [JobState::Waiting, JobState::Running, JobState::Stopping].map(JobState::as_str);
    let mut sql = QueryBuilder::<Db>::new("SELECT max(id) FROM job WHERE reverts = ");
    sql.push_bind(id)
        .push(format_args!(" AND state IN ('{}')", active.join("', '")));
    sql.build_query_scalar()
        .fetch_one(connection)
        .await
        .map_err(error::store)
}
