//! How far each partition is.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use saga_types::Timestamp;

use super::{PostgresStore, error, in_time};
use crate::{PartitionProgress, ProgressStore, StoreError, rows::corrupt};

const KEEP: &str = r"
INSERT INTO ingest_progress AS kept (topic, partition, events_behind, as_of, observed_at)
SELECT $1, * FROM UNNEST($2::int[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
ON CONFLICT (topic, partition) DO UPDATE SET events_behind = excluded.events_behind,
    as_of = COALESCE(excluded.as_of, kept.as_of), observed_at = excluded.observed_at";

const READ: &str = r"
SELECT partition, events_behind, as_of, observed_at FROM ingest_progress WHERE topic = $1 ORDER BY partition";

#[async_trait]
impl ProgressStore for PostgresStore {
    async fn keep_progress(&self, topic: &str, partitions: &[PartitionProgress]) -> Result<(), StoreError> {
        in_time(async {
            let behind = |progress: &PartitionProgress| progress.events_behind.cast_signed();
            let as_of = |progress: &PartitionProgress| progress.as_of.map(Timestamp::to_datetime);
            let observed_at = |progress: &PartitionProgress| progress.observed_at.to_datetime();
            sqlx::query(KEEP)
                .bind(topic)
                .bind(
                    partitions
                        .iter()
                        .map(|progress| progress.partition)
                        .collect::<Vec<_>>(),
                )
                .bind(partitions.iter().map(behind).collect::<Vec<_>>())
                .bind(partitions.iter().map(as_of).collect::<Vec<_>>())
                .bind(partitions.iter().map(observed_at).collect::<Vec<_>>())
                .execute(&self.readers)
                .await
                .map_err(error::store)?;
            Ok(())
        })
        .await
    }

    async fn progress(&self, topic: &str) -> Result<Vec<PartitionProgress>, StoreError> {
        in_time(async {
            type Row = (i32, i64, Option<DateTime<Utc>>, DateTime<Utc>);
            let rows: Vec<Row> = sqlx::query_as(READ)
                .bind(topic)
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            rows.into_iter()
                .map(|(partition, behind, as_of, observed_at)| {
                    Ok(PartitionProgress {
                        partition,
                        events_behind: behind.cast_unsigned(),
                        as_of: as_of.map(Timestamp::try_from).transpose().map_err(corrupt)?,
                        observed_at: observed_at.try_into().map_err(corrupt)?,
                    })
                })
                .collect()
        })
        .await
    }
}
