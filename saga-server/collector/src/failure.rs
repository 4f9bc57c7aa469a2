//! Whether what the database did not take is at fault, and the loop that finds out.
//!
//! Rule of thumb: a value is at fault when it fails alone, again and again, while made-up events pass, whatever the error: one that
//! the database answered with, an end of the connection, a panic. Everything else is an outage.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt as _;
use saga_store::{AppendError, Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;

/// How often one value must fail alone, while others pass, until it is at fault: a lock or a restart may end an attempt, too.
const ATTEMPTS_ALONE: u32 = 3;

/// The same when no answer came: a connection may end at any time.
const ATTEMPTS_WITHOUT_ANSWER: u32 = 5;

/// So many made-up events in a row show that the database takes others. Each failure without an answer takes so many.
const OTHERS: usize = 3;

/// What follows from an error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It is at fault, or something in it: split it, or give it up when it is one.
    Refused(String),
    /// It may be at fault alone: try it again.
    Doubtful(String),
    /// The database is not available: try it again.
    Outage(String),
}

/// The attempts to store the same values.
#[derive(Debug)]
struct Attempts {
    is_one: bool,
    failed: u32,
    /// Why the last attempt had no answer, until it is known whether others pass.
    without_answer: Option<String>,
}

impl Attempts {
    fn of(values: usize) -> Self {
        Self {
            is_one: values == 1,
            failed: 0,
            without_answer: None,
        }
    }

    fn failed(&mut self, error: AppendError) -> Failure {
        match error {
            AppendError::Refused(fault) => Failure::Refused(fault.to_string()),
            AppendError::Failed(fault) => self.others_passed(fault.to_string(), ATTEMPTS_ALONE),
            AppendError::Unavailable(fault) => {
                let reason = fault.to_string();
                self.without_answer = fault.is_without_answer().then(|| reason.clone());
                Failure::Outage(reason)
            }
        }
    }

    fn panicked(&mut self, reason: String) -> Failure {
        self.without_answer = Some(reason.clone());
        Failure::Doubtful(reason)
    }

    fn others_passed(&mut self, reason: String, attempts: u32) -> Failure {
        self.failed += 1;
        // Splitting a batch whose events would all pass costs little, and refuses none of them.
        match self.is_one && self.failed < attempts {
            true => Failure::Doubtful(reason),
            false => Failure::Refused(reason),
        }
    }
}

/// Writes to the database until it answers.
pub(crate) struct Retry<'a> {
    pub(crate) store: &'a dyn Store,
    /// Ends the attempts.
    pub(crate) stop: &'a CancellationToken,
}

impl Retry<'_> {
    /// Writes so many values: what the database answered, or why it refuses them. `None` when cancelled before. Reports each
    /// failure that is no refusal before the wait that follows it.
    pub(crate) async fn write<T, F>(
        &self,
        values: usize,
        mut write: impl FnMut() -> F,
        mut report: impl FnMut(&Failure),
    ) -> Option<Result<T, String>>
    where
        F: Future<Output = Result<T, AppendError>>,
    {
        let mut backoff = Backoff::new();
        let mut attempts = Attempts::of(values);
        loop {
            let failure = match attempts.without_answer.take() {
                Some(reason) if self.others_pass().await => {
                    attempts.others_passed(reason, ATTEMPTS_WITHOUT_ANSWER)
                }
                Some(reason) => {
                    attempts.without_answer = Some(reason.clone());
                    Failure::Outage(reason)
                }
                None => match AssertUnwindSafe(write()).catch_unwind().await {
                    Ok(Ok(written)) => return Some(Ok(written)),
                    Ok(Err(error)) => attempts.failed(error),
                    Err(panic) => attempts.panicked(panic_reason(&*panic)),
                },
            };
            match failure {
                Failure::Refused(reason) => return Some(Err(reason)),
                other => report(&other),
            }
            if !backoff.wait(self.stop).await {
                return None;
            }
        }
    }

    /// Writes values, the whole first, and halves what is refused until single values are left; these, each with the reason.
    /// `None` when cancelled before.
    pub(crate) async fn write_each<'v, T, R, F>(
        &self,
        values: &'v [T],
        mut write: impl FnMut(&'v [T]) -> F,
        mut report: impl FnMut(&Failure),
    ) -> Option<Vec<(&'v T, String)>>
    where
        F: Future<Output = Result<R, AppendError>>,
    {
        let mut refused = Vec::new();
        let mut chunks = vec![values];
        while let Some(chunk) = chunks.pop() {
            let written = self.write(chunk.len(), || write(chunk), &mut report).await?;
            match (written, chunk) {
                (Ok(_), _) | (Err(_), []) => {}
                (Err(reason), [value]) => refused.push((value, reason)),
                (Err(_), several) => {
                    let (first, second) = several.split_at(several.len() / 2);
                    chunks.extend([second, first]);
                }
            }
        }
        Some(refused)
    }

    /// Whether the database takes made-up events, which is what distinguishes a refusal from an outage.
    pub(crate) async fn others_pass(&self) -> bool {
        for _ in 0..OTHERS {
            let probe = AssertUnwindSafe(self.store.probe_write()).catch_unwind().await;
            if !matches!(probe, Ok(Ok(()))) {
                return false;
            }
        }
        true
    }
}

