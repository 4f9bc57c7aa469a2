//! Who records events.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{
    Adapter, Connection, Pool,
    dialect::{self, any, texts},
    error,
    producer_tables::StoredTables,
    rows::{decode, decode_all},
};
use crate::{
    AppendError, ProducerObservation, ProducerPage, ProducerQuery, ProducerStore, ReconcileOutcome,
    ReconcileRequest, StoreError,
    batch::TxOutcome,
    deadline::in_time,
    detached::run_detached,
    error::confirm_refusal,
    probe,
    producers::{self, LostRow, ServiceRow},
};

const NOTE: &str = concat!("INSERT INTO producer_change (change) ", texts!("1"));

const SERVICES: &str = r"
SELECT service, detail FROM producer_service
WHERE ($1 IS NULL OR service = $1) AND ($2 IS NULL OR service > $2) ORDER BY service LIMIT $3";

const SUMS: &str = concat!(
    "SELECT service, count(*) FILTER (WHERE instance <> '') AS instances, CAST(sum(lost) AS bigint) AS lost \
     FROM producer_instance WHERE service ",
    any!("1"),
    " GROUP BY service"
);

const INSTANCES: &str = concat!(
    "SELECT service, instance, detail FROM (SELECT service, instance, detail, \
     row_number() OVER (PARTITION BY service ORDER BY lost > 0 DESC, last_seen DESC, instance) AS place \
     FROM producer_instance WHERE service ",
    any!("1"),
    ") AS placed WHERE place <= $2 ORDER BY service, place"
);

#[async_trait]
impl ProducerStore for Adapter {
    async fn observe_producers(&self, observations: &[ProducerObservation]) -> Result<(), AppendError> {
        let rows = producers::observation_rows(observations).map_err(error::append)?;
        if rows.is_empty() {
            return Ok(());
        }
        let noted = self
            .with_deadline(note_alone(self.notes(), rows, TxOutcome::Committed))
            .await;
        let probe = producers::observation_rows(&[probe::observation()]).map_err(error::append)?;
        let probe = self.with_deadline(note_alone(self.notes(), probe, TxOutcome::RolledBack));
        confirm_refusal(noted, probe).await
    }

    async fn reconcile_producers(&self, request: &ReconcileRequest) -> Result<ReconcileOutcome, StoreError> {
        let (pool, request) = (self.writers.clone(), request.clone());
        run_detached(async move { in_time(reconcile(&pool, &request)).await }).await
    }

    async fn producers(&self, query: &ProducerQuery) -> Result<ProducerPage, StoreError> {
        let services = sqlx::query(SERVICES)
            .bind(&query.service)
            .bind(&query.after)
            .bind(i64::from(query.size) + 1)
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let services: Vec<ServiceRow> = decode_all(&services)?;
        let names: Vec<&str> = services.iter().map(|row| row.service.as_str()).collect();
        let sums = sqlx::query(SUMS)
            .bind(dialect::list(&names))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let instances = sqlx::query(INSTANCES)
            .bind(dialect::list(&names))
            .bind(i64::from(query.instances))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        producers::page(query, services, decode_all(&sums)?, decode_all(&instances)?)
    }

    async fn events_lost(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        in_time(async {
            let rows = sqlx::query("SELECT service, events FROM producer_lost")
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            rows.iter()
                .map(|row| Ok(decode::<LostRow>(row)?.into()))
                .collect()
        })
        .await
    }
}

/// In a transaction of its own, and not by a writer's connection: a batch may need them all.
async fn note_alone(pool: &Pool, rows: Vec<String>, outcome: TxOutcome) -> Result<(), AppendError> {
    let begun = pool.begin_with(dialect::BEGIN).await;
    let mut transaction = begun.map_err(error::store)?;
    let noted = sqlx::query(NOTE)
        .bind(dialect::list(&rows))
        .execute(&mut *transaction)
        .await;
    noted.map_err(error::append)?;
    match outcome {
        TxOutcome::Committed => transaction.commit().await,
        TxOutcome::RolledBack => transaction.rollback().await,
    }
    .map_err(error::append)
}

/// Notes what a transaction stored and what it showed of producers, within it.
pub(super) async fn note(connection: &mut Connection, changes: Vec<String>) -> Result<(), sqlx::Error> {
    if !changes.is_empty() {
        sqlx::query(NOTE)
            .bind(dialect::list(&changes))
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn reconcile(pool: &Pool, request: &ReconcileRequest) -> Result<ReconcileOutcome, StoreError> {
    let mut transaction = pool.begin_with(dialect::BEGIN).await.map_err(error::store)?;
    if !dialect::try_lock_changes(&mut transaction)
        .await
        .map_err(error::store)?
    {
        return Ok(ReconcileOutcome::default());
    }
    let outcome = producers::reconcile(&mut StoredTables(&mut transaction), request).await?;
    transaction.commit().await.map_err(error::store)?;
    Ok(outcome)
}
