//! What was found out lately, and holds for a moment.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Answers by name, held for half a minute, and a thousand at most.
#[derive(Debug)]
pub(super) struct Held<T>(Mutex<HashMap<String, (Instant, T)>>);

const HELD: Duration = Duration::from_secs(30);
const MOST: usize = 1_000;

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy> Held<T> {
    pub(super) fn get(&self, name: &str) -> Option<T> {
        let (until, answer) = *self.lock().get(name)?;
        (until > Instant::now()).then_some(answer)
    }

    pub(super) fn hold(&self, name: String, answer: T) {
        let now = Instant::now();
        let mut held = self.lock();
        held.retain(|_, (until, _)| *until > now);
        if held.len() < MOST {
            held.insert(name, (now + HELD, answer));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Instant, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_grow_without_end() {
        let held = Held::default();
        for number in 0..2 * MOST {
            held.hold(number.to_string(), number);
        }
        assert_eq!(held.get("7"), Some(7));
        assert_eq!(held.get(&MOST.to_string()), None);
    }
}
