//! Results of a job's items: each is written once, by the transaction that changes what the item is about.

use sqlx::QueryBuilder;

use super::{Connection, Db};
use crate::{DoneItem, ItemResult, JobStep, NewItem, columns::Moment};

/// So many items are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 1_000;

const RECORD: &str = "UPDATE job_item SET result = $3, message = $4, before = COALESCE($5, before), after = $6, done_at = $7 \
                      WHERE job_id = $1 AND number = $2 AND result IS NULL";

const COUNT: &str = "UPDATE job SET changed = changed + $2, unchanged = unchanged + $3, refused = refused + $4, \
                     failed = failed + $5, moved_at = $6 WHERE id = $1";

/// Writes the items of a new job, numbered from 1.
pub(super) async fn insert(
    connection: &mut Connection,
    job: i64,
    items: &[NewItem],
) -> Result<(), sqlx::Error> {
    let numbered: Vec<(i64, &NewItem)> = (1..).zip(items).collect();
    for items in numbered.chunks(AT_ONCE) {
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO job_item (job_id, number, saga_id, saga_type, letter_id, before, target) ",
        );
        sql.push_values(items, |mut row, (number, item)| {
            row.push_bind(job)
                .push_bind(*number)
                .push_bind(&item.saga_id)
                .push_bind(&item.saga_type)
                .push_bind(item.letter_id)
                .push_bind(&item.before)
                .push_bind(&item.target);
        });
        sql.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Writes results within the transaction of what they are results of. An item that has one already fails all of it: another
/// collector did it.
pub(super) async fn record_all(connection: &mut Connection, step: &JobStep) -> Result<(), sqlx::Error> {
    let recorded = record(connection, step).await?;
    if recorded < step.done.len() as u64 {
        let message = format!("another collector did items of job {}", step.job);
        return Err(sqlx::Error::InvalidArgument(message));
    }
    Ok(())
}

/// Writes the results of those that have none; of how many.
pub(super) async fn record(connection: &mut Connection, step: &JobStep) -> Result<u64, sqlx::Error> {
    let mut recorded = Vec::with_capacity(step.done.len());
    for item in &step.done {
        let DoneItem {
            number,
            result,
            message,
            before,
            after,
        } = item;
        let updated = sqlx::query(RECORD)
            .bind(step.job)
            .bind(number)
            .bind(result.as_str())
            .bind(message)
            .bind(before)
            .bind(after)
            .bind(Moment(step.at))
            .execute(&mut *connection)
            .await?;
        if updated.rows_affected() > 0 {
            recorded.push(*result);
        }
    }
    let count = |result: ItemResult| {
        let of_it = recorded.iter().filter(|other| **other == result);
        i64::try_from(of_it.count()).unwrap_or(i64::MAX)
    };
    sqlx::query(COUNT)
        .bind(step.job)
        .bind(count(ItemResult::Changed))
        .bind(count(ItemResult::Unchanged))
        .bind(count(ItemResult::Refused))
        .bind(count(ItemResult::Failed))
        .bind(Moment(step.at))
        .execute(connection)
        .await?;
    Ok(recorded.len() as u64)
}
