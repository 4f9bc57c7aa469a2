//! The paths of many sagas, added up.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_types::{SagaId, Step, definition::SagaDefinition};

use super::{
    Flow, FlowQuery, FlowStep, Outcome, StepRow, Transition, TransitionRow, VersionPart,
    path::{self, Visit},
};
use crate::{Sample, StoreError, Times};

/// So many different steps and transitions together are added up. Of sagas that have more, fewer sagas are.
const MOST: usize = 50_000;

/// Adds up sagas as they are read.
pub(crate) struct Gathering<'a> {
    /// The sagas that made this transition are named.
    of: Option<&'a Transition>,
    /// Only what this service recorded is gathered.
    service: Option<&'a str>,
    sagas: u64,
    steps: BTreeMap<Step, StepSums>,
    transitions: BTreeMap<Transition, TransitionSums>,
    named: Vec<SagaId>,
}

#[derive(Default)]
struct StepSums {
    sagas: u64,
    services: BTreeMap<Option<String>, u64>,
    outcomes: BTreeMap<Outcome, u64>,
    /// Its place in each saga.
    places: Vec<usize>,
    retried: u64,
    retries: u64,
    echoes: BTreeMap<Option<String>, u64>,
    last: u64,
    waits_ms: Vec<i64>,
    /// With the waits of each.
    versions: BTreeMap<String, (u64, Vec<i64>)>,
}

#[derive(Default)]
struct TransitionSums {
    sagas: u64,
    outcomes: BTreeMap<Outcome, u64>,
    took_ms: Vec<i64>,
}

impl<'a> Gathering<'a> {
    pub(crate) fn new(of: Option<&'a Transition>) -> Self {
        Self {
            of,
            service: None,
            sagas: 0,
            steps: BTreeMap::new(),
            transitions: BTreeMap::new(),
            named: Vec::new(),
        }
    }

    /// Of the steps that a service recorded first in a saga; of all without one.
    pub(crate) fn of_service(service: Option<&'a str>) -> Self {
        Self {
            service,
            ..Self::new(None)
        }
    }

    /// How many sagas were gathered.
    pub(crate) fn sagas(&self) -> u64 {
        self.sagas
    }

    /// So many sagas of the sample have nothing that is gathered, and are not read.
    pub(crate) fn add_others(&mut self, sagas: u64) {
        self.sagas += sagas;
    }

    /// All that was read of some sagas: it comes saga by saga, each saga's events in their order, the newest saga first.
    pub(crate) fn add(&mut self, events: &[FlowStep]) -> Result<(), StoreError> {
        let mut sagas = events.chunk_by(|before, event| before.saga_id == event.saga_id);
        while let Some(saga) = sagas.next().filter(|_| !self.is_full()) {
            self.add_saga(saga)?;
        }
        Ok(())
    }

    /// Whether there is room for no more: memory would not hold a hundred steps of each of many sagas that no other one has.
    pub(crate) fn is_full(&self) -> bool {
        self.steps.len() + self.transitions.len() > MOST
    }

    fn add_saga(&mut self, events: &[FlowStep]) -> Result<(), StoreError> {
        let visits = path::visits(events)?;
        self.sagas += 1;
        let mut before: Option<&Visit> = None;
        for (place, visit) in visits.iter().enumerate() {
            let transition = Transition {
                from: before.map(|before| before.step.clone()),
                to: visit.step.clone(),
            };
            if self.is_gathered(visit) {
                // An override is recorded when somebody looked.
                let took_ms = before
                    .filter(|_| !visit.step.is_manual_override())
                    .map(|before| visit.at.millis_since(before.at));
                self.step(visit).add(visit, place, took_ms);
                self.name(&transition, events)?;
                let sums = self.transitions.entry(transition).or_default();
                sums.sagas += 1;
                sums.took_ms.extend(took_ms);
                *sums.outcomes.entry(visit.status.into()).or_default() += 1;
            }
            before = Some(visit);
        }
        if let Some(last) = before.filter(|last| self.is_gathered(last)) {
            self.step(last).last += 1;
        }
        Ok(())
    }

    fn is_gathered(&self, visit: &Visit) -> bool {
        self.service
            .is_none_or(|service| visit.service.as_deref() == Some(service))
    }

    fn step(&mut self, visit: &Visit) -> &mut StepSums {
        self.steps.entry(visit.step.clone()).or_default()
    }

