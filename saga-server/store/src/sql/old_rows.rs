//! Rows whose time is over, removed some at a time.

use saga_types::Timestamp;

use super::{Pool, error};
use crate::{StoreError, columns::Moment, deadline::in_time, detached::run_detached};

/// Runs a statement with a moment, and how many rows it may remove; how many it removed.
pub(super) async fn remove(
    pool: &Pool,
    statement: &'static str,
    before: Timestamp,
    limit: u32,
) -> Result<u64, StoreError> {
    let pool = pool.clone();
    run_detached(async move {
        in_time(async {
            let removed = sqlx::query(statement)
                .bind(Moment(before))
                .bind(i64::from(limit))
                .execute(&pool)
                .await
                .map_err(error::store)?;
            Ok(removed.rows_affected())
        })
        .await
    })
    .await
}
