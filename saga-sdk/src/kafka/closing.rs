//! The end of a client: once, on a thread of its own, however many callers wait for it or stop waiting.
//!
//! It does not depend on a caller. When one is cancelled, the end goes on to its deadline.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{mode::Mode, supervisor::Supervisor, transport::Transport};
use crate::{
    deadline::deadline,
    process::{EndsWithProcess, Process},
};

/// A client's parts that have to be stopped.
pub(super) struct Core<M: Mode> {
    pub(super) transport: Arc<Transport<M>>,
    pub(super) supervisor: Supervisor,
    pub(super) process: Process,
    deadline: Mutex<Option<Instant>>,
    /// How many events were left, once it has ended.
    left: watch::Sender<Option<u64>>,
}

impl<M: Mode> Core<M> {
    pub(super) fn new(transport: Arc<Transport<M>>, supervisor: Supervisor) -> Self {
        Self {
            transport,
            supervisor,
            process: Process::current(),
            deadline: Mutex::default(),
            left: watch::Sender::new(None),
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.deadline().is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.left.borrow().is_some()
    }

    /// Refuses further events and delivers what is pending, for at most the shortest timeout of all callers.
    pub(super) fn begin_close(self: &Arc<Self>, timeout: Duration) {
        let deadline = deadline(timeout);
        let before = {
            let mut earliest = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
            let before = *earliest;
            *earliest = Some(before.map_or(deadline, |before| before.min(deadline)));
            before
        };
        if before.is_some() {
            return;
        }
        self.transport.close();
        let core = Arc::clone(self);
        let thread = thread::Builder::new().name("saga-close".to_owned());
        if let Err(error) = thread.spawn(move || core.end()) {
            tracing::warn!(%error, "cannot spawn the thread that closes the saga tracker");
            self.left.send_replace(Some(self.transport.pending()));
        }
    }

    fn end(&self) {
        let deadline = || self.deadline().unwrap_or_else(Instant::now);
        self.transport.flush(deadline, || false);
        let left = self.transport.pending();
        if left > 0 {
            tracing::warn!(
                events = left,
                "saga tracker closed before all events were delivered"
            );
        }
        self.supervisor.stop();
        let producer = self.transport.purge();
        self.left.send_replace(Some(left));
        // Waits for librdkafka's threads, which may be resolving a host's name; no caller waits for that.
        drop(producer);
    }

    /// Waits for the end; how many events were left.
    pub(super) async fn left(&self) -> u64 {
        let mut left = self.left.subscribe();
        let left = left.wait_for(Option::is_some).await;
        left.ok().and_then(|left| *left).unwrap_or_default()
    }

    fn deadline(&self) -> Option<Instant> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Mode> EndsWithProcess for Core<M> {
    fn close_for_exit(self: Arc<Self>, timeout: Duration) {
        if !self.process.is_forked() {
            self.begin_close(timeout);
        }
    }

    fn wait_closed(&self, deadline: Instant) {
        while !self.process.is_forked() && !self.is_closed() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
    }
}
