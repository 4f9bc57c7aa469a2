//! Answers that are expensive and hardly change.
//!
//! Rule of thumb: only the first caller waits for one. An answer older than half a minute is computed again by one of the
//! callers, while all get the cached one.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Answers by name, a thousand at most.
#[derive(Debug)]
pub(super) struct RefreshingCache<T>(Mutex<HashMap<String, Cached<T>>>);

/// A cached answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cached<T> {
    pub(super) answer: T,
    /// The caller who gets this computes the answer again.
    pub(super) is_due: bool,
    cached_at: Instant,
    due: Instant,
}

const REFRESH_AFTER: Duration = Duration::from_secs(30);
/// An older answer is not given.
const EXPIRES_AFTER: Duration = Duration::from_secs(300);
const MAX_ENTRIES: usize = 1_000;

impl<T> Default for RefreshingCache<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy> RefreshingCache<T> {
    pub(super) fn get(&self, name: &str) -> Option<Cached<T>> {
        self.get_at(name, Instant::now())
    }

    fn get_at(&self, name: &str, now: Instant) -> Option<Cached<T>> {
        let mut cache = self.lock();
        let cached = cache
            .get_mut(name)
            .filter(|cached| now < cached.cached_at + EXPIRES_AFTER)?;
        let is_due = now >= cached.due;
        if is_due {
            cached.due = now + REFRESH_AFTER;
        }
        Some(Cached { is_due, ..*cached })
    }

    pub(super) fn put(&self, name: String, answer: T) {
        self.put_at(name, answer, Instant::now());
    }

    fn put_at(&self, name: String, answer: T, now: Instant) {
        let mut cache = self.lock();
        cache.retain(|_, cached| now < cached.cached_at + EXPIRES_AFTER);
        if cache.len() < MAX_ENTRIES || cache.contains_key(&name) {
            let cached = Cached {
                answer,
                is_due: false,
                cached_at: now,
                due: now + REFRESH_AFTER,
            };
            cache.insert(name, cached);
        }
    }

    /// Drops an answer that does not hold any more.
    pub(super) fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Cached<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_size_is_bounded() {
        let cache = RefreshingCache::default();
        for number in 0..2 * MAX_ENTRIES {
            cache.put(number.to_string(), number);
        }
        assert_eq!(cache.get("7").map(|cached| cached.answer), Some(7));
        assert_eq!(cache.get(&MAX_ENTRIES.to_string()), None);
    }

    #[test]
    fn one_caller_refreshes_an_answer_and_the_others_get_the_cached_one() {
        let (cache, start) = (RefreshingCache::default(), Instant::now());
        cache.put_at("total".to_owned(), 1, start);
        let answer = |after| {
            let cached = cache.get_at("total", start + after);
            cached.map(|cached| (cached.answer, cached.is_due))
        };
        let moment = Duration::from_millis(1);
        assert_eq!(answer(REFRESH_AFTER - moment), Some((1, false)));
        assert_eq!(answer(REFRESH_AFTER), Some((1, true)));
        assert_eq!(answer(REFRESH_AFTER + moment), Some((1, false)));
        // The refresh failed.
        assert_eq!(answer(2 * REFRESH_AFTER), Some((1, true)));

        cache.put_at("total".to_owned(), 2, start + 2 * REFRESH_AFTER);
        assert_eq!(answer(2 * REFRESH_AFTER + moment), Some((2, false)));
        assert_eq!(answer(2 * REFRESH_AFTER + EXPIRES_AFTER), None);

        cache.remove("total");
        assert_eq!(answer(2 * REFRESH_AFTER), None);
    }
}
