//! From a set of events to the state of the saga.
//!
//! A saga's state is a pure function of the *set* of its events: arrival order, duplicates and batch borders cannot
//! change it. [`fold()`] takes the whole set. A collector that sees events one by one keeps a [`SagaFold`], which takes
//! each new event in constant time and gives the same state; in the rare case that this is impossible it returns
//! [`NeedsHistory`], and the set is folded anew.
//!
//! | part | what |
//! | --- | --- |
//! | [`FoldEvent`] | what the fold reads of an event |
//! | [`SagaFold`] | what is kept of the events so far |
//! | [`Waits`], [`OpenWaits`] | how long a saga waited for each step of its path, and what it waits behind |
//! | [`SagaState`] | the answer, as REST and the `fold` command give it |
//! | [`failure_fingerprint`] | the group of a failure, for counting |

mod awaiting;
mod effects;
mod event;
mod failure_group;
mod rules;
mod running;
mod sentence;
mod state;
mod waits;

use std::collections::BTreeMap;

use crate::{SagaEvent, definition::Definitions};

pub use event::{FoldEvent, Position, failure_reason};
pub use failure_group::{NO_FAILING_STEP, failure_fingerprint, failure_group, parts_of_failure_group};
pub use running::{NeedsHistory, SagaFold};
pub use sentence::Phrase;
pub use state::{Anomaly, Awaiting, SagaState};
pub use waits::{OpenWaits, StepWait, Waits};

/// Folds all events of one saga. `None` when there are none.
///
/// Events with the same id are the same event and count once. All events are taken to be of one saga.
///
/// ```
/// use saga_types::{SagaEvent, SagaStatus, SagaType, Timestamp, definition::Definitions, fold, steps};
///
/// let event = |id: &str, step, status, second: i64| -> Result<SagaEvent, Box<dyn std::error::Error>> {
///     let moment = Timestamp::from_millis(1_700_000_000_000 + second * 1_000)?;
///     Ok(SagaEvent::new(
///         id.parse()?, "saga-1".parse()?, "order-1".parse()?, SagaType::ORDER_CREATION, step, status, moment,
///     ))
/// };
/// let created = event("evt-1", steps::ORDER_CREATED, SagaStatus::Started, 0)?;
/// let reserved = event("evt-2", steps::STOCK_RESERVED, SagaStatus::Completed, 1)?;
/// let cancelled = event("evt-3", steps::ORDER_CANCELLED, SagaStatus::Failed, 2)?;
///
/// // In any order, and repeated: the state is that of the set.
/// let state = fold::fold([&cancelled, &created, &reserved, &created], &Definitions::built_in()).expect("events");
/// assert_eq!(state.current_status, SagaStatus::Failed);
/// assert_eq!(state.outstanding_compensations, [steps::STOCK_RESERVED]);
/// assert_eq!(state.step_count, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn fold<'a>(
    events: impl IntoIterator<Item = &'a SagaEvent>,
    definitions: &Definitions,
) -> Option<SagaState> {
    // Should copies of an event disagree, the same one must win in any order of arrival: the least by content.
    let mut distinct: BTreeMap<&str, &SagaEvent> = BTreeMap::new();
    for event in events {
        let kept = distinct.entry(event.event_id.as_str()).or_insert(event);
        if content(event) < content(kept) {
            *kept = event;
        }
    }
    let events = distinct.into_values().map(FoldEvent::from).collect();
    SagaFold::of(events, definitions)?.try_state(definitions)
}

fn content(event: &SagaEvent) -> impl Ord + '_ {
    let metadata = event.metadata.as_ref().map(crate::Metadata::as_str);
    (
        event.recorded_at,
        &event.step,
        event.status,
        &event.saga_type,
        &event.order_id,
        metadata,
    )
}
