//! What the sagas say of each step, and of each two.

use std::collections::{BTreeMap, BTreeSet};

use saga_types::{SagaStatus, Step, Timestamp};

use super::{Recorded, share};

/// How many different steps are looked at, those that most sagas have.
const MAX_STEPS: usize = 200;

/// Of a saga with more different steps the first are looked at.
const STEPS_OF_A_SAGA: usize = 100;

/// What the sagas say.
pub(super) struct Tally {
    /// The steps, in the order of their names.
    pub(super) steps: Vec<Step>,
    /// Of each step.
    pub(super) of_step: Vec<OfStep>,
    pub(super) sagas: Vec<Trace>,
    /// Of each two steps: how many sagas recorded the first before the second.
    earlier: Vec<Vec<usize>>,
}

#[derive(Default)]
pub(super) struct OfStep {
    /// How many sagas have it.
    pub(super) sagas: usize,
    pub(super) statuses: BTreeMap<SagaStatus, usize>,
    pub(super) services: BTreeMap<String, usize>,
}

/// A saga: when it recorded each of its steps first.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) first: BTreeMap<usize, Timestamp>,
    /// Steps that were done, that is neither failed nor compensated.
    pub(super) done: BTreeMap<usize, Timestamp>,
    /// Steps that failed, and steps that were compensated.
    pub(super) failed: Vec<usize>,
    pub(super) compensated: Vec<usize>,
    /// The last step that was done, with its status.
    pub(super) last: Option<(usize, SagaStatus)>,
}

impl Tally {
    pub(super) fn of(sagas: &[Vec<Recorded>]) -> Self {
        let steps = steps(sagas);
        let mut of_step: Vec<OfStep> = steps.iter().map(|_| OfStep::default()).collect();
        let mut earlier = vec![vec![0; steps.len()]; steps.len()];
        let number = |step: &Step| steps.binary_search(step).ok();
        let mut traces = Vec::with_capacity(sagas.len());
        for saga in sagas {
            let mut trace = Trace::default();
            for event in saga {
                let Some(step) = number(&event.step) else { continue };
                trace.add(step, event);
                if !trace.first.contains_key(&step) {
                    continue;
                }
                *of_step[step].statuses.entry(event.status).or_default() += 1;
                if let Some(service) = &event.service {
                    *of_step[step].services.entry(service.clone()).or_default() += 1;
                }
            }
            for (one, at) in &trace.first {
                of_step[*one].sagas += 1;
                for (other, _) in trace.first.iter().filter(|(_, other_at)| at < *other_at) {
                    earlier[*one][*other] += 1;
                }
            }
            traces.push(trace);
        }
        Self {
            steps,
            of_step,
            sagas: traces,
            earlier,
        }
    }

    /// How many sagas have both steps at different times, and the share of them in which the first one comes first.
    pub(super) fn order(&self, one: usize, other: usize) -> (usize, f64) {
        let (before, after) = (self.earlier[one][other], self.earlier[other][one]);
        (before + after, share(before, before + after))
    }
}

impl Trace {
    fn add(&mut self, step: usize, event: &Recorded) {
        if !self.first.contains_key(&step) && self.first.len() >= STEPS_OF_A_SAGA {
            return;
        }
        self.first.entry(step).or_insert(event.recorded_at);
        match event.status {
            SagaStatus::Failed => self.failed.push(step),
            SagaStatus::Compensated => self.compensated.push(step),
            SagaStatus::Started | SagaStatus::InProgress | SagaStatus::Completed => {
                self.done.entry(step).or_insert(event.recorded_at);
                self.last = Some((step, event.status));
            }
        }
        // An endless retry loop adds nothing.
        self.failed.truncate(STEPS_OF_A_SAGA);
        self.compensated.truncate(STEPS_OF_A_SAGA);
    }
}

/// The steps that most sagas have, sorted. A saga that records a step again and again has it once.
fn steps(sagas: &[Vec<Recorded>]) -> Vec<Step> {
    let mut counts: BTreeMap<&Step, usize> = BTreeMap::new();
    for saga in sagas {
        let steps = saga.iter().map(|event| &event.step);
        let steps: BTreeSet<&Step> = steps.filter(|step| !step.is_manual_override()).collect();
        for step in steps {
            *counts.entry(step).or_default() += 1;
        }
    }
    let mut counts: Vec<(&Step, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.truncate(MAX_STEPS);
    let mut steps: Vec<Step> = counts.into_iter().map(|(step, _)| step.clone()).collect();
    steps.sort();
    steps
}
