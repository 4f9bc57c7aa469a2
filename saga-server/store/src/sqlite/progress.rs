//! How far each partition is.

use async_trait::async_trait;
use saga_types::Timestamp;

use super::{SqliteStore, error};
use crate::{PartitionProgress, ProgressStore, StoreError, rows::corrupt};

const KEEP: &str = r"
INSERT INTO ingest_progress AS kept (topic, partition, events_behind, as_of, observed_at)
SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
ON CONFLICT (topic, partition) DO UPDATE SET events_behind = excluded.events_behind,
    as_of = COALESCE(excluded.as_of, kept.as_of), observed_at = excluded.observed_at";

const READ: &str = r"
SELECT partition, events_behind, as_of, observed_at FROM ingest_progress WHERE topic = ? ORDER BY partition";

#[async_trait]
impl ProgressStore for SqliteStore {
    async fn keep_progress(&self, topic: &str, partitions: &[PartitionProgress]) -> Result<(), StoreError> {
        let rows: Vec<_> = partitions
            .iter()
            .map(|progress| {
                let as_of = progress.as_of.map(Timestamp::as_millis);
                let observed_at = progress.observed_at.as_millis();
                (progress.partition, progress.events_behind, as_of, observed_at)
            })
            .collect();
        sqlx::query(KEEP)
            .bind(topic)
            .bind(serde_json::json!(rows).to_string())
            .execute(&self.writer)
            .await
            .map_err(error::store)?;
        Ok(())
    }

    async fn progress(&self, topic: &str) -> Result<Vec<PartitionProgress>, StoreError> {
        let rows: Vec<(i32, i64, Option<i64>, i64)> = sqlx::query_as(READ)
            .bind(topic)
            .fetch_all(&self.readers)
            .await
            .map_err(error::store)?;
        rows.into_iter()
            .map(|(partition, behind, as_of, observed_at)| {
                Ok(PartitionProgress {
                    partition,
                    events_behind: behind.cast_unsigned(),
                    as_of: as_of.map(Timestamp::from_millis).transpose().map_err(corrupt)?,
                    observed_at: Timestamp::from_millis(observed_at).map_err(corrupt)?,
                })
            })
            .collect()
    }
}
