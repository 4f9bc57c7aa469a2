//! Reads the thread-locals of other crates, also while a thread is being torn down.
//!
//! A destructor of a thread-local may record, and a panic in it aborts the process. The random numbers of
//! an id, the OpenTelemetry context and the buffers of loggers are thread-locals that are gone by then, one after the
//! other.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    // Without a destructor, so it can be read until the thread's very end.
    static IS_TORN_DOWN: Cell<bool> = const { Cell::new(false) };
    static TEARDOWN: Teardown = const { Teardown };
}

struct Teardown;

impl Drop for Teardown {
    fn drop(&mut self) {
        IS_TORN_DOWN.set(true);
    }
}

/// What the closure reads; `None` while the thread's locals are being destroyed.
pub(crate) fn read<T>(closure: impl FnOnce() -> T) -> Option<T> {
    if IS_TORN_DOWN.get() {
        return None;
    }
    // Only a thread that never recorded before its teardown can panic here.
    let value = catch_unwind(AssertUnwindSafe(closure)).ok()?;
    // Registered after what the closure has used, so it is destroyed before that.
    TEARDOWN.try_with(|_| ()).ok()?;
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        sync::mpsc::{Sender, channel},
        thread,
    };

    use super::*;

    thread_local! {
        static FIRST: RefCell<Option<OnDrop>> = const { RefCell::new(None) };
        static OTHER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    struct OnDrop(Sender<Option<usize>>);

    impl Drop for OnDrop {
        fn drop(&mut self) {
            let _ = self.0.send(read_other());
        }
    }

    fn read_other() -> Option<usize> {
        read(|| OTHER.with(|other| other.borrow().capacity()))
    }

    #[test]
    fn a_destructor_gets_nothing_instead_of_a_panic() {
        for reads_before in [true, false] {
            let (sender, seen) = channel();
            let thread = thread::spawn(move || {
                FIRST.set(Some(OnDrop(sender)));
                OTHER.with(|other| other.borrow_mut().reserve(1));
                if reads_before {
                    assert!(read_other().is_some());
                }
            });
            thread.join().unwrap();
            assert_eq!(seen.recv().unwrap(), None, "{reads_before}");
        }
    }
}
