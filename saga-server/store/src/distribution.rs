//! The port for distributing the tables of sagas over several PostgreSQL servers (`saga-server migrate --distributed`).

use async_trait::async_trait;

use crate::StoreError;

/// A store whose tables can be distributed.
#[async_trait]
pub trait DistributionStore {
    /// Distributes the tables of sagas over the workers of Citus. What was done before is left as it is, so that a run that was
    /// interrupted is finished by the next one. Gives the names of the tables that were moved.
    ///
    /// # Errors
    ///
    /// [`StoreError::Configuration`] when the database cannot be distributed, or collectors run on it.
    async fn distribute(&self) -> Result<Vec<String>, StoreError>;

    /// Moves all tables back to the coordinator; in the same way.
    ///
    /// # Errors
    ///
    /// As of [`distribute`](Self::distribute).
    async fn undistribute(&self) -> Result<Vec<String>, StoreError>;
}
