//! The client in blocking code, and at the end of a scope.
//!
//! What waits here waits on a condition variable, so it needs no runtime, no timer and no thread-locals.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use crate::{FlushReport, RecordError, Recording, SagaTrackerClient};

#[derive(Default)]
struct Signal {
    is_woken: Mutex<bool>,
    woken: Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.woken.notify_one();
    }
}

impl Signal {
    fn wait(&self) {
        let mut is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_woken {
            is_woken = self.woken.wait(is_woken).unwrap_or_else(PoisonError::into_inner);
        }
        *is_woken = false;
    }
}

/// Blocks the thread until the future is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => signal.wait(),
        }
    }
}

impl Recording {
    /// Blocks the thread until the outcome is there; for code that is not asynchronous.
    ///
    /// ```
    /// use saga_sdk::{Saga, steps};
    ///
    /// fn confirm(saga: &Saga) -> Result<(), saga_sdk::RecordError> {
    ///     saga.complete(steps::ORDER_CONFIRMED).record().wait()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As awaiting it.
    pub fn wait(self) -> Result<(), RecordError> {
        block_on(self)
    }
}

impl dyn SagaTrackerClient {
    /// [`close`](SagaTrackerClient::close) for code that is not asynchronous: blocks the thread.
    pub fn close_blocking(&self, timeout: Duration) -> FlushReport {
        block_on(self.close(timeout))
    }

    /// A guard that closes the client at the end of its scope, also when that ends by `?` or a panic.
    ///
    /// ```
    /// use std::time::Duration;
    /// use saga_sdk::SagaConfig;
    ///
    /// let tracker = saga_sdk::connect(&SagaConfig::default())?;
    /// let _guard = tracker.close_on_drop(Duration::from_secs(5));
    /// // ... the service ...
    /// # Ok::<(), saga_sdk::ConnectError>(())
    /// ```
    #[must_use = "the client is closed when the guard is dropped"]
    pub fn close_on_drop(self: &Arc<Self>, timeout: Duration) -> CloseGuard {
        CloseGuard {
            client: Arc::clone(self),
            timeout,
        }
    }
}

/// Closes a client when it is dropped, and blocks the thread meanwhile; made by
/// [`close_on_drop`](trait.SagaTrackerClient.html#method.close_on_drop). For the end of `main`.
#[must_use = "the client is closed when the guard is dropped"]
pub struct CloseGuard {
    client: Arc<dyn SagaTrackerClient>,
    timeout: Duration,
}

impl Drop for CloseGuard {
    fn drop(&mut self) {
        // The client logs what is left.
        let _ = self.client.close_blocking(self.timeout);
    }
}

impl fmt::Debug for CloseGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CloseGuard")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
