//! The new events of a batch, folded into the rows of their sagas.

use saga_types::{SagaEvent, definition::Definitions};

use super::{Connection, abort::Abort, instances, producers, read, rollups};
use crate::{
    SagaChange,
    fold_batch::{FoldBatch, StoredFold, UpdatedSaga},
    producers::of_events,
    rollup,
};

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
    producers::note(connection, of_events(new)).await?;
    Ok(updated.into_iter().map(Into::into).collect())
}

/// Writes sagas, and what that changes in the statistics.
pub(super) async fn write(connection: &mut Connection, updated: &[UpdatedSaga]) -> Result<(), Abort> {
    instances::write(connection, updated).await?;
    let moved = rollup::moved(updated.iter().map(UpdatedSaga::counted));
    Ok(rollups::change(connection, &moved).await?)
}
