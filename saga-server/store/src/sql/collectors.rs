//! The collectors that run.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    Adapter, MIGRATOR,
    dialect::{now, now_plus},
    error,
};
use crate::{CollectorSettings, CollectorStore, StoreError, columns::millis, deadline::in_time};

const ANNOUNCE: &str = concat!(
    "INSERT INTO collector (id, definitions, redaction, tables, expires_at) VALUES ($1, $2, $3, $4, ",
    now_plus!("$5"),
    ") ON CONFLICT (id) DO UPDATE SET definitions = excluded.definitions, redaction = excluded.redaction, \
     tables = excluded.tables, expires_at = excluded.expires_at"
);

const FORGET: &str = concat!("DELETE FROM collector WHERE expires_at < ", now!());

const OTHERS: &str = "SELECT definitions, redaction, tables FROM collector WHERE id <> $1";

#[async_trait]
impl CollectorStore for Adapter {
    fn tables(&self) -> i64 {
        MIGRATOR
            .iter()
            .map(|migration| migration.version)
            .max()
            .unwrap_or_default()
    }

    async fn announce_collector(
        &self,
        collector: &str,
        settings: &CollectorSettings,
        period: Duration,
    ) -> Result<Vec<CollectorSettings>, StoreError> {
        in_time(async {
            sqlx::query(ANNOUNCE)
                .bind(collector)
                .bind(&settings.definitions)
                .bind(&settings.redaction)
                .bind(settings.tables)
                .bind(millis(period))
                .execute(self.notes())
                .await
                .map_err(error::store)?;
            sqlx::query(FORGET)
                .execute(self.notes())
                .await
                .map_err(error::store)?;
            let others: Vec<(String, String, i64)> = sqlx::query_as(OTHERS)
                .bind(collector)
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let settings = others
                .into_iter()
                .map(|(definitions, redaction, tables)| CollectorSettings {
                    definitions,
                    redaction,
                    tables,
                });
            Ok(settings.collect())
        })
        .await
    }

    async fn withdraw_collector(&self, collector: &str) -> Result<(), StoreError> {
        in_time(async {
            sqlx::query("DELETE FROM collector WHERE id = $1")
                .bind(collector)
                .execute(self.notes())
                .await
                .map_err(error::store)?;
            Ok(())
        })
        .await
    }
}
