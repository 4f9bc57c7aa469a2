//! Erasing a person's data: that of sagas, and of what the archive has of them.
//!
//! Rule of thumb: sagas are locked before their events are read, in the order of all writers, and their version rises, so that
//! neither a batch nor the archive continues with what was read before.

use std::collections::HashMap;

use async_trait::async_trait;
use saga_types::Timestamp;
use sqlx::{Executor as _, QueryBuilder, Row as _};

use super::{
    Adapter, Connection, Db,
    abort::Abort,
    dialect::{self, any},
    erased_letters,
    erasure_transaction::{entry, log, overwrite_deleted, write_through},
    error, fold, forget, instances, read,
    rows::decode,
};
use crate::{
    AffectedSaga, Changes, ErasableLetter, Erased, ErasedEvent, ErasedSaga, Erasure, ErasureStore, Fault,
    MetadataValue, Operation, StoreError,
    columns::Moment,
    detached::run_detached,
    metadata::read_back,
    rebuild::{self, Stored},
    rows::{ErasableStepRow, InstanceRow},
    without_personal_data,
};

/// How often a transaction is tried that conflicts with others.
const ATTEMPTS: u32 = 10;

/// How many events are read at once, each of which may have 32 KiB.
const PAGE: i64 = 500;

const STEPS: &str = concat!(
    "SELECT saga_id, event_id, step, metadata FROM saga_steps WHERE saga_id ",
    any!("1"),
    " AND metadata IS NOT NULL AND erased_at IS NULL AND (saga_id, event_id) > ($2, $3) \
     ORDER BY saga_id, event_id LIMIT $4"
);

const MARK_SAGAS: &str = concat!(
    "UPDATE saga_instance SET erased_at = $2 WHERE saga_id ",
    any!("1")
);

/// The last erasure of any event counts.
const MARK_SAGAS_AGAIN: &str = concat!(
    "UPDATE saga_instance SET erased_at = \
     (SELECT max(step.erased_at) FROM saga_steps AS step WHERE step.saga_id = saga_instance.saga_id) WHERE saga_id ",
    any!("1")
);

const MARK_STEP: &str = "UPDATE saga_steps SET erased_at = $3 WHERE saga_id = $1 AND event_id = $2";

const MARK_REMOVED: &str = concat!(
    "UPDATE saga_removed SET erased_at = $2 WHERE (erased_at IS NULL OR erased_at < $2) AND saga_id ",
    any!("1"),
    " RETURNING saga_id"
);

#[async_trait]
impl ErasureStore for Adapter {
    async fn sagas_with(
        &self,
        value: &MetadataValue,
        after: &str,
        limit: u32,
    ) -> Result<Vec<AffectedSaga>, StoreError> {
        // First all that have the value: its index gives them at once, and the order by id is that of few.
        let mut sql = QueryBuilder::<Db>::new(
            "WITH found AS MATERIALIZED (SELECT saga_id FROM saga_steps AS step WHERE ",
        );
        dialect::push_metadata(&mut sql, value.key(), value.value());
        sql.push(
            " AND erased_at IS NULL), next AS MATERIALIZED (SELECT DISTINCT saga_id FROM found WHERE saga_id > ",
        )
        .push_bind(after.to_owned())
        .push(" ORDER BY saga_id LIMIT ")
        .push_bind(i64::from(limit));
        let (before, after) = dialect::ONE_OF_FEW;
        sql.push(format_args!(
            "), known AS MATERIALIZED (SELECT saga_id, event_count FROM saga_instance \
             WHERE saga_id {before}SELECT saga_id FROM next{after}) SELECT next.saga_id, COALESCE(event_count, 0) \
             FROM next LEFT JOIN known ON known.saga_id = next.saga_id ORDER BY next.saga_id"
        ));
        let store = self.clone();
        run_detached(async move {
            let mut transaction = store.readers.begin().await.map_err(error::store)?;
            if let Some(before) = dialect::BEFORE_METADATA {
                transaction.execute(before).await.map_err(error::store)?;
            }
            let found: Vec<(String, i64)> = sql
                .build_query_as()
                .fetch_all(&mut *transaction)
                .await
                .map_err(error::store)?;
            transaction.rollback().await.map_err(error::store)?;
            let sagas = found.into_iter().map(|(saga_id, events)| AffectedSaga {
                saga_id,
                events: events.cast_unsigned(),
            });
            Ok(sagas.collect())
        })
        .await
    }

