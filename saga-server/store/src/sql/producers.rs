//! Who records events.

use std::collections::BTreeMap;

use async_trait::async_trait;
use saga_types::Timestamp;

use super::{
    Adapter, Connection, Pool,
    dialect::{self, any, texts},
    error,
};
use crate::{
    AppendError, ProducerObservation, ProducerPage, ProducerQuery, ProducerStore, ReconcileOutcome,
    ReconcileRequest, StoreError,
    batch::TxOutcome,
    columns::Moment,
    deadline::in_time,
    detached::run_detached,
    error::confirm_refusal,
    probe,
    producers::{self, Instance, Service, Tables},
};

const NOTE: &str = concat!("INSERT INTO producer_change (change) ", texts!("1"));

const KEEP_SERVICE: &str = r"
INSERT INTO producer_service (service, changed_at, detail) VALUES ($1, $2, $3)
ON CONFLICT (service) DO UPDATE SET changed_at = excluded.changed_at, detail = excluded.detail";

const KEEP_INSTANCE: &str = r"
INSERT INTO producer_instance (service, instance, last_seen, marked_at, lost, detail, open)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (service, instance) DO UPDATE SET last_seen = excluded.last_seen, marked_at = excluded.marked_at,
    lost = excluded.lost, detail = excluded.detail, open = excluded.open";

const MARKED: &str = r"
SELECT service, instance, detail, open FROM producer_instance WHERE marked_at <= $1 ORDER BY marked_at LIMIT $2";

const ADD_LOST: &str = r"
INSERT INTO producer_lost AS known (service, events) VALUES ($1, $2)
ON CONFLICT (service) DO UPDATE SET events = known.events + excluded.events";

const SERVICES: &str = r"
SELECT service, detail FROM producer_service
WHERE ($1 IS NULL OR service = $1) AND ($2 IS NULL OR service > $2) ORDER BY service LIMIT $3";

const SUMS: &str = concat!(
    "SELECT service, count(*) FILTER (WHERE instance <> ''), CAST(sum(lost) AS bigint) \
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
        let rows = producers::observation_rows(observations);
        if rows.is_empty() {
            return Ok(());
        }
        let noted = self
            .with_deadline(note_alone(self.notes(), rows, TxOutcome::Committed))
            .await;
        let probe = producers::observation_rows(&[probe::observation()]);
        let probe = self.with_deadline(note_alone(self.notes(), probe, TxOutcome::RolledBack));
        confirm_refusal(noted, probe).await
    }

    async fn reconcile_producers(&self, request: &ReconcileRequest) -> Result<ReconcileOutcome, StoreError> {
        let (pool, request) = (self.writers.clone(), request.clone());
        run_detached(async move { in_time(reconcile(&pool, &request)).await }).await
    }

    async fn producers(&self, query: &ProducerQuery) -> Result<ProducerPage, StoreError> {
        let services: Vec<(String, String)> = sqlx::query_as(SERVICES)
            .bind(&query.service)
            .bind(&query.after)
            .bind(i64::from(query.size) + 1)
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let names: Vec<&str> = services.iter().map(|(service, _)| service.as_str()).collect();
        let sums: Vec<(String, i64, i64)> = sqlx::query_as(SUMS)
            .bind(dialect::list(&names))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        let instances: Vec<(String, String, String)> = sqlx::query_as(INSTANCES)
            .bind(dialect::list(&names))
            .bind(i64::from(query.instances))
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        producers::page(query, services, sums, instances)
    }

    async fn events_lost(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        in_time(async {
            let rows: Vec<(String, i64)> = sqlx::query_as("SELECT service, events FROM producer_lost")
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let rows = rows.into_iter();
            Ok(rows
                .map(|(service, events)| (service, events.cast_unsigned()))
                .collect())
        })
        .await
    }
}

