//! What is usual, as the collector that learns it found it last: the rows of two tables, written anew each time.

use saga_types::{Step, Timestamp};
use sqlx::QueryBuilder;

use super::{
    Adapter, Db, Pool, dialect, error,
    names::{read_step, read_type},
};
use crate::{EndLevel, StoreError, Usual, UsualWait, columns::Moment};

/// So many rows are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 500;

const WAITS: &str =
    "SELECT saga_type, after_step, step, observations, p50_ms, p95_ms, p999_ms FROM usual_wait";

const ENDS: &str = r"
SELECT saga_type, step, waited_ms, observations, p50_ms, p90_ms FROM usual_end ORDER BY saga_type, step, waited_ms";

pub(super) async fn read(readers: &Pool) -> Result<Usual, StoreError> {
    let mut usual = Usual::default();
    let waits: Vec<(String, String, String, i64, i64, i64, i64)> = sqlx::query_as(WAITS)
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    for (saga_type, after, step, observations, p50_ms, p95_ms, p999_ms) in waits {
        let row = format!("{saga_type} {after} {step}");
        let after = (!after.is_empty()).then(|| read_step("usual_wait", &row, after));
        let key = (after.transpose()?, read_step("usual_wait", &row, step)?);
        let wait = UsualWait {
            observations: observations.cast_unsigned(),
            p50_ms,
            p95_ms,
            p999_ms,
        };
        let of_type = usual.types.entry(read_type("usual_wait", &row, saga_type)?);
        of_type.or_default().waits.insert(key, wait);
    }
    let ends: Vec<(String, String, i64, i64, i64, i64)> = sqlx::query_as(ENDS)
        .fetch_all(readers)
        .await
        .map_err(error::store)?;
    for (saga_type, step, waited_ms, observations, p50_ms, p90_ms) in ends {
        let row = format!("{saga_type} {step} {waited_ms}");
        let level = EndLevel {
            waited_ms,
            observations: observations.cast_unsigned(),
            p50_ms,
            p90_ms,
        };
        let step = read_step("usual_end", &row, step)?;
        let of_type = usual.types.entry(read_type("usual_end", &row, saga_type)?);
        of_type.or_default().ends.entry(step).or_default().push(level);
    }
    Ok(usual)
}

/// Instead of what was kept before.
pub(super) async fn keep(store: &Adapter, usual: &Usual, moment: Timestamp) -> Result<(), StoreError> {
    let begun = store.notes().begin_with(dialect::BEGIN).await;
    let mut transaction = begun.map_err(error::store)?;
    for table in ["DELETE FROM usual_wait", "DELETE FROM usual_end"] {
        let emptied = sqlx::query(table).execute(&mut *transaction).await;
        emptied.map_err(error::store)?;
    }
    let types = || usual.types.iter();
    let waits: Vec<_> = types()
        .flat_map(|(saga_type, of_type)| of_type.waits.iter().map(move |wait| (saga_type, wait)))
        .collect();
    for waits in waits.chunks(AT_ONCE) {
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO usual_wait (saga_type, after_step, step, observations, p50_ms, p95_ms, p999_ms, learnt_at) ",
        );
        sql.push_values(waits, |mut row, (saga_type, ((after, step), wait))| {
            row.push_bind(saga_type.as_str())
                .push_bind(after.as_ref().map_or("", Step::as_str))
                .push_bind(step.as_str())
                .push_bind(wait.observations.cast_signed())
                .push_bind(wait.p50_ms)
                .push_bind(wait.p95_ms)
                .push_bind(wait.p999_ms)
                .push_bind(Moment(moment));
        });
        let written = sql.build().execute(&mut *transaction).await;
        written.map_err(error::store)?;
    }
    let ends: Vec<_> = types()
        .flat_map(|(saga_type, of_type)| of_type.ends.iter().map(move |end| (saga_type, end)))
        .flat_map(|(saga_type, (step, levels))| levels.iter().map(move |level| (saga_type, step, level)))
        .collect();
    for ends in ends.chunks(AT_ONCE) {
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO usual_end (saga_type, step, waited_ms, observations, p50_ms, p90_ms, learnt_at) ",
        );
        sql.push_values(ends, |mut row, (saga_type, step, level)| {
            row.push_bind(saga_type.as_str())
                .push_bind(step.as_str())
                .push_bind(level.waited_ms)
                .push_bind(level.observations.cast_signed())
                .push_bind(level.p50_ms)
                .push_bind(level.p90_ms)
                .push_bind(Moment(moment));
        });
        let written = sql.build().execute(&mut *transaction).await;
        written.map_err(error::store)?;
    }
    transaction.commit().await.map_err(error::store)
}