/// Writes once: what the database answered, or why one of the values may be at fault, which attempts with fewer of them show.
///
/// # Errors
///
/// [`StoreError`] when the database is not available, and no value can be the cause.
pub(crate) async fn write_once<T>(
    write: impl Future<Output = Result<T, AppendError>>,
) -> Result<Result<T, String>, StoreError> {
    match AssertUnwindSafe(write).catch_unwind().await {
        Ok(Ok(written)) => Ok(Ok(written)),
        Ok(Err(AppendError::Unavailable(fault))) if !fault.is_without_answer() => {
            Err(StoreError::Unavailable(fault))
        }
        Ok(Err(
            AppendError::Unavailable(fault) | AppendError::Refused(fault) | AppendError::Failed(fault),
        )) => Ok(Err(fault.to_string())),
        Err(panic) => Ok(Err(panic_reason(&*panic))),
    }
}

/// Does something with one value; the reason when it panics.
pub(crate) fn without_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panic_reason(&*panic))
}

fn panic_reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("an error of the collector itself: {}", text.unwrap_or("panicked"))
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Arc};

    use saga_store::{Fault, StoreOptions};
    use saga_types::definition::Definitions;

    use super::*;

    fn failed() -> AppendError {
        AppendError::Failed("canceling statement due to statement timeout".into())
    }

    #[test]
    fn several_are_split_at_once_and_one_is_at_fault_when_it_fails_again_and_again() {
        let refused = || Failure::Refused("canceling statement due to statement timeout".to_owned());
        assert_eq!(Attempts::of(2).failed(failed()), refused());
        let mut alone = Attempts::of(1);
        for _ in 1..ATTEMPTS_ALONE {
            assert!(matches!(alone.failed(failed()), Failure::Doubtful(_)));
            let outage = alone.failed(AppendError::Unavailable("away".into()));
            assert_eq!(outage, Failure::Outage("away".to_owned()), "however often");
        }
        assert_eq!(alone.failed(failed()), refused());
    }

    async fn store(url: &str) -> Arc<dyn Store> {
        let options = StoreOptions {
            definitions: Arc::new(Definitions::built_in()),
            max_connections: 2,
        };
        saga_store::connect(url, options).await.unwrap()
    }

    async fn sqlite(folder: &tempfile::TempDir) -> Arc<dyn Store> {
        let store = store(&format!("sqlite://{}/sagas.db", folder.path().display())).await;
        store.migrate().await.unwrap();
        store
    }

    fn no_answer() -> AppendError {
        AppendError::Unavailable(Fault::from("unexpected end of file").without_answer())
    }

    #[tokio::test]
    async fn a_value_of_which_the_connection_ends_or_the_collector_panics_is_found_by_whether_others_pass() {
        let folder = tempfile::tempdir().unwrap();
        let (store, stop) = (sqlite(&folder).await, CancellationToken::new());
        let retry = Retry {
            store: &*store,
            stop: &stop,
        };
        let values: Vec<u32> = (0..10).collect();
        let alone = Cell::new(0);
        let write = |values: &[u32]| {
            let (ends, panics) = (values.contains(&3), values.contains(&7));
            alone.set(alone.get() + u32::from(values == [3]));
            async move {
                assert!(!panics, "no such state");
                if ends { Err(no_answer()) } else { Ok(()) }
            }
        };
        let refused = retry.write_each(&values, write, |_| {}).await.unwrap();
        let expected = [
            (&3, "unexpected end of file".to_owned()),
            (&7, "an error of the collector itself: no such state".to_owned()),
        ];
        assert_eq!(refused, expected);
        assert_eq!(alone.get(), ATTEMPTS_WITHOUT_ANSWER);
    }

    #[tokio::test]
    async fn as_long_as_no_others_pass_it_is_an_outage() {
        // Nobody listens there.
        let store = store("postgres://nobody@127.0.0.1:1/none").await;
        let stop = CancellationToken::new();
        let retry = Retry {
            store: &*store,
            stop: &stop,
        };
        let mut reported = 0;
        let written: Option<Result<(), String>> = retry
            .write(
                1,
                || async { Err(no_answer()) },
                |failure| {
                    assert!(matches!(failure, Failure::Outage(_)), "{failure:?}");
                    reported += 1;
                    if reported > ATTEMPTS_WITHOUT_ANSWER {
                        stop.cancel();
                    }
                },
            )
            .await;
        assert_eq!(written, None);
    }

    #[test]
    fn a_panic_is_given_as_a_reason() {
        assert_eq!(without_panic(|| 1), Ok(1));
        let reason = "an error of the collector itself: no".to_owned();
        assert_eq!(without_panic(|| panic!("no")), Err::<(), _>(reason));
    }
}
