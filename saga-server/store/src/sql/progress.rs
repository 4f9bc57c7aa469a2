//! How far each partition is.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::{Adapter, error};
use crate::{PartitionProgress, ProgressStore, StoreError, columns::Moment, deadline::in_time};

const READ: &str = r"
SELECT partition, events_behind, as_of, observed_at FROM ingest_progress WHERE topic = $1 ORDER BY partition";

/// So many partitions are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 500;

#[derive(sqlx::FromRow)]
struct Row {
    partition: i32,
    events_behind: i64,
    as_of: Option<Moment>,
    observed_at: Moment,
}

#[async_trait]
impl ProgressStore for Adapter {
    async fn keep_progress(&self, topic: &str, partitions: &[PartitionProgress]) -> Result<(), StoreError> {
        in_time(async {
            for partitions in partitions.chunks(AT_ONCE) {
                let mut sql = QueryBuilder::new(
                    "INSERT INTO ingest_progress AS kept (topic, partition, events_behind, as_of, observed_at) ",
                );
                sql.push_values(partitions, |mut row, progress| {
                    row.push_bind(topic)
                        .push_bind(progress.partition)
                        .push_bind(progress.events_behind.cast_signed())
                        .push_bind(progress.as_of.map(Moment))
                        .push_bind(Moment(progress.observed_at));
                });
                sql.push(
                    " ON CONFLICT (topic, partition) DO UPDATE SET events_behind = excluded.events_behind, \
                     as_of = COALESCE(excluded.as_of, kept.as_of), observed_at = excluded.observed_at",
                );
                sql.build().execute(self.notes()).await.map_err(error::store)?;
            }
            Ok(())
        })
        .await
    }

    async fn progress(&self, topic: &str) -> Result<Vec<PartitionProgress>, StoreError> {
        in_time(async {
            let rows: Vec<Row> = sqlx::query_as(READ)
                .bind(topic)
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            let progress = rows.into_iter().map(|row| PartitionProgress {
                partition: row.partition,
                events_behind: row.events_behind.cast_unsigned(),
                as_of: row.as_of.map(|as_of| as_of.0),
                observed_at: row.observed_at.0,
            });
            Ok(progress.collect())
        })
        .await
    }
}
