//! The tables of producers, as they are reconciled.

use async_trait::async_trait;
use saga_types::Timestamp;

use super::{Connection, dialect, error, rows::decode};
use crate::{
    StoreError,
    columns::Moment,
    producers::{Instance, InstanceRow, Service, ServiceRow, Tables, WholeSinceRow},
};

const INSTANCE: &str = r"
SELECT service, instance, detail, open FROM producer_instance WHERE service = $1 AND instance = $2";

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

/// Within a transaction.
pub(super) struct StoredTables<'a>(pub(super) &'a mut Connection);

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
        let row = sqlx::query("SELECT service, detail FROM producer_service WHERE service = $1")
            .bind(service)
            .fetch_optional(&mut *self.0)
            .await
            .map_err(error::store)?;
        row.map(|row| decode::<ServiceRow>(&row)?.try_into()).transpose()
    }

    async fn keep_service(&mut self, service: &Service, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query(KEEP_SERVICE)
            .bind(&service.service)
            .bind(Moment(now))
            .bind(service.detail().map_err(error::store)?)
            .execute(&mut *self.0)
            .await
            .map_err(error::store)?;
        Ok(())
    }

    async fn instance(&mut self, service: &str, instance: &str) -> Result<Option<Instance>, StoreError> {
        let row = sqlx::query(INSTANCE)
            .bind(service)
            .bind(instance)
            .fetch_optional(&mut *self.0)
            .await
            .map_err(error::store)?;
        row.map(|row| decode::<InstanceRow>(&row)?.try_into()).transpose()
    }

    async fn keep_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        sqlx::query(KEEP_INSTANCE)
            .bind(&instance.service)
            .bind(&instance.instance)
            .bind(Moment(instance.last_seen()))
            .bind(instance.marked_at().map(Moment))
            .bind(instance.lost().cast_signed())
            .bind(instance.detail().map_err(error::store)?)
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
        let rows = sqlx::query(MARKED)
            .bind(Moment(moment))
            .bind(i64::from(limit))
            .fetch_all(&mut *self.0)
            .await
            .map_err(error::store)?;
        rows.iter()
            .map(|row| decode::<InstanceRow>(row)?.try_into())
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
        let row =
            sqlx::query("SELECT CAST(only_one AS integer) AS only_one, whole_since FROM producer_watch")
                .fetch_one(&mut *self.0)
                .await
                .map_err(error::store)?;
        Ok(decode::<WholeSinceRow>(&row)?.into())
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
