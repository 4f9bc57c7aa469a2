//! Standstills, as last found by the collector that holds the monitor's lease: a few rows, rewritten when they change.

use sqlx::QueryBuilder;

use super::{
    Adapter, Db, Pool, dialect, error,
    names::{read_step, read_type},
};
use crate::{Standstill, StoreError, columns::Moment};

const TABLE: &str = "standstill";

/// So many are kept, those with the most sagas.
const KEPT: usize = 200;

const READ: &str = r"
SELECT saga_type, after_step, step, sagas, since, usual_p50_ms, others_p50_ms FROM standstill
ORDER BY sagas DESC, saga_type, step, after_step";

type Row = (String, String, String, i64, Moment, i64, Option<i64>);

pub(super) async fn read(pool: &Pool) -> Result<Vec<Standstill>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(READ).fetch_all(pool).await.map_err(error::store)?;
    let standstill = |row: Row| {
        let (saga_type, after, step, sagas, Moment(since), usual_p50_ms, others_p50_ms) = row;
        let row = format!("{saga_type} {after} {step}");
        let after = (!after.is_empty()).then(|| read_step(TABLE, &row, after));
        Ok(Standstill {
            after: after.transpose()?,
            step: read_step(TABLE, &row, step)?,
            saga_type: read_type(TABLE, &row, saga_type)?,
            sagas: sagas.cast_unsigned(),
            since,
            usual_p50_ms,
            others_p50_ms,
        })
    };
    rows.into_iter().map(standstill).collect()
}

/// Replaces what is kept, if it differs.
pub(super) async fn keep(store: &Adapter, found: &[Standstill]) -> Result<(), StoreError> {
    let mut found: Vec<&Standstill> = found.iter().collect();
    found.sort_by(|left, right| {
        let names = |one: &Standstill| (one.saga_type.clone(), one.step.clone(), one.after.clone());
        right
            .sagas
            .cmp(&left.sagas)
            .then_with(|| names(left).cmp(&names(right)))
    });
    found.truncate(KEPT);
    if read(&store.readers).await?.iter().eq(found.iter().copied()) {
        return Ok(());
    }
    let begun = store.notes().begin_with(dialect::BEGIN).await;
    let mut transaction = begun.map_err(error::store)?;
    let emptied = sqlx::query("DELETE FROM standstill")
        .execute(&mut *transaction)
        .await;
    emptied.map_err(error::store)?;
    if !found.is_empty() {
        let mut sql = QueryBuilder::<Db>::new(
            "INSERT INTO standstill (saga_type, after_step, step, sagas, since, usual_p50_ms, others_p50_ms) ",
        );
        sql.push_values(found, |mut row, standstill| {
            row.push_bind(standstill.saga_type.as_str())
                .push_bind(standstill.after.as_ref().map_or("", |after| after.as_str()))
                .push_bind(standstill.step.as_str())
                .push_bind(standstill.sagas.cast_signed())
                .push_bind(Moment(standstill.since))
                .push_bind(standstill.usual_p50_ms)
                .push_bind(standstill.others_p50_ms);
        });
        sql.build()
            .execute(&mut *transaction)
            .await
            .map_err(error::store)?;
    }
    transaction.commit().await.map_err(error::store)
}
