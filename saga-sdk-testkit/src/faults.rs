//! Fault injection.

use std::time::Duration;

/// What the recorder does instead of recording.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Calls so far, counted from 1.
    calls: u64,
    failing_calls: Vec<u64>,
    rejects_all: bool,
    pub(crate) delay: Duration,
}

impl Faults {
    pub(crate) fn fail_nth(&mut self, call: u64) {
        self.failing_calls.push(self.calls + call);
    }

    pub(crate) fn reject_all(&mut self, rejects: bool) {
        self.rejects_all = rejects;
    }

    /// Counts a call; whether it has to fail.
    pub(crate) fn next_call_fails(&mut self) -> bool {
        self.calls += 1;
        self.rejects_all || self.failing_calls.contains(&self.calls)
    }
}
