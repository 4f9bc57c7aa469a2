//! Jobs: created with their items, read by scope, stopped, and ended.

use async_trait::async_trait;
use saga_types::Timestamp;
use sqlx::QueryBuilder;

use super::{
    Adapter, Db, acknowledgements, dead_letters, dialect, dismissal, error, job_creation, job_items,
    job_rows::{ITEM, ItemRow, JOB, JobRow, SelectedRow, entry, is_seen, one},
    letter_index, old_rows, operations,
    rows::{decode, decode_all},
};
use crate::{
    Acknowledged, Actor, Creation, Job, JobAcknowledgement, JobAction, JobActivity, JobDisposal, JobItem,
    JobItemQuery, JobQuery, JobStep, JobStore, LetterFilter, NewJob, RequestKeys, Reversion, Scope,
    SelectedLetter, StoreError, columns::Moment, deadline::in_time, detached::run_detached,
};

/// Written out, as in the index of these.
const ACTIVE: &str = "state IN ('WAITING', 'RUNNING', 'STOPPING')";

/// A statement has no more parts than some hundreds.
const MOST_SETS: usize = 100;

const STOP: &str = "UPDATE job SET state = CASE state WHEN 'WAITING' THEN 'STOPPED' ELSE 'STOPPING' END, \
     finished_at = CASE state WHEN 'WAITING' THEN $2 ELSE finished_at END, moved_at = $2 \
     WHERE id = $1 AND state IN ('WAITING', 'RUNNING')";

const END: &str = "UPDATE job SET state = CASE WHEN EXISTS ( \
         SELECT 1 FROM job_item WHERE job_id = job.id AND result IS NULL) THEN 'STOPPED' ELSE 'DONE' END, finished_at = $2 \
     WHERE id = $1 AND (state = 'STOPPING' OR state = 'RUNNING' AND NOT EXISTS ( \
         SELECT 1 FROM job_item WHERE job_id = job.id AND result IS NULL))";

const REMOVE: &str =
    "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)";

#[async_trait]
impl JobStore for Adapter {
    async fn create_job(&self, job: &NewJob) -> Result<Creation, StoreError> {
        job_creation::create(self, job).await
    }

    async fn revert_job(&self, id: i64, order: &NewJob) -> Result<Reversion, StoreError> {
        job_creation::revert(self, id, order).await
    }

