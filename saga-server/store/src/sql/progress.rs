//! How far each partition is.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::{Adapter, error, rows::decode};
use crate::{PartitionProgress, ProgressStore, StoreError, columns::Moment, deadline::in_time, table::Keyed};

const READ: &str = r"
SELECT topic, partition, events_behind, as_of, observed_at FROM ingest_progress WHERE topic = $1 ORDER BY partition";

/// So many partitions are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 500;

#[derive(sqlx::FromRow)]
struct ProgressRow {
    partition: i32,
    events_behind: i64,
    as_of: Option<Moment>,
    observed_at: Moment,
}

impl Keyed for ProgressRow {
    const NAME: &'static str = "ingest_progress";
    const KEY: &'static [&'static str] = &["topic", "partition"];
}

impl From<ProgressRow> for PartitionProgress {
    fn from(row: ProgressRow) -> Self {
        Self {
            partition: row.partition,
            events_behind: row.events_behind.cast_unsigned(),
            as_of: row.as_of.map(|as_of| as_of.0),
            observed_at: row.observed_at.0,
        }
    }
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
            let rows = sqlx::query(READ)
                .bind(topic)
                .fetch_all(&self.readers)
                .await
                .map_err(error::store)?;
            rows.iter()
                .map(|row| Ok(decode::<ProgressRow>(row)?.into()))
                .collect()
        })
        .await
    }
}
