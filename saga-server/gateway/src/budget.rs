//! The memory of all bodies together.
//!
//! Rule of thumb: what is held is counted before it is held, and one caller never gets more than half of it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

/// How many bytes of bodies may be held at once.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    /// Only callers that hold something.
    by_caller: HashMap<String, usize>,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            used: Mutex::default(),
        }
    }

    /// How many bytes are held.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.lock().all
    }

    /// A share that holds nothing yet.
    pub fn share(self: &Arc<Self>, caller: &str) -> Share {
        Share {
            budget: Arc::clone(self),
            caller: caller.to_owned(),
            bytes: 0,
        }
    }
}

/// What one request holds; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    caller: String,
    bytes: usize,
}

impl Share {
    /// Takes more bytes; `false` when there are not so many, and then none are taken.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let mut used = self.budget.used.lock();
        let of_caller = used.by_caller.get(&self.caller).copied().unwrap_or_default();
        let limit = self.budget.limit;
        if used.all + bytes > limit || of_caller + bytes > limit.div_ceil(2) {
            return false;
        }
        used.all += bytes;
        used.by_caller.insert(self.caller.clone(), of_caller + bytes);
        self.bytes += bytes;
        true
    }

    /// All that this holds, as a share of its own.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let mut taken = self.budget.share(&self.caller);
        taken.bytes = std::mem::take(&mut self.bytes);
        taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut used = self.budget.used.lock();
        used.all -= self.bytes;
        let Some(of_caller) = used.by_caller.get_mut(&self.caller) else {
            return;
        };
        *of_caller -= self.bytes;
        if *of_caller == 0 {
            used.by_caller.remove(&self.caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_gets_half_and_all_together_no_more_than_there_is() {
        let budget = Arc::new(Budget::new(100));
        let (mut first, mut again) = (budget.share("a"), budget.share("a"));
        assert!(first.grow(30) && again.grow(20) && !again.grow(1));
        let mut second = budget.share("b");
        assert!(second.grow(50));
        let mut third = budget.share("c");
        assert!(!third.grow(1));
        drop(first);
        assert!(third.grow(30) && !third.grow(1));
        drop((again, second, third));
        assert_eq!(budget.used(), 0);
        assert!(budget.used.lock().by_caller.is_empty());
    }
}
