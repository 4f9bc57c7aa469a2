//! The outbox in SQLite.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{SqliteConnection, SqlitePool};

use super::{
    SQLITE_MIGRATIONS,
    dead_letter::{self, DeadLetter},
    store::{Backlog, CLEAN_UP_ROWS, Columns, MIGRATED_COLUMNS, OutboxConnection, OutboxPool, Row, millis},
};
use crate::TraceContext;

#[async_trait]
impl OutboxConnection for SqliteConnection {
    fn is_in_transaction(&self) -> bool {
        sqlx::Connection::is_in_transaction(self)
    }

    async fn insert(
        &mut self,
        saga_id: &str,
        event: &[u8],
        trace: Option<&TraceContext>,
    ) -> Result<(), sqlx::Error> {
        let insert = sqlx::query(
            "INSERT INTO saga_outbox (saga_id, event, traceparent, tracestate) VALUES (?, ?, ?, ?)",
        );
        insert
            .bind(saga_id)
            .bind(event)
            .bind(trace.map(TraceContext::traceparent))
            .bind(trace.and_then(TraceContext::tracestate))
            .execute(self)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl OutboxPool for SqlitePool {
    async fn migrate(&self) -> Result<(), sqlx::Error> {
        // Replicas that start at once go one after the other.
        let mut transaction = self.begin_with("BEGIN IMMEDIATE").await?;
        for (script, column) in SQLITE_MIGRATIONS.into_iter().zip(MIGRATED_COLUMNS) {
            let is_done = sqlx::query_scalar::<_, bool>(
                "SELECT EXISTS (SELECT 1 FROM pragma_table_info('saga_outbox') WHERE name = ?)",
            );
            if !is_done.bind(column).fetch_one(&mut *transaction).await? {
                sqlx::raw_sql(script).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await
    }

    async fn lease(&self, owner: &str, duration: Duration) -> Result<bool, sqlx::Error> {
        let lease = sqlx::query(
            "UPDATE saga_outbox_lease SET owner = ?1, expires_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2 \
             WHERE owner = ?1 OR expires_at < CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        );
        Ok(lease
            .bind(owner)
            .bind(millis(duration))
            .execute(self)
            .await?
            .rows_affected()
            == 1)
    }

    async fn release(&self, owner: &str) -> Result<(), sqlx::Error> {
        let release = sqlx::query("UPDATE saga_outbox_lease SET expires_at = 0 WHERE owner = ?");
        release.bind(owner).execute(self).await?;
        Ok(())
    }

    async fn pending(&self, limit: u32, without_sagas: &[String]) -> Result<Vec<Row>, sqlx::Error> {
        let pending = sqlx::query_as::<_, Columns>(
            "SELECT position, saga_id, event, traceparent, tracestate FROM saga_outbox \
             WHERE published_at IS NULL AND failed_at IS NULL AND saga_id NOT IN (SELECT value FROM json_each(?2)) \
             ORDER BY position LIMIT ?1",
        );
        let without_sagas = serde_json::json!(without_sagas).to_string();
        let rows = pending.bind(limit).bind(without_sagas).fetch_all(self).await?;
        Ok(rows.into_iter().map(Row::from).collect())
    }

    async fn mark_published(&self, positions: &[i64]) -> Result<(), sqlx::Error> {
        let mark = sqlx::query(
            "UPDATE saga_outbox SET published_at = CAST(unixepoch('subsec') * 1000 AS INTEGER) \
             WHERE position IN (SELECT value FROM json_each(?)) AND published_at IS NULL",
        );
        mark.bind(serde_json::json!(positions).to_string())
            .execute(self)
            .await?;
        Ok(())
    }

    async fn clean_up(&self, older_than: Duration) -> Result<u64, sqlx::Error> {
        let delete = sqlx::query(
            "DELETE FROM saga_outbox WHERE position IN (SELECT position FROM saga_outbox \
             WHERE published_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - ? ORDER BY published_at LIMIT ?)",
        );
        Ok(delete
            .bind(millis(older_than))
            .bind(CLEAN_UP_ROWS)
            .execute(self)
            .await?
            .rows_affected())
    }

    async fn backlog(&self) -> Result<Backlog, sqlx::Error> {
        let backlog = sqlx::query_as::<_, (i64, i64, i64)>(
            "SELECT count(*), coalesce(CAST(unixepoch('subsec') * 1000 AS INTEGER) - min(created_at), 0), \
             (SELECT count(*) FROM saga_outbox WHERE failed_at IS NOT NULL) \
             FROM saga_outbox WHERE published_at IS NULL AND failed_at IS NULL",
        );
        Ok(Backlog::new(backlog.fetch_one(self).await?))
    }
    async fn set_aside(&self, position: i64, failure: &str) -> Result<(), sqlx::Error> {
        let update = sqlx::query(
            "UPDATE saga_outbox SET failed_at = CAST(unixepoch('subsec') * 1000 AS INTEGER), failure = ?2 \
             WHERE position = ?1 AND published_at IS NULL",
        );
        update.bind(position).bind(failure).execute(self).await?;
        Ok(())
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, sqlx::Error> {
        let letters = sqlx::query_as::<_, dead_letter::Columns>(
            "SELECT position, saga_id, event, coalesce(failure, ''), \
             CAST(unixepoch('subsec') * 1000 AS INTEGER) - failed_at \
             FROM saga_outbox WHERE failed_at IS NOT NULL ORDER BY position LIMIT ?",
        );
        let letters = letters.bind(limit).fetch_all(self).await?;
        Ok(letters.into_iter().map(DeadLetter::from).collect())
    }

    async fn put_back(&self, positions: &[i64]) -> Result<u64, sqlx::Error> {
        let update = sqlx::query(
            "UPDATE saga_outbox SET failed_at = NULL, failure = NULL \
             WHERE position IN (SELECT value FROM json_each(?)) AND failed_at IS NOT NULL",
        );
        let positions = serde_json::json!(positions).to_string();
        Ok(update.bind(positions).execute(self).await?.rows_affected())
    }
}
