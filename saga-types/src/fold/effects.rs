//! What compensable steps did, and what of it has not been undone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Position;
use crate::{SagaStatus, Step, definition::SagaDefinition};

/// What a step did, and whether it was undone since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Effect {
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    last_completed: Option<Position>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    last_done: Option<Position>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    last_compensated: Option<Position>,
}

impl Effect {
    pub(super) fn add_done(&mut self, position: &Position, status: SagaStatus) {
        keep_latest(&mut self.last_done, position);
        if status == SagaStatus::Completed {
            keep_latest(&mut self.last_completed, position);
        }
    }

    pub(super) fn add_compensated(&mut self, position: &Position) {
        keep_latest(&mut self.last_compensated, position);
    }

    /// When the step was last completed, or last done if it never completed; none if it was undone since.
    fn outstanding_since(&self) -> Option<&Position> {
        let done = self.last_completed.as_ref().or(self.last_done.as_ref())?;
        let is_undone = self
            .last_compensated
            .as_ref()
            .is_some_and(|compensated| compensated > done);
        (!is_undone).then_some(done)
    }
}

/// Effects that have not been undone, in forward order, each with the event that made it.
pub(super) struct Outstanding<'a>(pub(super) Vec<(&'a Step, &'a Position)>);

impl<'a> Outstanding<'a> {
    pub(super) fn of(effects: &'a BTreeMap<Step, Effect>, definition: Option<&'a SagaDefinition>) -> Self {
        let forward = definition.into_iter().flat_map(|definition| &definition.forward);
        let since = |step| effects.get(step)?.outstanding_since();
        Self(
            forward
                .filter_map(|forward| Some((&forward.step, since(&forward.step)?)))
                .collect(),
        )
    }
}

/// Whether the position is later than the one that was kept, and is now kept instead.
pub(super) fn keep_latest(latest: &mut Option<Position>, position: &Position) -> bool {
    let is_later = latest.as_ref().is_none_or(|latest| latest < position);
    if is_later {
        *latest = Some(position.clone());
    }
    is_later
}
