//! Which of a saga's events the page shows, when they are very many.

use saga_types::{EventId, Timestamp, fold::SagaState};

use crate::{
    http::query_string::{Params, StepsCursor},
    ui::search::saga_path,
};
use saga_store::{Position, StoredStep};

/// How many events are read, for the way and the picture of a saga.
pub(super) const READ: u32 = 1_000;

/// How many of them stand in the table.
pub(super) const SHOWN: usize = 200;

/// From how near the end the last events begin.
const LAST: i64 = 100;

/// Where the page is among the events, and where else it can be.
pub(super) struct Window {
    pub(super) is_first: bool,
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
    pub(super) fn of(saga: &SagaState, steps: &[StoredStep], is_first: bool, has_more: bool) -> Self {
        let path = saga_path(&saga.saga_id);
        let at = |after: Position| format!("{path}?cursor={}#events", StepsCursor { after }.encode());
        let is_cut = steps.len() > SHOWN || has_more;
        let next = steps.get(SHOWN - 1).filter(|_| is_cut).map(|last| {
            at(Position {
                recorded_at: last.recorded_at,
                event_id: last.event_id.clone(),
            })
        });
        Self {
            is_first,
            last: next.is_some().then(|| near_the_end(saga)).flatten().map(at),
            next,
            first: format!("{path}#events"),
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
