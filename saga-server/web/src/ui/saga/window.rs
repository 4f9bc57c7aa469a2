//! Which of a saga's events the page shows, when they are very many.

use saga_types::{EventId, Timestamp, fold::SagaState};

use super::address::Address;
use crate::{
    http::query_string::{Params, StepsCursor},
    ui::humanize::number,
};
use saga_store::{Position, StoredStep};

/// How many events are read, for the expected path, the waterfall and the table.
pub(super) const READ: u32 = 1_000;

/// From how near the end the last events begin.
const LAST: i64 = 100;

/// Where the page is among the events, and where else it can be.
pub(super) struct Window {
    pub(super) is_first: bool,
    /// How many events the table is about.
    pub(super) covered: String,
    /// None when the rest is shown.
    pub(super) next: Option<String>,
    /// The last events; none when they are shown.
    pub(super) last: Option<String>,
    pub(super) first: String,
    /// Whether the page knows less than all events.
    pub(super) is_part: bool,
}

/// Where the events of the page begin, if not with the first.
pub(super) fn take(params: &mut Params) -> Option<Position> {
    params
        .parsed("cursor", StepsCursor::decode)
        .map(|cursor| cursor.after)
}

impl Window {
    /// The table ends after so many of the events that were read.
    pub(super) fn of(
        saga: &SagaState,
        steps: &[StoredStep],
        covered: usize,
        has_more: bool,
        is_first: bool,
        address: &Address,
    ) -> Self {
        let at = |after: Position| {
            let cursor = StepsCursor { after }.encode();
            format!("{}#events", address.with("cursor", Some(&cursor)))
        };
        let is_cut = steps.len() > covered || has_more;
        let shown = covered.checked_sub(1).and_then(|last| steps.get(last));
        let next = shown.filter(|_| is_cut).map(|last| {
            at(Position {
                recorded_at: last.recorded_at,
                event_id: last.event_id.clone(),
            })
        });
        Self {
            is_first,
            covered: number(covered as u64),
            last: next.is_some().then(|| near_the_end(saga)).flatten().map(at),
            next,
            first: format!("{}#events", address.with("cursor", None)),
            is_part: !is_first || has_more,
        }
    }
}

/// From where about half a table is left, if the events came as evenly as they did on the whole.
fn near_the_end(saga: &SagaState) -> Option<Position> {
    let count = i64::try_from(saga.step_count.max(1)).ok()?;
    let left = saga.updated_at.millis_since(saga.started_at) / count * LAST;
    Some(Position {
        recorded_at: Timestamp::from_millis(saga.updated_at.as_millis() - left.max(1)).ok()?,
        event_id: EventId::new("0").ok()?,
    })
}
