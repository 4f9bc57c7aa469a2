//! The port for making again what follows from the steps (`saga-server rebuild`), and what of it needs no SQL.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use saga_types::{
    SagaStatus, SagaType, Timestamp,
    definition::Definitions,
    fold::{FoldEvent, SagaFold},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Late, StoreError, fold_batch::UpdatedSaga, rollup::RollupKey, rows::corrupt};

/// The most steps that are held at once, unless a single saga has more.
const STEPS_AT_ONCE: u64 = 20_000;

/// A store whose derived tables can be checked and made anew, also while others go on storing.
#[async_trait]
pub trait RebuildStore {
    /// Folds the steps of the next sagas after one (or of the first ones), by the definitions of this store, and compares
    /// what comes of it with what is kept. With [`Rebuild::Write`] it is kept from now on. A call takes at most `limit`
    /// sagas, and fewer when they have many steps.
    async fn rebuild(&self, after: Option<&str>, limit: u32, rebuild: Rebuild)
    -> Result<Rebuilt, StoreError>;

    /// Compares the roll-ups with a count of all sagas; how many counts were wrong. With [`Rebuild::Write`] they are
    /// right afterwards.
    async fn recount(&self, rebuild: Rebuild) -> Result<u64, StoreError>;
}

/// Whether to mend what differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuild {
    /// Only look.
    DryRun,
    /// Mend it.
    Write,
}

/// What became of some sagas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rebuilt {
    /// How many were looked at.
    pub sagas: usize,
    /// The last of them, to go on after it; none when there are no more.
    pub last: Option<String>,
    /// Those that were not kept as their steps say.
    pub differences: Vec<Difference>,
}

/// A saga that was not kept as its steps say.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The saga.
    pub saga_id: String,
    /// Its type, as its steps say; none when it has no steps.
    pub saga_type: Option<SagaType>,
    /// How.
    pub kind: DifferenceKind,
}

/// How a saga was not kept as its steps say.
#[derive(Debug, Clone, PartialEq)]
pub enum DifferenceKind {
    /// These fields were other ones: before and after, by name.
    Changed(BTreeMap<String, (Value, Value)>),
    /// It was not kept at all.
    Missing,
    /// It was kept in a form that cannot be read.
    Unreadable,
    /// It has no steps. Such a saga is left as it is, since nothing says what it should be.
    WithoutSteps,
}

/// The next sagas, as a statement found them: the id, and how many steps are known of it.
pub(super) type Next = Vec<(String, i64)>;

/// As many of them as should be held at once.
pub(super) fn held_at_once(next: Next) -> Vec<String> {
    let mut steps = 0;
    let fits = |(_, count): &(String, i64)| {
        let is_first = steps == 0;
        steps += count.max(&1).cast_unsigned();
        is_first || steps <= STEPS_AT_ONCE
    };
    next.into_iter()
        .take_while(fits)
        .map(|(saga_id, _)| saga_id)
        .collect()
}

/// A saga's row as it is kept.
pub(super) struct Stored {
    pub(super) version: i64,
    pub(super) fold: String,
    /// None when it cannot be read.
    row: Option<Row>,
}

impl Stored {
    /// The row comes as JSON, with the names of REST and times in milliseconds.
    pub(super) fn new(version: i64, fold: String, row: &str) -> Self {
        let row = serde_json::from_str(row).ok();
        Self { version, fold, row }
    }
}

/// The columns that follow from the steps.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    saga_type: SagaType,
    order_id: String,
    current_status: SagaStatus,
    last_step: String,
    last_trace_id: Option<String>,
    started_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
    ended_by_override: bool,
    failed_step: Option<String>,
    failure_reason: Option<String>,
    outstanding_compensations: Vec<String>,
    anomalies: Vec<String>,
    awaited_step: Option<String>,
    awaited_service: Option<String>,
    awaited_deadline: Option<Timestamp>,
    owed_since: Option<Timestamp>,
    step_count: u64,
}

impl Row {
    fn of(saga: &UpdatedSaga) -> Self {
        let state = &saga.state;
        let awaited = state.most_urgent();
        let names = |steps: &[saga_types::Step]| steps.iter().map(ToString::to_string).collect();
        Self {
            saga_type: state.saga_type.clone(),
            order_id: state.order_id.to_string(),
            current_status: state.current_status,
            last_step: state.last_step.to_string(),
            last_trace_id: state.last_trace_id.clone(),
            started_at: state.started_at,
            updated_at: state.updated_at,
            ended_at: state.ended_at,
            ended_by_override: saga.ended_by_override(),
            failed_step: state.failed_step.as_ref().map(ToString::to_string),
            failure_reason: state.failure_reason.clone(),
            outstanding_compensations: names(&state.outstanding_compensations),
            anomalies: state
                .anomalies
                .iter()
                .map(|anomaly| anomaly.as_str().to_owned())
                .collect(),
            awaited_step: awaited.map(|awaited| awaited.step.to_string()),
            awaited_service: awaited.and_then(|awaited| awaited.service.clone()),
            awaited_deadline: Late::Stuck.due(state),
            owed_since: saga.owed_since(),
            step_count: state.step_count,
        }
    }

