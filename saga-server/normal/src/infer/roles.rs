//! Which steps lead to success, fail or compensate, and which are of other types.

use saga_types::SagaStatus;

use super::{
    most_frequent, share,
    tally::{Tally, Trace},
};

/// A step that fewer sagas have is of another type, or too rare to be distinguished from one.
const RARE: f64 = 0.005;

/// A step that fewer sagas end with does not complete them: the last event of some is missing.
const ENDS: f64 = 0.05;

/// Steps that come before or after another one in nearly all sagas that have both.
const DECIDED: f64 = 0.9;

/// What each step is.
pub(super) struct Roles {
    /// To success.
    pub(super) forward: Vec<usize>,
    /// Recorded as FAILED.
    pub(super) failing: Vec<usize>,
    /// Recorded as COMPENSATED.
    pub(super) compensating: Vec<usize>,
    /// Too rare, or at no place of its own.
    pub(super) foreign: Vec<usize>,
    /// Those of `forward` that a saga starts with.
    pub(super) starts: Vec<usize>,
    /// Those of `forward` whose COMPLETED event completes a saga.
    pub(super) completes: Vec<usize>,
}

impl Roles {
    pub(super) fn of(tally: &Tally) -> Self {
        let mut roles = Self {
            forward: Vec::new(),
            failing: Vec::new(),
            compensating: Vec::new(),
            foreign: Vec::new(),
            starts: Vec::new(),
            completes: Vec::new(),
        };
        let common = middle(tally);
        for step in 0..tally.steps.len() {
            let of_step = &tally.of_step[step];
            let status = most_frequent(&of_step.statuses).map(|(status, _)| status);
            let is_rare = share(of_step.sagas, tally.sagas.len()) < RARE;
            let group = match status {
                _ if is_rare || !has_a_place(tally, step, &common) => &mut roles.foreign,
                Some(SagaStatus::Failed) => &mut roles.failing,
                Some(SagaStatus::Compensated) => &mut roles.compensating,
                _ => &mut roles.forward,
            };
            group.push(step);
        }
        roles.starts = roles.ends(tally, |trace| {
            let first = trace.first.iter().min_by_key(|(_, at)| **at);
            first.map(|(step, _)| *step)
        });
        let is_calm = |trace: &Trace| {
            let is_known = |step: &usize| !roles.foreign.contains(step);
            !trace.failed.iter().any(is_known) && !trace.compensated.iter().any(is_known)
        };
        roles.completes = roles.ends(tally, |trace| {
            let last = trace.last.filter(|(_, status)| *status == SagaStatus::Completed);
            last.map(|(step, _)| step).filter(|_| is_calm(trace))
        });
        roles
    }

    /// Sagas that ended without a failure: with the last step of the path done, and nothing failed or compensated.
    pub(super) fn successes<'a>(&self, tally: &'a Tally) -> Vec<&'a Trace> {
        let has_ended = |trace: &&Trace| {
            let last = trace.last.filter(|(_, status)| *status == SagaStatus::Completed);
            let is_calm = |steps: &[usize]| steps.iter().all(|step| self.foreign.contains(step));
            last.is_some_and(|(step, _)| self.completes.contains(&step))
                && is_calm(&trace.failed)
                && is_calm(&trace.compensated)
        };
        tally.sagas.iter().filter(has_ended).collect()
    }

    /// Forward steps at which enough of the sagas start, or end.
    fn ends(&self, tally: &Tally, end: impl Fn(&Trace) -> Option<usize>) -> Vec<usize> {
        let mut counts = vec![0; tally.steps.len()];
        for step in tally
            .sagas
            .iter()
            .filter_map(end)
            .filter(|step| self.forward.contains(step))
        {
            counts[step] += 1;
        }
        let all: usize = counts.iter().sum();
        // Of sagas under way the last event is no end: others go on behind it.
        let is_enough = |step: &usize| {
            all > 0
                && share(counts[*step], all) >= ENDS
                && share(counts[*step], tally.of_step[*step].sagas) >= 0.5
        };
        self.forward.iter().copied().filter(is_enough).collect()
    }
}

/// The common steps but for the first and the last of them, between which steps of other types come, too.
fn middle(tally: &Tally) -> Vec<usize> {
    let is_common = |step: &usize| share(tally.of_step[*step].sagas, tally.sagas.len()) >= 0.5;
    let common: Vec<usize> = (0..tally.steps.len()).filter(is_common).collect();
    let precedes = |one: usize| {
        let others = common
            .iter()
            .filter(|other| tally.order(one, **other).1 >= DECIDED);
        others.count()
    };
    let first = common.iter().copied().max_by_key(|step| precedes(*step));
    let last = common.iter().copied().min_by_key(|step| precedes(*step));
    let is_end = |step: usize| Some(step) == first || Some(step) == last;
    common.iter().copied().filter(|step| !is_end(*step)).collect()
}

/// Whether the step comes before or after most of the common steps in nearly all sagas. One of another type comes anywhere; one that
/// goes on beside others still comes at its place among the rest.
fn has_a_place(tally: &Tally, step: usize, common: &[usize]) -> bool {
    let orders = common
        .iter()
        .filter(|other| **other != step)
        .map(|other| tally.order(step, *other));
    let orders: Vec<f64> = orders
        .filter(|(both, _)| *both > 0)
        .map(|(_, share)| share)
        .collect();
    let decided = orders
        .iter()
        .filter(|share| **share >= DECIDED || **share <= 1.0 - DECIDED)
        .count();
    orders.is_empty() || share(decided, orders.len()) >= 0.5
}