/// In a transaction of its own, and not by a writer's connection: a batch may need them all.
async fn note_alone(pool: &Pool, rows: Vec<String>, outcome: TxOutcome) -> Result<(), AppendError> {
    let mut transaction = pool.begin_with(dialect::BEGIN).await.map_err(error::append)?;
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

/// Notes what a transaction stored, within it.
pub(super) async fn note(connection: &mut Connection, change: Option<String>) -> Result<(), sqlx::Error> {
    if let Some(change) = change {
        sqlx::query(NOTE)
            .bind(dialect::list(&[change]))
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

struct StoredTables<'a>(&'a mut Connection);

impl StoredTables<'_> {
    async fn count(&mut self, sql: &'static str) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(sql)
            .fetch_one(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(count.cast_unsigned())
    }

    async fn forget_before(&mut self, sql: &'static str, moment: Timestamp) -> Result<u64, StoreError> {
        let forgotten = sqlx::query(sql)
            .bind(Moment(moment))
            .execute(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(forgotten.rows_affected())
    }
}

#[async_trait]
impl Tables for StoredTables<'_> {
    async fn take_changes(&mut self, limit: u32) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(dialect::TAKE_CHANGES)
            .bind(i64::from(limit))
            .fetch_all(&mut *self.0)
            .await
            .map_err(error::store)
    }

    async fn service(&mut self, service: &str) -> Result<Option<Service>, StoreError> {
        let detail: Option<String> =
            sqlx::query_scalar("SELECT detail FROM producer_service WHERE service = $1")
                .bind(service)
                .fetch_optional(&mut *self.0)
                .await
                .map_err(error::store)?;
        detail
            .map(|detail| Service::read(service.to_owned(), &detail))
            .transpose()
    }

    async fn keep_service(&mut self, service: &Service, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(KEEP_SERVICE)
            .bind(&service.service)
            .bind(Moment(now))
            .bind(service.detail())
            .execute(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(())
    }

    async fn instance(&mut self, service: &str, instance: &str) -> Result<Option<Instance>, StoreError> {
        let sql = "SELECT detail, open FROM producer_instance WHERE service = $1 AND instance = $2";
        let row: Option<(String, Vec<u8>)> = sqlx::query_as(sql)
            .bind(service)
            .bind(instance)
            .fetch_optional(&mut *self.0)
            .await
            .map_err(error::store)?;
        row.map(|(detail, open)| Instance::read(service.to_owned(), instance.to_owned(), &detail, &open))
            .transpose()
    }

    async fn keep_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        sqlx::query(KEEP_INSTANCE)
            .bind(&instance.service)
            .bind(&instance.instance)
            .bind(Moment(instance.last_seen()))
            .bind(instance.marked_at().map(Moment))
            .bind(instance.lost().cast_signed())
            .bind(instance.detail())
            .bind(instance.open())
            .execute(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(())
    }

    async fn sizes(&mut self) -> Result<(u64, u64), StoreError> {
        let services = self.count("SELECT count(*) FROM producer_service").await?;
        let instances = self.count("SELECT count(*) FROM producer_instance").await?;
        Ok((services, instances))
    }

    async fn marked_before(&mut self, moment: Timestamp, limit: u32) -> Result<Vec<Instance>, StoreError> {
        let rows: Vec<(String, String, String, Vec<u8>)> = sqlx::query_as(MARKED)
            .bind(Moment(moment))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.0)
            .await
            .map_err(error::store)?;
        rows.into_iter()
            .map(|(service, instance, detail, open)| Instance::read(service, instance, &detail, &open))
            .collect()
    }

    async fn forget(&mut self, instances: Timestamp, services: Timestamp) -> Result<u64, StoreError> {
        self.forget_before("DELETE FROM producer_service WHERE changed_at < $1", services)
            .await?;
        self.forget_before("DELETE FROM producer_instance WHERE last_seen < $1", instances)
            .await
    }

    async fn add_lost(&mut self, service: &str, events: u64) -> Result<(), StoreError> {
        sqlx::query(ADD_LOST)
            .bind(service)
            .bind(events.cast_signed())
            .execute(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(())
    }

    async fn whole_since(&mut self) -> Result<Timestamp, StoreError> {
        let since: Moment = sqlx::query_scalar("SELECT whole_since FROM producer_watch")
            .fetch_one(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(since.0)
    }

    async fn set_whole_since(&mut self, moment: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE producer_watch SET whole_since = $1 WHERE whole_since < $1")
            .bind(Moment(moment))
            .execute(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(())
    }
}
