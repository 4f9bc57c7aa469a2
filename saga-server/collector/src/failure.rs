//! Whether what the database did not take is at fault.

use saga_store::AppendError;

/// How often one value must fail alone, while others pass, until it is at fault: a lock or a restart may end an attempt, too.
const ATTEMPTS_ALONE: u32 = 3;

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
pub(crate) struct Attempts {
    is_one: bool,
    failed: u32,
}

impl Attempts {
    pub(crate) fn of(values: usize) -> Self {
        Self {
            is_one: values == 1,
            failed: 0,
        }
    }

    pub(crate) fn failed(&mut self, error: AppendError) -> Failure {
        match error {
            AppendError::Refused(fault) => Failure::Refused(fault.to_string()),
            AppendError::Unavailable(fault) => Failure::Outage(fault.to_string()),
            AppendError::Failed(fault) => {
                self.failed += 1;
                // To split what others would pass costs little, and is no verdict.
                match self.is_one && self.failed < ATTEMPTS_ALONE {
                    true => Failure::Doubtful(fault.to_string()),
                    false => Failure::Refused(fault.to_string()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
}
