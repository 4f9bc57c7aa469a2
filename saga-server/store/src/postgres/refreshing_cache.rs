//! What was found out lately, and holds for a while.
//!
//! Rule of thumb: finding it out takes long and it hardly changes, so nobody but the first waits for it. What was found out half
//! a minute ago is found out again, by one of those who ask, while all are told what was found then.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Answers by name, a thousand at most.
#[derive(Debug)]
pub(super) struct Held<T>(Mutex<HashMap<String, Known<T>>>);

/// What is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known<T> {
    pub(super) answer: T,
    /// Whoever is told this finds it out again.
    pub(super) is_due: bool,
    found: Instant,
    due: Instant,
}

const FRESH: Duration = Duration::from_secs(30);
/// From then on it is not told any more.
const OLD: Duration = Duration::from_secs(300);
const MOST: usize = 1_000;

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy> Held<T> {
    pub(super) fn get(&self, name: &str) -> Option<Known<T>> {
        self.get_at(name, Instant::now())
    }

    fn get_at(&self, name: &str, now: Instant) -> Option<Known<T>> {
        let mut held = self.lock();
        let known = held.get_mut(name).filter(|known| now < known.found + OLD)?;
        let is_due = now >= known.due;
        if is_due {
            known.due = now + FRESH;
        }
        Some(Known { is_due, ..*known })
    }

    pub(super) fn hold(&self, name: String, answer: T) {
        self.hold_at(name, answer, Instant::now());
    }

    fn hold_at(&self, name: String, answer: T, now: Instant) {
        let mut held = self.lock();
        held.retain(|_, known| now < known.found + OLD);
        if held.len() < MOST || held.contains_key(&name) {
            let known = Known {
                answer,
                is_due: false,
                found: now,
                due: now + FRESH,
            };
            held.insert(name, known);
        }
    }

    /// It does not hold any more.
    pub(super) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known<T>>> {
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
        assert_eq!(held.get("7").map(|known| known.answer), Some(7));
        assert_eq!(held.get(&MOST.to_string()), None);
    }

    #[test]
    fn one_of_those_who_ask_finds_it_out_again_and_all_are_told_meanwhile() {
        let (held, begun) = (Held::default(), Instant::now());
        held.hold_at("total".to_owned(), 1, begun);
        let told = |after| {
            let known = held.get_at("total", begun + after);
            known.map(|known| (known.answer, known.is_due))
        };
        let moment = Duration::from_millis(1);
        assert_eq!(told(FRESH - moment), Some((1, false)));
        assert_eq!(told(FRESH), Some((1, true)));
        assert_eq!(told(FRESH + moment), Some((1, false)));
        // That one failed.
        assert_eq!(told(2 * FRESH), Some((1, true)));

        held.hold_at("total".to_owned(), 2, begun + 2 * FRESH);
        assert_eq!(told(2 * FRESH + moment), Some((2, false)));
        assert_eq!(told(2 * FRESH + OLD), None);

        held.forget("total");
        assert_eq!(told(2 * FRESH), None);
    }
}
