//! The client's own runtime: its clock goes on when the service's runtime has none, stands still or has ended.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    time::sleep,
};

use crate::thread_locals;

/// Runs on the supervisor's thread, for as long as that lives.
pub(super) struct Clock(Option<Runtime>);

impl Clock {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    /// Drives the clock, and the future.
    pub(super) fn run(&self, future: impl Future<Output = ()>) {
        if let Some(runtime) = &self.0 {
            runtime.block_on(future);
        }
    }

    /// The output of a future, under any executor; `None` when it takes longer.
    pub(super) fn timeout<F: Future>(
        self: &Arc<Self>,
        timeout: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F> {
        let clock = Arc::clone(self);
        // A thread that is being torn down has no timer; then librdkafka's own timeout ends the future, up to a second
        // later.
        let elapsed = thread_locals::read(|| {
            let _entered = clock.0.as_ref().map(Runtime::enter);
            sleep(timeout)
        });
        async move {
            let _running = clock;
            let Some(elapsed) = elapsed else {
                return Some(future.await);
            };
            tokio::select! {
                biased;
                output = future => Some(output),
                () = elapsed => None,
            }
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        // A DNS lookup cannot be cancelled, so nothing waits for one; and an asynchronous task may drop this.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