    fn counted(&self) -> RollupKey {
        RollupKey {
            started_at: self.started_at,
            saga_type: self.saga_type.clone(),
            status: self.current_status,
            ended_at: self.ended_at.filter(|_| !self.ended_by_override),
        }
    }

    fn fields(&self) -> Result<Map<String, Value>, StoreError> {
        match serde_json::to_value(self).map_err(corrupt)? {
            Value::Object(fields) => Ok(fields),
            other => Err(corrupt(other)),
        }
    }
}

/// What comes of folding some sagas anew.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) differences: Vec<Difference>,
    /// What is to be written, in the order of the ids. A fold may differ in ways that no answer shows.
    pub(super) updated: Vec<UpdatedSaga>,
}

/// Compares what is kept of sagas, given in the order of their ids, with what their steps say.
pub(super) fn compare(
    saga_ids: &[String],
    mut stored: HashMap<String, Stored>,
    mut histories: HashMap<String, Vec<FoldEvent>>,
    definitions: &Definitions,
) -> Result<Compared, StoreError> {
    let mut compared = Compared::default();
    for saga_id in saga_ids {
        let stored = stored.remove(saga_id);
        let steps = histories.remove(saga_id).unwrap_or_default();
        let folded = refold(steps, stored.as_ref(), definitions)?;
        if let Some(kind) = difference(stored.as_ref(), folded.as_ref())? {
            compared.differences.push(Difference {
                saga_id: saga_id.clone(),
                saga_type: folded.as_ref().map(|folded| folded.state.saga_type.clone()),
                kind,
            });
        }
        let is_kept = |updated: &UpdatedSaga| {
            stored.as_ref().is_some_and(|stored| {
                stored.fold == updated.fold && stored.row.as_ref() == Some(&Row::of(updated))
            })
        };
        compared
            .updated
            .extend(folded.filter(|updated| !is_kept(updated)));
    }
    Ok(compared)
}

/// `None` when there are no steps.
fn refold(
    steps: Vec<FoldEvent>,
    stored: Option<&Stored>,
    definitions: &Definitions,
) -> Result<Option<UpdatedSaga>, StoreError> {
    let orders: Vec<_> = steps.iter().map(|step| step.order_id.clone()).collect();
    let Some(fold) = SagaFold::of(steps, definitions) else {
        return Ok(None);
    };
    let Some(state) = fold.try_state(definitions) else {
        return Ok(None);
    };
    let others = orders.into_iter().filter(|order| *order != state.order_id);
    Ok(Some(UpdatedSaga {
        fold: serde_json::to_string(&fold).map_err(corrupt)?,
        version: stored.map_or(0, |stored| stored.version) + 1,
        before: stored.and_then(|stored| Some(stored.row.as_ref()?.counted())),
        now: RollupKey::of(&state),
        compensation_ms: None,
        other_orders: others.map(String::from).collect(),
        state,
    }))
}

fn difference(
    stored: Option<&Stored>,
    folded: Option<&UpdatedSaga>,
) -> Result<Option<DifferenceKind>, StoreError> {
    let (stored, folded) = match (stored, folded) {
        (Some(stored), Some(folded)) => (stored, Row::of(folded)),
        (None, Some(_)) => return Ok(Some(DifferenceKind::Missing)),
        (Some(_), None) => return Ok(Some(DifferenceKind::WithoutSteps)),
        (None, None) => return Ok(None),
    };
    let Some(row) = &stored.row else {
        return Ok(Some(DifferenceKind::Unreadable));
    };
    if *row == folded {
        return Ok(None);
    }
    let mut after = folded.fields()?;
    let before = row.fields()?.into_iter();
    let both = before.filter_map(|(name, before)| Some((name.clone(), (before, after.remove(&name)?))));
    Ok(Some(DifferenceKind::Changed(
        both.filter(|(_, (before, after))| before != after).collect(),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(counts: &[i64]) -> usize {
        let next = counts
            .iter()
            .enumerate()
            .map(|(id, count)| (id.to_string(), *count));
        held_at_once(next.collect()).len()
    }

    #[test]
    fn no_more_steps_are_held_than_are_allowed_but_one_saga_always() {
        assert_eq!(held(&[]), 0);
        assert_eq!(held(&[5; 500]), 500);
        assert_eq!(held(&[15_000, 5_000, 1]), 2);
        assert_eq!(held(&[100_000, 1]), 1);
        assert_eq!(held(&[1, 100_000]), 1);
    }
}
