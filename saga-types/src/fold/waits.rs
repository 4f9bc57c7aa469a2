//! How long a saga waited for each step of its expected path, from when the step was owed until it was first done, and
//! what it waits behind now.
//!
//! Rule of thumb: a wait that is over here is what [`Awaiting`](super::Awaiting) and [`OpenWaits`] said before it was over, so that
//! what is usual for one is measured by the other.

use super::{SagaFold, awaiting, running::definition};
use crate::{
    SagaStatus, SagaType, Step, Timestamp,
    definition::{Definitions, SagaDefinition},
};

/// Of a path with more steps than this nothing is learnt: how long each step was waited for takes the square of them.
const MOST_STEPS: usize = 200;

/// The waits of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// The saga's type.
    pub saga_type: SagaType,
    /// When it started.
    pub started_at: Timestamp,
    /// Its status.
    pub status: SagaStatus,
    /// When it ended by an event of its own; none while it goes on, and when an override ended it.
    pub ended_at: Option<Timestamp>,
    /// The forward steps that were done, in the order in which they were first done, with when.
    pub done: Vec<(Step, Timestamp)>,
    /// The waits that are over, in the same order.
    pub over: Vec<StepWait>,
}

/// What a saga waits behind. It stands beside the [`SagaState`](super::SagaState), whose form is that of the contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenWaits {
    /// The forward step that was done last, and when it was first done.
    pub last_done: Option<(Step, Timestamp)>,
    /// For each entry of [`awaiting`](super::SagaState::awaiting), in the same order, the step that was done last of those right
    /// before it; none at the start of the saga, and of a compensation.
    pub after: Vec<Option<Step>>,
}

/// How long a saga waited for a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepWait {
    /// The step that was done last of those right before it; none at the start of the saga.
    pub after: Option<Step>,
    /// The step.
    pub step: Step,
    /// Since when it was owed.
    pub since: Timestamp,
    /// When it was first done.
    pub done_at: Timestamp,
}

impl StepWait {
    /// How long it took, in milliseconds.
    #[must_use]
    pub fn took_ms(&self) -> i64 {
        self.done_at.millis_since(self.since)
    }
}

impl SagaFold {
    /// How long the saga waited for each step. `None` when the definition or the rules changed since it was folded.
    #[must_use]
    pub fn waits(&self, definitions: &Definitions) -> Option<Waits> {
        let state = self.try_state(definitions)?;
        let started_at = self.first.position.recorded_at;
        let in_force = definitions.entry_in_force(&self.first.saga_type, started_at);
        let mut done: Vec<_> = self
            .done
            .iter()
            .map(|(step, done)| (step.clone(), done.0))
            .collect();
        done.sort_by(|left, right| (left.1, &left.0).cmp(&(right.1, &right.0)));
        let definition = definition(in_force).filter(|definition| definition.forward.len() <= MOST_STEPS);
        let over = definition.map(|definition| self.over(definition, &done));
        Some(Waits {
            ended_at: state.ended_at.filter(|_| state.duration_ms.is_some()),
            status: state.current_status,
            saga_type: state.saga_type,
            started_at,
            over: over.unwrap_or_default(),
            done,
        })
    }

    /// Of steps in the order in which they were done. The first one of a saga is not waited for.
    fn over(&self, definition: &SagaDefinition, done: &[(Step, Timestamp)]) -> Vec<StepWait> {
        let wait = |place: usize| {
            let (step, done_at) = &done[place];
            let number = definition.path().number_of(step)?;
            let before = done[..place].iter().map(|(earlier, _)| earlier);
            let progress = definition.path().progress(before);
            let owed = awaiting::owed(self, definition, &progress, number);
            Some(StepWait {
                after: owed.after.cloned(),
                step: step.clone(),
                since: owed.since,
                done_at: *done_at,
            })
        };
        (1..done.len()).filter_map(wait).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SagaEvent, fold::FoldEvent};

    fn waits(events: &[(&str, SagaStatus, i64)]) -> Waits {
        let definition = SagaDefinition::from_yaml(
            "sagaType: SHIPMENT
startsWith: [PACKED]
forward:
  - { step: PACKED }
  - { step: LABELLED, after: [PACKED] }
  - { step: INSURED, after: [PACKED] }
  - { step: SENT, after: [LABELLED, INSURED] }
completesWith: [SENT]
",
        );
        let mut definitions = Definitions::built_in();
        definitions.insert(definition.unwrap());
        let event = |(place, (step, status, millis)): (usize, &(&str, SagaStatus, i64))| {
            let event = SagaEvent::new(
                format!("e-{place}").parse().unwrap(),
                "saga".parse().unwrap(),
                "order".parse().unwrap(),
                SagaType::new("SHIPMENT").unwrap(),
                Step::new(*step).unwrap(),
                *status,
                Timestamp::from_millis(1_700_000_000_000 + millis).unwrap(),
            );
            FoldEvent::from(&event)
        };
        let events = events.iter().enumerate().map(event).collect();
        SagaFold::of(events, &definitions)
            .unwrap()
            .waits(&definitions)
            .unwrap()
    }

    #[test]
    fn a_step_behind_a_join_is_waited_for_since_the_last_branch_was_done() {
        use SagaStatus::{Completed, InProgress, Started};
        let waits = waits(&[
            ("PACKED", Started, 0),
            ("INSURED", InProgress, 500),
            ("INSURED", Completed, 600),
            ("LABELLED", Completed, 200),
            ("SENT", Completed, 900),
        ]);
        let over: Vec<_> = waits
            .over
            .iter()
            .map(|wait| {
                (
                    wait.after.as_ref().map(Step::as_str),
                    wait.step.as_str(),
                    wait.took_ms(),
                )
            })
            .collect();
        assert_eq!(
            over,
            [
                (Some("PACKED"), "LABELLED", 200),
                (Some("PACKED"), "INSURED", 500),
                (Some("INSURED"), "SENT", 400),
            ]
        );
        assert_eq!(waits.ended_at.unwrap().millis_since(waits.started_at), 900);
    }

    #[test]
    fn a_saga_that_goes_on_has_the_waits_that_are_over() {
        let waits = waits(&[
            ("PACKED", SagaStatus::Started, 0),
            ("LABELLED", SagaStatus::InProgress, 70),
        ]);
        assert_eq!(
            (waits.over.len(), waits.over[0].took_ms(), waits.ended_at),
            (1, 70, None)
        );
    }
}
