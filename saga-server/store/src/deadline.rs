//! Deadlines of short statements.

use std::time::Duration;

use crate::StoreError;

/// How long a short statement may take: a lease, a count, progress, a notification. A connection that was lost
/// silently is given up then, and not used again.
const SHORT: Duration = Duration::from_secs(10);

pub(crate) async fn in_time<T>(
    work: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(SHORT, work).await;
    answer.unwrap_or_else(|_| {
        let message = format!("no answer for {} s", SHORT.as_secs());
        Err(StoreError::Unavailable(message.into()))
    })
}
