//! The port for making again what follows from the steps (`saga-server rebuild`), and what of it needs no SQL.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use saga_types::{
    SagaType,
    definition::Definitions,
    fold::{FoldEvent, SagaFold},
};
use serde_json::{Map, Value};

use super::{
    Corrupt, StoreError,
    columns::Texts,
    fold_batch::UpdatedSaga,
    fold_text::{self, read_fold},
    rollup::RollupKey,
    rows::InstanceRow,
    table::Table,
};

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

/// Whether to write what differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuild {
    /// Only look.
    DryRun,
    /// Write what the steps say.
    Write,
}

/// What became of some sagas.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rebuilt {
    /// How many were read.
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

/// A saga's row as it is stored.
pub(super) struct Stored<'a> {
    pub(super) version: i64,
    /// None when it cannot be read.
    pub(super) row: Option<(InstanceRow<'a>, RollupKey)>,
    /// It was marked as waiting longer than usual.
    is_marked: bool,
}

impl<'a> Stored<'a> {
    pub(super) fn new(version: i64, row: Result<InstanceRow<'a>, StoreError>) -> Self {
        let is_marked = row.as_ref().is_ok_and(|row| row.deadline_by_usual);
        // What cannot be read is itself a difference, and is written anew.
        let row = row.map(InstanceRow::unmarked);
        let row = row.and_then(|row| Ok((row.clone(), row.counted()?))).ok();
        Self {
            version,
            row,
            is_marked,
        }
    }

    /// Without what a mark says is awaited, where the steps themselves do not say it.
    fn without_marked_steps(mut self, folded: Option<&UpdatedSaga>) -> Self {
        let is_silent = folded.is_some_and(|folded| folded.state.awaiting.is_empty());
        if let Some((row, _)) = &mut self.row
            && self.is_marked
            && is_silent
        {
            row.awaited_step = None;
            row.awaited_steps = Texts(Vec::new());
        }
        self
    }

    fn is(&self, updated: &UpdatedSaga) -> bool {
        let Some((row, _)) = &self.row else {
            return false;
        };
        // One fold may have several texts.
        let folds = || (read_fold(row.fold), read_fold(&updated.fold));
        let is_fold = || matches!(folds(), (Some(kept), Some(folded)) if kept == folded);
        let updated = InstanceRow {
            version: self.version,
            fold: row.fold,
            ..InstanceRow::of(updated)
        };
        *row == updated && is_fold()
    }
}

/// The columns that follow from the steps, with the names of REST.
fn fields(row: &InstanceRow<'_>) -> Result<Map<String, Value>, StoreError> {
    let fields = serde_json::to_value(row).and_then(serde_json::from_value);
    fields.map_err(|error| row.corrupt("fold", error))
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
    mut stored: HashMap<&str, Stored<'_>>,
    mut histories: HashMap<String, Vec<FoldEvent>>,
    definitions: &Definitions,
) -> Result<Compared, StoreError> {
    let mut compared = Compared::default();
    for saga_id in saga_ids {
        let stored = stored.remove(saga_id.as_str());
        // A row without steps has no history; `difference` reports it.
        let steps = histories.remove(saga_id).unwrap_or_default();
        let folded = refold(steps, stored.as_ref(), definitions)?;
        let stored = stored.map(|stored| stored.without_marked_steps(folded.as_ref()));
        if let Some(kind) = difference(stored.as_ref(), folded.as_ref())? {
            compared.differences.push(Difference {
                saga_id: saga_id.clone(),
                saga_type: folded.as_ref().map(|folded| folded.state.saga_type.clone()),
                kind,
            });
        }
        let is_stored = |updated: &UpdatedSaga| stored.as_ref().is_some_and(|stored| stored.is(updated));
        compared
            .updated
            .extend(folded.filter(|updated| !is_stored(updated)));
    }
    Ok(compared)
}

/// `None` when there are no steps.
pub(super) fn refold(
    steps: Vec<FoldEvent>,
    stored: Option<&Stored<'_>>,
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
        fold: fold_text::write(&fold)
            .map_err(|error| Corrupt::new("saga_instance", "fold", state.saga_id.as_str(), error))?,
        version: stored.map_or(0, |stored| stored.version) + 1,
        before: stored.and_then(|stored| Some(stored.row.as_ref()?.1.clone())),
        now: RollupKey::of(&state),
        compensation_ms: None,
        other_orders: others.map(String::from).collect(),
        state,
    }))
}

fn difference(
    stored: Option<&Stored<'_>>,
    folded: Option<&UpdatedSaga>,
) -> Result<Option<DifferenceKind>, StoreError> {
    let (stored, folded) = match (stored, folded) {
        (Some(stored), Some(folded)) => (stored, InstanceRow::of(folded)),
        (None, Some(_)) => return Ok(Some(DifferenceKind::Missing)),
        (Some(_), None) => return Ok(Some(DifferenceKind::WithoutSteps)),
        (None, None) => return Ok(None),
    };
    let Some((row, _)) = &stored.row else {
        return Ok(Some(DifferenceKind::Unreadable));
    };
    let (before, mut after) = (fields(row)?, fields(&folded)?);
    let both = before.into_iter();
    let both = both.filter_map(|(name, before)| Some((name.clone(), (before, after.remove(&name)?))));
    let changed: BTreeMap<_, _> = both.filter(|(_, (before, after))| before != after).collect();
    Ok((!changed.is_empty()).then_some(DifferenceKind::Changed(changed)))
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
