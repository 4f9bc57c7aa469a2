//! The port for making again what follows from the steps: `saga-server rebuild`.

use async_trait::async_trait;

use super::StoreError;

/// A store whose derived tables can be checked and made anew, also while others go on storing.
#[async_trait]
pub trait RebuildStore {
    /// Compares the roll-ups with a count of all sagas; how many counts were wrong. With [`Rebuild::Write`] they are
    /// right afterwards.
    async fn recount(&self, rebuild: Rebuild) -> Result<u64, StoreError>;
}

/// Whether to mend what differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuild {
    /// Only look.
    DryRun,
    /// Mend it.
    Write,
}