    async fn erase_sagas(&self, saga_ids: &[String], erasure: &Erasure) -> Result<Erased, StoreError> {
        let (store, saga_ids, erasure) = (self.clone(), saga_ids.to_vec(), erasure.clone());
        run_detached(async move {
            let mut conflict = None;
            for _ in 0..ATTEMPTS {
                match attempt(&store, &saga_ids, &erasure).await {
                    Ok(erased) => {
                        write_through(&store).await?;
                        store.changed.add(Changes::Many);
                        return Ok(erased);
                    }
                    Err(abort) => conflict = Some(abort.conflict()?),
                }
            }
            Err(StoreError::Unavailable(Fault::conflicts(ATTEMPTS, conflict)))
        })
        .await
    }

    async fn erased_at(&self, saga_id: &str) -> Result<Option<Timestamp>, StoreError> {
        if read::cannot_be(saga_id) {
            return Ok(None);
        }
        let erased: Option<Option<Moment>> =
            sqlx::query_scalar("SELECT erased_at FROM saga_instance WHERE saga_id = $1")
                .bind(saga_id)
                .fetch_optional(&self.readers)
                .await
                .map_err(error::store)?;
        Ok(erased.flatten().map(|moment| moment.0))
    }

    async fn erasable_letters(
        &self,
        value: &MetadataValue,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ErasableLetter>, StoreError> {
        erased_letters::find(self, value, after, limit).await
    }

    async fn erase_letters(&self, ids: &[i64], erasure: &Erasure) -> Result<u64, StoreError> {
        erased_letters::erase(self, ids, erasure).await
    }

    async fn note_archive_erased(&self, sagas: &[ErasedSaga], erasure: &Erasure) -> Result<u64, StoreError> {
        let (store, sagas, erasure) = (self.clone(), sagas.to_vec(), erasure.clone());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            let ids: Vec<&str> = sagas.iter().map(|saga| saga.saga_id.as_str()).collect();
            let marked: Vec<String> = sqlx::query_scalar(MARK_REMOVED)
                .bind(dialect::list(&ids))
                .bind(Moment(erasure.at))
                .fetch_all(&mut *transaction)
                .await
                .map_err(error::store)?;
            let subjects: Vec<&str> = marked.iter().map(String::as_str).collect();
            forget::of_sagas(&mut transaction, &subjects)
                .await
                .map_err(error::store)?;
            let count = marked.len() as u64;
            let noted = sagas.into_iter().filter(|saga| marked.contains(&saga.saga_id));
            let entries = noted.map(|saga| of_saga(saga, &erasure, "in the archive"));
            log(&mut transaction, entries.collect())
                .await
                .map_err(error::store)?;
            transaction.commit().await.map_err(error::store)?;
            Ok(count)
        })
        .await
    }

    async fn mark_erased(&self, events: &[ErasedEvent]) -> Result<(), StoreError> {
        let (store, events) = (self.clone(), events.to_vec());
        run_detached(async move {
            let begun = store.writers.begin_with(dialect::BEGIN).await;
            let mut transaction = begun.map_err(error::store)?;
            for event in &events {
                sqlx::query(MARK_STEP)
                    .bind(&event.saga_id)
                    .bind(&event.event_id)
                    .bind(Moment(event.at))
                    .execute(&mut *transaction)
                    .await
                    .map_err(error::store)?;
            }
            let sagas: Vec<&str> = events.iter().map(|event| event.saga_id.as_str()).collect();
            mark_again(&mut transaction, &sagas).await.map_err(error::store)?;
            transaction.commit().await.map_err(error::store)
        })
        .await
    }
}

async fn attempt(store: &Adapter, saga_ids: &[String], erasure: &Erasure) -> Result<Erased, Abort> {
    let layout = store.layout().await?;
    let begun = store.writers.begin_with(dialect::begin_changing(layout));
    let mut transaction = begun.await?;
    overwrite_deleted(&mut transaction).await?;
    let rows = instances::lock_rows::<InstanceRow<'_>>(&mut transaction, layout, saga_ids).await?;
    let mut stored = HashMap::with_capacity(rows.len());
    for row in &rows {
        let saga_id: String = row.try_get("saga_id")?;
        stored.insert(saga_id, Stored::new(row.try_get("version")?, decode(row)));
    }
    let locked: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("saga_id"))
        .collect::<Result<_, _>>()?;
    let erased = erase_steps(&mut transaction, &locked, erasure.at).await?;
    let sagas = write_sagas(&mut transaction, store, stored, &locked, erased).await?;
    let ids: Vec<&str> = sagas.iter().map(|saga| saga.saga_id.as_str()).collect();
    sqlx::query(MARK_SAGAS)
        .bind(dialect::list(&ids))
        .bind(Moment(erasure.at))
        .execute(&mut *transaction)
        .await?;
    forget::of_sagas(&mut transaction, &ids).await?;
    let all = Erased {
        sagas: sagas.len() as u64,
        events: sagas.iter().map(|saga| saga.events).sum(),
    };
    let entries = sagas
        .into_iter()
        .map(|saga| of_saga(saga, erasure, "in the database"));
    log(&mut transaction, entries.collect()).await?;
    transaction.commit().await?;
    Ok(all)
}