    fn name(&mut self, transition: &Transition, events: &[FlowStep]) -> Result<(), StoreError> {
        if self.named.len() < FlowQuery::NAMED && self.of == Some(transition) {
            self.named
                .extend(events.first().map(FlowStep::saga_id).transpose()?);
        }
        Ok(())
    }

    /// Of the sagas that were drawn, by the definition that is in force. As many of all have the service version as of those.
    pub(crate) fn finish(self, drawn: Sample, definition: Option<&SagaDefinition>) -> Flow {
        let sample = drawn.part(self.sagas);
        let mut steps: Vec<_> = self
            .steps
            .into_iter()
            .map(|(step, sums)| sums.finish(step, sample, definition))
            .collect();
        let mut left_out = (steps.len().saturating_sub(FlowQuery::STEPS), 0);
        steps.sort_by_key(|(_, row)| Reverse(row.sagas));
        steps.truncate(FlowQuery::STEPS);
        steps.sort_by_key(|(place, _)| *place);
        let steps: Vec<StepRow> = steps.into_iter().map(|(_, row)| row).collect();
        let is_on_path = |step: &Step| steps.iter().any(|row| row.step == *step && row.is_on_path);
        let mut transitions: Vec<TransitionRow> = self
            .transitions
            .into_iter()
            .map(|(transition, sums)| TransitionRow {
                sagas: sums.sagas,
                outcome: most_frequent(&sums.outcomes).unwrap_or(Outcome::Continues),
                leaves_path: transition.from.as_ref().is_none_or(is_on_path) && !is_on_path(&transition.to),
                times: Times::of(sums.took_ms, sample),
                transition,
            })
            .collect();
        transitions.sort_by_key(|row| Reverse(row.sagas));
        left_out.1 = transitions.len().saturating_sub(FlowQuery::TRANSITIONS);
        transitions.truncate(FlowQuery::TRANSITIONS);
        Flow {
            sample,
            steps,
            transitions,
            left_out,
            named: self.named,
        }
    }
}

impl StepSums {
    fn add(&mut self, visit: &Visit, place: usize, wait_ms: Option<i64>) {
        self.sagas += 1;
        *self.services.entry(visit.service.clone()).or_default() += 1;
        *self.outcomes.entry(visit.status.into()).or_default() += 1;
        self.places.push(place);
        self.retried += u64::from(visit.retries > 0);
        self.retries += visit.retries;
        for echo in &visit.echoes {
            *self.echoes.entry(echo.clone()).or_default() += 1;
        }
        self.waits_ms.extend(wait_ms);
        if let Some(version) = &visit.version {
            let (sagas, waits_ms) = self.versions.entry(version.clone()).or_default();
            *sagas += 1;
            waits_ms.extend(wait_ms);
        }
    }

    /// The row, with what it is ordered by.
    fn finish(
        mut self,
        step: Step,
        sample: Sample,
        definition: Option<&SagaDefinition>,
    ) -> ((usize, usize), StepRow) {
        self.places.sort_unstable();
        let median = self.places.get(self.places.len() / 2).copied().unwrap_or(0);
        let outcome = most_frequent(&self.outcomes).unwrap_or(Outcome::Continues);
        let number = definition.and_then(|definition| definition.path().number_of(&step));
        let is_on_path = match definition {
            Some(_) => number.is_some(),
            None => outcome == Outcome::Continues,
        };
        let order = match number {
            Some(number) => (0, number),
            None => (1, median),
        };
        let mut echoes: Vec<_> = self.echoes.into_iter().collect();
        echoes.sort_by_key(|(_, sagas)| Reverse(*sagas));
        let row = StepRow {
            service: most_frequent(&self.services).flatten(),
            is_on_path,
            outcome,
            sagas: self.sagas,
            retried: self.retried,
            retries: self.retries,
            echoes,
            last: self.last,
            wait: Times::of(self.waits_ms, sample),
            versions: self
                .versions
                .into_iter()
                .map(|(version, (sagas, waits_ms))| (version, VersionPart::of(sagas, waits_ms)))
                .collect(),
            step,
        };
        (order, row)
    }
}

fn most_frequent<T: Clone>(counts: &BTreeMap<T, u64>) -> Option<T> {
    let most = counts.iter().max_by_key(|(_, count)| **count);
    most.map(|(value, _)| value.clone())
}
