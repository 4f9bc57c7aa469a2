//! Transactions that outlive their caller.

use crate::{Fault, StoreError};

/// Runs work in a task of its own, so that a transaction ends even when its caller is cancelled.
pub(crate) async fn run_detached<T, E>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => {
                let message = "the runtime is shutting down".to_owned();
                Err(StoreError::Unavailable(Fault::caused_by(message, None, cancelled)).into())
            }
        },
    }
}
