//! A definition that the events of a type give: steps, owners, what comes before what, choices, ends, compensations and limits.
//!
//! | part | what |
//! | --- | --- |
//! | `tally` | what the sagas say of each step, and of each two |
//! | `roles` | which steps lead to success, fail or compensate, and which are of other types |
//! | `path` | what comes before what, choices and optional steps |
//! | `compensations` | what compensates what |
//! | `print` | the file, with how sure each line is |
//!
//! Rule of thumb: some events are missing, late, repeated or of another type, so no rule asks for all of the sagas; what nearly
//! all of them say is taken, and the file says how many that were.

mod compensations;
mod path;
mod print;
mod roles;
mod tally;

use std::collections::BTreeMap;

use saga_types::{SagaStatus, SagaType, Step, Timestamp};

use self::{path::Path, roles::Roles, tally::Tally};

/// The least number of sagas without failure that a definition is made from.
pub const LEAST: usize = 20;

/// What nearly all sagas do, when one event in a hundred may be missing.
const NEARLY_ALL: f64 = 0.95;

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The step.
    pub step: Step,
    /// How it ended.
    pub status: SagaStatus,
    /// The service that recorded it.
    pub service: Option<String>,
    /// When it happened.
    pub recorded_at: Timestamp,
}

/// Why there is no definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooFew {
    /// How many sagas ended without a failure.
    pub without_failure: usize,
}

/// The definition of a type as a file, from the events of some of its sagas, each saga's in order.
///
/// # Errors
///
/// [`TooFew`] when fewer than [`LEAST`] sagas ended without a failure.
pub fn definition(saga_type: &SagaType, sagas: &[Vec<Recorded>]) -> Result<String, TooFew> {
    let tally = Tally::of(sagas);
    let roles = Roles::of(&tally);
    let successes = roles.successes(&tally);
    if successes.len() < LEAST {
        return Err(TooFew {
            without_failure: successes.len(),
        });
    }
    let path = Path::of(&tally, &roles, &successes);
    let compensations = compensations::of(&tally, &roles, &path);
    Ok(print::file(&print::Inferred {
        saga_type,
        sagas: sagas.len(),
        tally: &tally,
        roles: &roles,
        path: &path,
        successes: successes.len(),
        compensations: &compensations,
    }))
}

/// The most frequent value, and its share.
fn most_frequent<T: Ord + Clone>(counts: &BTreeMap<T, usize>) -> Option<(T, f64)> {
    let all: usize = counts.values().sum();
    let (most, count) = counts.iter().max_by_key(|(_, count)| **count)?;
    Some((most.clone(), share(*count, all)))
}

fn share(of: usize, all: usize) -> f64 {
    if all == 0 {
        return 0.0;
    }
    crate::counts::count(of) / crate::counts::count(all)
}
