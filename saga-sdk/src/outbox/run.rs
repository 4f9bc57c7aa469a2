//! A step that is run within a transaction: its events are in the outbox exactly when its changes are committed.

use std::time::Instant;

use saga_types::SagaStatus;
use sqlx::{Connection, Database};

use super::{Outbox, OutboxConnection, OutboxError};
use crate::{FailureCause, StepRun};

impl Outbox {
    /// Runs a step within an open transaction, and writes its events into the outbox: that it is under way, and then that
    /// it is done, or failed with the error and its causes; both with `durationMs`.
    ///
    /// The step runs behind a savepoint. When it fails, what it changed is rolled back and the transaction is usable: commit
    /// it to keep the failure in the history, or roll it back so that nothing happened at all. A step that panics or is
    /// cancelled leaves nothing. With a disabled tracker the step is run in the same way and nothing is written.
    ///
    #[cfg_attr(feature = "outbox-postgres", doc = "```no_run")]
    #[cfg_attr(not(feature = "outbox-postgres"), doc = "```ignore")]
    /// use saga_sdk::{Saga, outbox::Outbox, steps};
    ///
    /// async fn reserve(outbox: &Outbox, pool: &sqlx::PgPool, saga: &Saga) -> Result<(), Box<dyn std::error::Error>> {
    ///     let mut transaction = pool.begin().await?;
    ///     let step = saga.run(steps::STOCK_RESERVATION).completed_as(steps::STOCK_RESERVED);
    ///     let reserved = outbox
    ///         .run(&mut *transaction, step, async |transaction| {
    ///             sqlx::query("UPDATE stock SET free = free - 1 WHERE sku = 'A-1'").execute(transaction).await
    ///         })
    ///         .await?;
    ///     transaction.commit().await?;
    ///     reserved?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`OutboxError`] for bad input, without a transaction, or when the database refuses what the outbox does; the
    /// transaction should then be rolled back. The step's own error is in the inner result.
    pub async fn run<C, T, E, Kind>(
        &self,
        connection: &mut C,
        run: StepRun<'_>,
        step: impl AsyncFnOnce(&mut C) -> Result<T, E>,
    ) -> Result<Result<T, E>, OutboxError>
    where
        C: OutboxConnection + Connection,
        C::Database: Database<Connection = C>,
        E: FailureCause<Kind>,
    {
        // With a disabled tracker too: a mistake shows where the program is tried first.
        if !OutboxConnection::is_in_transaction(connection) {
            return Err(OutboxError::NoTransaction);
        }
        let (saga, begun) = (run.saga, Instant::now());
        let plan = run.plan.map(|plan| *plan).transpose()?;
        let event = |status, reason| plan.as_ref().map(|plan| plan.step(saga, begun, status, reason));
        if let Some(event) = event(SagaStatus::InProgress, None) {
            self.record(connection, event).await?;
        }
        let result = within_savepoint(connection, step).await?;
        let reason = result.as_ref().err().map(FailureCause::chain);
        let status = match reason {
            None => SagaStatus::Completed,
            Some(_) => SagaStatus::Failed,
        };
        if let Some(event) = event(status, reason.as_deref()) {
            self.record(connection, event).await?;
        }
        Ok(result)
    }
}

async fn within_savepoint<C, T, E>(
    connection: &mut C,
    step: impl AsyncFnOnce(&mut C) -> Result<T, E>,
) -> Result<Result<T, E>, sqlx::Error>
where
    C: Connection,
    C::Database: Database<Connection = C>,
{
    let mut savepoint = connection.begin().await?;
    let result = step(&mut savepoint).await;
    match result {
        Ok(_) => savepoint.commit().await?,
        Err(_) => savepoint.rollback().await?,
    }
    Ok(result)
}
