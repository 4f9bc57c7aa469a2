//! A saga as questions answer it: the state that its events give, and what stands beside it for those who compare sagas.
//!
//! Rule of thumb: answers write the state alone, whose form is that of the contract.

use std::ops::Deref;

use saga_types::{
    Step, Timestamp,
    definition::Definitions,
    fold::{Awaiting, OpenWaits, SagaFold, SagaState},
};
use serde::Serialize;

/// A saga that is stored. As JSON it is its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct StoredSaga {
    /// What its events say.
    pub state: SagaState,
    /// What it waits behind; nothing of a saga whose events are not at hand.
    #[serde(skip)]
    pub waits: OpenWaits,
    /// Since when it waits longer than others ever did, as a collector judged by them; none while it has a limit.
    #[serde(skip)]
    pub unusual_since: Option<Timestamp>,
}

/// What a saga waits for: the step, and the one that was done last of those right before it.
pub type WaitKey = (Option<Step>, Step);

/// A step that a saga waits for, and the one that was done last of those right before it.
#[derive(Debug, Clone, Copy)]
pub struct OpenWait<'a> {
    /// What it waits for.
    pub awaiting: &'a Awaiting,
    /// Behind what; none at the start of the saga, and of a compensation.
    pub after: Option<&'a Step>,
}

impl StoredSaga {
    /// `None` when the definition or the rules changed since it was folded.
    pub(crate) fn of(fold: &SagaFold, definitions: &Definitions) -> Option<Self> {
        let (state, waits) = fold.try_state_and_waits(definitions)?;
        Some(Self {
            state,
            waits,
            unusual_since: None,
        })
    }

    /// The same with another state, such as one of which something is hidden.
    #[must_use]
    pub fn map_state(self, change: impl FnOnce(SagaState) -> SagaState) -> Self {
        Self {
            state: change(self.state),
            ..self
        }
    }

    /// What it waits for.
    pub fn open_waits(&self) -> impl Iterator<Item = OpenWait<'_>> {
        let after = self.waits.after.iter().map(Option::as_ref);
        // Nothing is known behind what a saga from a file waits.
        let after = after.chain(std::iter::repeat(None));
        let awaiting = self.state.awaiting.iter();
        awaiting
            .zip(after)
            .map(|(awaiting, after)| OpenWait { awaiting, after })
    }
}

impl OpenWait<'_> {
    pub(crate) fn key(&self) -> WaitKey {
        (self.after.cloned(), self.awaiting.step.clone())
    }
}

/// Most questions are about the state.
impl Deref for StoredSaga {
    type Target = SagaState;

    fn deref(&self) -> &SagaState {
        &self.state
    }
}

/// One that was read from a file, such as an archived saga.
impl From<SagaState> for StoredSaga {
    fn from(state: SagaState) -> Self {
        Self {
            state,
            waits: OpenWaits::default(),
            unusual_since: None,
        }
    }
}