    async fn job_of_request(&self, keys: &RequestKeys) -> Result<Option<Job>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE token = "));
        sql.push_bind(keys.token())
            .push(" OR request_key = ")
            .push_bind(keys.key());
        let row = sql
            .build()
            .fetch_optional(&self.readers)
            .await
            .map_err(error::store)?;
        row.map(|row| decode::<JobRow>(&row)?.try_into()).transpose()
    }

    async fn job(&self, id: i64, scope: &Scope) -> Result<Option<Job>, StoreError> {
        let mut connection = self.readers.acquire().await.map_err(error::store)?;
        one(&mut connection, id, scope, "").await
    }

    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StoreError> {
        let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE "));
        if query.scope.is_all() {
            sql.push("true");
            push_page(&mut sql, query);
        } else {
            push_seen(&mut sql, query, &self.seen_types(&query.scope).await?);
        }
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
            if one(&mut transaction, id, &scope, "").await?.is_none() {
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
            let job = one(&mut transaction, id, &scope, "").await?;
            transaction.commit().await.map_err(error::store)?;
            Ok(job)
        })
        .await
    }

    async fn active_jobs(&self, after: i64, limit: u32) -> Result<Vec<Job>, StoreError> {
        in_time(async {
            let mut sql = QueryBuilder::<Db>::new(format!("SELECT {JOB} FROM job WHERE {ACTIVE} AND id > "));
            sql.push_bind(after);
            // One of a newer version waits for a collector that knows what it does, and holds up no other.
            let known = JobAction::ALL.map(JobAction::as_str).join("', '");
            sql.push(format_args!(" AND action IN ('{known}')"))
                .push(" ORDER BY id LIMIT ")
                .push_bind(i64::from(limit));
            let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
            let rows = decode_all::<JobRow>(&rows)?.into_iter();
            rows.map(Job::try_from).collect()
        })
        .await
    }

    async fn job_activity(&self) -> Result<JobActivity, StoreError> {
        in_time(async {
            let count = format!("SELECT count(*) FROM job WHERE {ACTIVE}");
            let active: i64 = QueryBuilder::<Db>::new(count)
                .build_query_scalar()
                .fetch_one(&self.readers)
                .await
                .map_err(error::store)?;
            let idlest = format!("SELECT id, moved_at FROM job WHERE {ACTIVE} ORDER BY moved_at, id LIMIT 1");
            let idlest: Option<(i64, Moment)> = QueryBuilder::<Db>::new(idlest)
                .build_query_as()
                .fetch_optional(&self.readers)
                .await
                .map_err(error::store)?;
            Ok(JobActivity {
                active: active.cast_unsigned(),
                idlest: idlest.map(|(id, since)| (id, since.0)),
            })
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

    async fn acknowledge_items(
        &self,
        order: &JobAcknowledgement,
    ) -> Result<Vec<(i64, Acknowledged)>, StoreError> {
        acknowledgements::acknowledge_items(self, order).await
    }

    async fn select_letters(
        &self,
        filter: &LetterFilter,
        limit: u32,
    ) -> Result<Vec<SelectedLetter>, StoreError> {
        let prefiltered = letter_index::prefilter(&self.readers, filter).await?;
        let mut sql = QueryBuilder::<Db>::new(
            "SELECT id, saga_id, saga_type, state, erased_at IS NOT NULL AS is_erased FROM dead_letter WHERE true",
        );
        dead_letters::push_filter(&mut sql, &prefiltered, self.layout().await?);
        sql.push(" ORDER BY dead_since DESC, id DESC LIMIT ")
            .push_bind(i64::from(limit));
        let rows = sql.build().fetch_all(&self.readers).await.map_err(error::store)?;
        let rows = decode_all::<SelectedRow>(&rows)?.into_iter();
        rows.map(SelectedLetter::try_from).collect()
    }

    async fn remove_jobs(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        old_rows::remove(&self.writers, REMOVE, before, limit).await
    }
}

/// The rest of a condition on jobs, and their order.
fn push_page(sql: &mut QueryBuilder<Db>, query: &JobQuery) {
    if let Some(state) = query.state {
        sql.push(" AND state = ").push_bind(state.as_str());
    }
    if let Some(before) = query.before {
        sql.push(" AND id < ").push_bind(before);
    }
    sql.push(" ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(query.size));
}

/// The condition on jobs with one of some sets of types: the newest of each set, so that no others are read.
fn push_seen(sql: &mut QueryBuilder<Db>, query: &JobQuery, seen: &[String]) {
    if !(1..=MOST_SETS).contains(&seen.len()) {
        sql.push("types ");
        dialect::push_any(sql, seen);
        push_page(sql, query);
        return;
    }
    sql.push("id IN (");
    for (number, types) in seen.iter().enumerate() {
        if number > 0 {
            sql.push(" UNION ALL ");
        }
        sql.push("SELECT id FROM (SELECT id FROM job WHERE types = ")
            .push_bind(types.clone());
        push_page(sql, query);
        sql.push(") AS newest");
    }
    sql.push(") ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(query.size));
}

impl Adapter {
    /// Which sets of types jobs have that are seen with a scope, each found behind the one before.
    async fn seen_types(&self, scope: &Scope) -> Result<Vec<String>, StoreError> {
        let sets: Vec<String> = sqlx::query_scalar(
            "WITH RECURSIVE sets (types) AS (SELECT min(types) FROM job UNION ALL \
             SELECT (SELECT min(types) FROM job WHERE types > sets.types) FROM sets WHERE types IS NOT NULL) \
             SELECT types FROM sets WHERE types IS NOT NULL",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(error::store)?;
        Ok(sets.into_iter().filter(|types| is_seen(types, scope)).collect())
    }
}
