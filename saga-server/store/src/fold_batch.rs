//! From new events to the new states of their sagas, free of SQL.
//!
//! Rule of thumb: each kept fold takes exactly the events that this transaction stored, and is locked until it is
//! written back; so the kept fold is always the fold of the stored steps.

use std::collections::{BTreeSet, HashMap};

use saga_types::{
    SagaEvent, SagaStatus, Timestamp,
    definition::Definitions,
    fold::{FoldEvent, SagaFold, SagaState},
};

use super::{AppendError, Fault, Late, SagaChange, fold_text, rollup::RollupKey};

/// What the database keeps of a saga, read under its lock.
pub(super) struct StoredFold {
    pub(super) saga_id: String,
    pub(super) order_id: String,
    /// How its row is counted.
    pub(super) counted: RollupKey,
    pub(super) version: i64,
    /// None when it cannot be read, as after an update that changed its form: the steps are folded anew.
    pub(super) fold: Option<SagaFold>,
}

/// The sagas that a batch touches, ordered by id.
pub(super) struct FoldBatch<'a> {
    sagas: Vec<FoldUpdate<'a>>,
}

struct FoldUpdate<'a> {
    saga_id: &'a str,
    new: Vec<&'a SagaEvent>,
    kept: Option<StoredFold>,
    /// None while the history is needed.
    folded: Option<(SagaFold, SagaState)>,
}

/// A saga as it is to be written.
pub(super) struct UpdatedSaga {
    pub(super) state: SagaState,
    pub(super) fold: String,
    /// 1 when the saga is new, else one more than what was kept.
    pub(super) version: i64,
    /// How it was counted before the batch; none when it is new.
    pub(super) before: Option<RollupKey>,
    /// How it is counted from now on.
    pub(super) now: RollupKey,
    pub(super) compensation_ms: Option<i64>,
    /// Business keys, beside the state's own, that events of the saga named.
    pub(super) other_orders: BTreeSet<String>,
}

impl<'a> FoldBatch<'a> {
    /// Takes the new events, ordered by saga, and what is kept of their sagas.
    pub(super) fn begin(new: &[&'a SagaEvent], kept: Vec<StoredFold>, definitions: &Definitions) -> Self {
        let mut kept: HashMap<String, StoredFold> = kept
            .into_iter()
            .map(|kept| (kept.saga_id.clone(), kept))
            .collect();
        let sagas = new
            .chunk_by(|left, right| left.saga_id == right.saga_id)
            .map(|new| {
                let saga_id = new[0].saga_id.as_str();
                let mut kept = kept.remove(saga_id);
                let fold = match &mut kept {
                    None => SagaFold::of(
                        new.iter().map(|event| FoldEvent::from(*event)).collect(),
                        definitions,
                    ),
                    Some(kept) => kept.fold.take().and_then(|fold| absorb(fold, new, definitions)),
                };
                FoldUpdate {
                    saga_id,
                    new: new.to_vec(),
                    kept,
                    folded: fold.and_then(|fold| with_state(fold, definitions)),
                }
            })
            .collect();
        Self { sagas }
    }

    /// The sagas of which all stored steps must be folded anew.
    pub(super) fn needing_history(&self) -> Vec<String> {
        let needing = self.sagas.iter().filter(|saga| saga.folded.is_none());
        needing.map(|saga| saga.saga_id.to_owned()).collect()
    }

    /// Folds all stored steps of a saga, the new ones included.
    pub(super) fn refold(&mut self, saga_id: &str, steps: Vec<FoldEvent>, definitions: &Definitions) {
        if let Ok(index) = self.sagas.binary_search_by(|saga| saga.saga_id.cmp(saga_id)) {
            self.sagas[index].folded =
                SagaFold::of(steps, definitions).and_then(|fold| with_state(fold, definitions));
        }
    }

    /// What is to be written, ordered by saga.
    pub(super) fn finish(self) -> Result<Vec<UpdatedSaga>, AppendError> {
        self.sagas.into_iter().map(FoldUpdate::finish).collect()
    }
}

/// `None` when the history is needed. What was taken until then is thrown away with the fold.
fn absorb(mut fold: SagaFold, new: &[&SagaEvent], definitions: &Definitions) -> Option<SagaFold> {
    for event in new {
        fold.absorb(&FoldEvent::from(*event), definitions).ok()?;
    }
    Some(fold)
}

fn with_state(fold: SagaFold, definitions: &Definitions) -> Option<(SagaFold, SagaState)> {
    let state = fold.try_state(definitions)?;
    Some((fold, state))
}

impl FoldUpdate<'_> {
    fn finish(self) -> Result<UpdatedSaga, AppendError> {
        let saga_id = self.saga_id;
        let (fold, state) = self.folded.ok_or_else(|| {
            let fault = Fault::from(format!("saga {saga_id}: its steps are not there"));
            AppendError::Unavailable(fault.perhaps_of_the_batch())
        })?;
        let previous_status = self.kept.as_ref().map(|kept| kept.counted.status);
        let is_compensated_now = state.current_status == SagaStatus::Compensated
            && previous_status != Some(SagaStatus::Compensated);
        let compensation_ms = fold
            .compensation_span()
            .filter(|_| is_compensated_now)
            .map(|(failed, compensated)| compensated.millis_since(failed));
        // Every key that an event named was at some time either the saga's own or named by a new event.
        let mut other_orders: BTreeSet<String> = BTreeSet::new();
        let before = self.kept.as_ref().map(|kept| kept.order_id.as_str());
        let named = self.new.iter().map(|event| event.order_id.as_str()).chain(before);
        for order_id in named.filter(|order_id| state.order_id != **order_id) {
            if !other_orders.contains(order_id) {
                other_orders.insert(order_id.to_owned());
            }
        }
        Ok(UpdatedSaga {
            fold: fold_text::write(&fold).map_err(|error| {
                let message = format!("saga {saga_id}: its fold cannot be written: {error}");
                AppendError::Unavailable(Fault::caused_by(message, None, error))
            })?,
            version: self.kept.as_ref().map_or(0, |kept| kept.version) + 1,
            before: self.kept.map(|kept| kept.counted),
            now: RollupKey::of(&state),
            compensation_ms,
            other_orders,
            state,
        })
    }
}

impl UpdatedSaga {
    /// Whether an override ended it, so that it has no duration.
    pub(super) fn ended_by_override(&self) -> bool {
        self.state.ended_at.is_some() && self.state.duration_ms.is_none()
    }

    /// How it was counted, and how it is counted from now on.
    pub(super) fn counted(&self) -> (Option<&RollupKey>, Option<&RollupKey>) {
        (self.before.as_ref(), Some(&self.now))
    }

    /// Since when something must be undone.
    pub(super) fn owed_since(&self) -> Option<Timestamp> {
        Late::Owing.due_by_events(&self.state)
    }
}

impl From<UpdatedSaga> for SagaChange {
    fn from(updated: UpdatedSaga) -> Self {
        Self {
            previous_status: updated.before.map(|before| before.status),
            state: updated.state,
            compensation_ms: updated.compensation_ms,
        }
    }
}
