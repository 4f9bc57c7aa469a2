//! The new events of a batch, folded into the rows of their sagas.

use saga_types::{SagaEvent, definition::Definitions};
use sqlx::{QueryBuilder, Transaction};

use super::{
    Connection, Db, abort::Abort, dialect, instances, operations, producers, read, rollups, webhooks,
};
use crate::{
    Appended, SagaChange,
    batch::{Beside, Classified, TxOutcome},
    fold_batch::{FoldBatch, StoredFold, UpdatedSaga},
    producers::of_events,
    rollup,
    webhooks::failures,
};

/// So many business keys are written by one statement, which takes a bounded number of parameters.
const AT_ONCE: usize = 500;

/// Takes the new events, ordered by saga, and the rows of their sagas, which are locked.
pub(super) async fn fold(
    connection: &mut Connection,
    definitions: &Definitions,
    new: &[&SagaEvent],
    stored: Vec<StoredFold>,
) -> Result<Vec<SagaChange>, Abort> {
    let mut batch = FoldBatch::begin(new, stored, definitions);
    let needing = batch.needing_history();
    if !needing.is_empty() {
        for (saga_id, steps) in read::histories(connection, &needing).await? {
            batch.refold(&saga_id, steps, definitions);
        }
    }
    let updated = batch.finish()?;
    write(connection, &updated).await?;
    Ok(updated.into_iter().map(Into::into).collect())
}

/// Ends the transaction of a batch, after what is to be written beside it.
pub(super) async fn end(
    mut transaction: Transaction<'_, Db>,
    classified: Classified<'_>,
    changes: Vec<SagaChange>,
    removed: Vec<usize>,
    notes_failures: bool,
    (outcome, beside): (TxOutcome, &Beside),
) -> Result<Appended, Abort> {
    let is_written = !classified.new.is_empty() || !beside.is_empty();
    let counted = of_events(&classified.new)?;
    let noted = counted.into_iter().chain(beside.observed.iter().cloned());
    producers::note(&mut transaction, noted.collect()).await?;
    let appended = Appended {
        new: classified.new_indexes,
        duplicates: classified.duplicates,
        conflicts: classified.conflicts,
        changes,
        removed,
    };
    if let Some(conclude) = &beside.conclude {
        let conclusion = conclude(&appended);
        if conclusion.is_abandoned {
            transaction.rollback().await?;
            return Ok(Appended::default());
        }
        operations::conclude(&mut transaction, &conclusion).await?;
    }
    if notes_failures && outcome == TxOutcome::Committed {
        webhooks::note(&mut transaction, &failures(&appended.changes)).await?;
    }
    if is_written && outcome == TxOutcome::Committed {
        transaction.commit().await?;
    } else {
        if let Some(check) = dialect::CHECK_DEFERRED {
            sqlx::raw_sql(check).execute(&mut *transaction).await?;
        }
        transaction.rollback().await?;
    }
    Ok(appended)
}

/// Writes sagas, and what that changes in the statistics.
pub(super) async fn write(connection: &mut Connection, updated: &[UpdatedSaga]) -> Result<(), Abort> {
    instances::write(connection, updated).await?;
    write_beside(connection, updated).await
}

/// What changes with the rows of sagas.
pub(super) async fn write_beside(connection: &mut Connection, updated: &[UpdatedSaga]) -> Result<(), Abort> {
    write_other_orders(connection, updated).await?;
    let moved = rollup::moved(updated.iter().map(UpdatedSaga::counted));
    Ok(rollups::change(connection, &moved).await?)
}

/// Business keys, beside a saga's own, that its events named.
async fn write_other_orders(connection: &mut Connection, updated: &[UpdatedSaga]) -> Result<(), sqlx::Error> {
    let orders = updated.iter().flat_map(|saga| {
        let saga_id = saga.state.saga_id.as_str();
        saga.other_orders
            .iter()
            .map(move |order| (order.as_str(), saga_id))
    });
    let mut orders: Vec<(&str, &str)> = orders.collect();
    // Writers lock the rows in the same order.
    orders.sort_unstable();
    for orders in orders.chunks(AT_ONCE) {
        let mut sql: QueryBuilder<Db> =
            QueryBuilder::new("INSERT INTO saga_other_order (order_id, saga_id) ");
        sql.push_values(orders, |mut row, (order, saga_id)| {
            row.push_bind(*order).push_bind(*saga_id);
        });
        sql.push(" ON CONFLICT DO NOTHING")
            .build()
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
