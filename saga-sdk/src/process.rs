//! What happens to the whole process: a fork, and its exit.
//!
//! In a forked child librdkafka's threads are missing, so a client that was connected before does nothing
//! there. At an exit they are still running, so what is pending can be delivered.

use std::{
    sync::{
        Arc, Mutex, Once, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// How often this process was forked, counted in the child.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The clients that are not closed yet.
static OPEN: Mutex<Vec<Weak<dyn EndsWithProcess>>> = Mutex::new(Vec::new());

/// Which process a client belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

impl Process {
    pub(crate) fn current() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    /// Whether this is a child of the client's process.
    pub(crate) fn is_forked(self) -> bool {
        self != Self::current()
    }
}

/// A client, at the exit of the process.
pub(crate) trait EndsWithProcess: Send + Sync {
    /// Starts to close it.
    fn close_for_exit(self: Arc<Self>, timeout: Duration);
    /// Blocks until it is closed, or the deadline has passed.
    fn wait_closed(&self, deadline: Instant);
}

/// Closes the client when the process exits, if it is not closed by then.
pub(crate) fn close_at_exit(client: Weak<dyn EndsWithProcess>) {
    static HOOKS: Once = Once::new();
    HOOKS.call_once(install_hooks);
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|client| client.strong_count() > 0);
    open.push(client);
}

#[expect(
    unsafe_code,
    reason = "the standard library has no hook for a fork or an exit"
)]
fn install_hooks() {
    // SAFETY: the functions are of the types that the C library asks for, live as long as the program and do not unwind;
    // the one for the child only adds to an atomic number.
    unsafe {
        #[cfg(unix)]
        libc::pthread_atfork(None, None, Some(count_fork));
        libc::atexit(close_open_clients);
    }
}

#[cfg(unix)]
extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// How long the exit of the process may wait for events to be delivered.
const EXIT_FLUSH: Duration = Duration::from_secs(2);

extern "C" fn close_open_clients() {
    // This thread's locals may be gone, which loggers and others do not expect; a new thread has them.
    let closing = std::thread::Builder::new().spawn(|| {
        let deadline = Instant::now() + EXIT_FLUSH;
        let open: Vec<_> = match OPEN.try_lock() {
            Ok(open) => open.iter().filter_map(Weak::upgrade).collect(),
            Err(_) => return,
        };
        open.iter()
            .for_each(|client| Arc::clone(client).close_for_exit(EXIT_FLUSH));
        open.iter().for_each(|client| client.wait_closed(deadline));
        // Their threads go on until the process has ended; a drop would wait for them.
        std::mem::forget(open);
    });
    if let Ok(closing) = closing {
        let _ = closing.join();
    }
}