/// Of each saga, how many events lost their metadata.
async fn erase_steps(
    connection: &mut Connection,
    saga_ids: &[String],
    at: Timestamp,
) -> Result<HashMap<String, u64>, Abort> {
    let mut erased = HashMap::new();
    let (mut saga_id, mut event_id) = (String::new(), String::new());
    loop {
        let rows = sqlx::query(STEPS)
            .bind(dialect::list(saga_ids))
            .bind(&saga_id)
            .bind(&event_id)
            .bind(PAGE)
            .map(|row| left_of(&row, at))
            .fetch_all(&mut *connection)
            .await?;
        let steps: Vec<LeftStep> = rows.into_iter().collect::<Result<_, StoreError>>()?;
        let Some(last) = steps.last() else {
            return Ok(erased);
        };
        (saga_id, event_id) = (last.saga_id.clone(), last.event_id.clone());
        let left: Vec<&str> = steps.iter().map(|step| step.metadata.as_str()).collect();
        let keys = steps
            .iter()
            .map(|step| (step.saga_id.as_str(), step.event_id.as_str()));
        let keys: (Vec<&str>, Vec<&str>) = keys.unzip();
        sqlx::query(dialect::ERASE_STEPS)
            .bind(dialect::list(&keys.0))
            .bind(dialect::list(&keys.1))
            .bind(dialect::list(&left))
            .bind(Moment(at))
            .execute(&mut *connection)
            .await?;
        for saga in keys.0 {
            *erased.entry(saga.to_owned()).or_default() += 1;
        }
    }
}

/// A step, and what is left of its metadata.
struct LeftStep {
    saga_id: String,
    event_id: String,
    metadata: String,
}

fn left_of(row: &super::Row, at: Timestamp) -> Result<LeftStep, StoreError> {
    let step: ErasableStepRow<'_> = decode(row)?;
    // What cannot be read leaves as a whole.
    let metadata = read_back(step.metadata.0.to_owned()).ok();
    let left = metadata.and_then(|metadata| without_personal_data(step.step, &metadata, at));
    Ok(LeftStep {
        saga_id: step.saga_id.to_owned(),
        event_id: step.event_id.to_owned(),
        metadata: left.map_or_else(|| "{}".to_owned(), |left| left.as_str().to_owned()),
    })
}

/// Folds the sagas of which events were erased anew, and writes them with their next version, also when nothing else of them
/// changed.
async fn write_sagas(
    connection: &mut Connection,
    store: &Adapter,
    stored: HashMap<String, Stored<'_>>,
    saga_ids: &[String],
    erased: HashMap<String, u64>,
) -> Result<Vec<ErasedSaga>, Abort> {
    let erased_ids: Vec<String> = saga_ids
        .iter()
        .filter(|saga_id| erased.contains_key(*saga_id))
        .cloned()
        .collect();
    let mut histories = read::histories(connection, &erased_ids).await?;
    let (mut updated, mut sagas) = (Vec::new(), Vec::new());
    for saga_id in erased_ids {
        let steps = histories.remove(&saga_id).unwrap_or_default();
        let Some(saga) = rebuild::refold(steps, stored.get(&saga_id), &store.definitions.get())? else {
            continue;
        };
        sagas.push(ErasedSaga {
            saga_type: saga.state.saga_type.as_str().to_owned(),
            events: erased.get(&saga_id).copied().unwrap_or_default(),
            saga_id,
        });
        updated.push(saga);
    }
    fold::write(connection, &updated).await?;
    Ok(sagas)
}

/// Says of sagas when they were erased last, by their events.
pub(super) async fn mark_again(connection: &mut Connection, saga_ids: &[&str]) -> Result<(), sqlx::Error> {
    sqlx::query(MARK_SAGAS_AGAIN)
        .bind(dialect::list(saga_ids))
        .execute(connection)
        .await?;
    Ok(())
}

fn of_saga(saga: ErasedSaga, erasure: &Erasure, place: &str) -> Operation {
    let what = format!("{} events {place}", saga.events);
    Operation {
        saga_id: Some(saga.saga_id),
        saga_type: Some(saga.saga_type),
        ..entry(erasure, what)
    }
}
