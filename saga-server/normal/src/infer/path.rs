//! What comes before what, choices and optional steps.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    NEARLY_ALL,
    roles::Roles,
    share,
    tally::{Tally, Trace},
};

/// Alternatives are recorded by the same saga in at most such a share of those that have either.
const BOTH: f64 = 0.05;

/// An alternative is taken by at least such a share.
const EITHER: f64 = 0.01;

/// Alternatives come behind a third step in shares of the sagas that differ by less.
const SAME_ORDER: f64 = 0.2;

/// So many sagas that have two steps say something of their order.
const FEW: usize = 10;

/// The path to success.
pub(super) struct Path {
    /// The steps, each behind all that come before it.
    pub(super) steps: Vec<PathStep>,
    /// Of each two steps, by their places: whether the first comes before the second.
    before: Vec<Vec<bool>>,
}

/// A step of the path.
pub(super) struct PathStep {
    /// In the tally.
    pub(super) step: usize,
    /// What comes at once before it, by its place.
    pub(super) after: Vec<usize>,
    /// The share of sagas without failure that have it, or, of an alternative, any of them.
    pub(super) share: f64,
    pub(super) is_optional: bool,
    /// The place of the first alternative.
    pub(super) choice: Option<usize>,
    /// The least share of sagas in which the order to a neighbour is as said.
    pub(super) order: f64,
}

impl Path {
    pub(super) fn of(tally: &Tally, roles: &Roles, successes: &[&Trace]) -> Self {
        let having = |step: usize| {
            successes
                .iter()
                .filter(|trace| trace.done.contains_key(&step))
                .count()
        };
        // A forward step that no saga without failure has leads nowhere.
        let steps = roles.forward.iter().copied().filter(|step| having(*step) > 0);
        let mut steps: Vec<usize> = steps.collect();
        let is_before = |one: usize, other: usize| {
            let (both, share) = tally.order(one, other);
            both > 0 && share >= NEARLY_ALL
        };
        sort(&mut steps, is_before);
        let together = done_together(&steps, successes);
        let groups = choices(tally, &steps, &together, successes);
        // Alternatives come where the first of them does.
        let mut before = vec![vec![false; steps.len()]; steps.len()];
        for (one, of_one) in before.iter_mut().enumerate() {
            for (other, is) in of_one.iter_mut().enumerate().skip(one + 1) {
                *is = is_before(steps[one], steps[other]);
            }
        }
        close(&mut before);
        let mut path = Self {
            steps: Vec::new(),
            before,
        };
        for (place, step) in steps.iter().enumerate() {
            let group = groups.iter().find(|group| group.contains(&place));
            let has_any = |trace: &&&Trace| match group {
                Some(group) => group.iter().any(|place| trace.done.contains_key(&steps[*place])),
                None => trace.done.contains_key(step),
            };
            let share = share(successes.iter().filter(has_any).count(), successes.len());
            let after = path.direct(place);
            let order = after
                .iter()
                .map(|earlier| tally.order(steps[*earlier], *step).1)
                .fold(1.0, f64::min);
            path.steps.push(PathStep {
                step: *step,
                after,
                share,
                is_optional: share < NEARLY_ALL,
                choice: group.and_then(|group| group.first().copied()),
                order,
            });
        }
        path
    }

    /// What comes before a place with nothing between.
    fn direct(&self, place: usize) -> Vec<usize> {
        let is_between = |one: usize| {
            (one + 1..place).any(|middle| self.before[one][middle] && self.before[middle][place])
        };
        (0..place)
            .filter(|one| self.before[*one][place] && !is_between(*one))
            .collect()
    }

    /// The step at a place comes before the step at another one.
    pub(super) fn precedes(&self, one: usize, other: usize) -> bool {
        self.before[one][other]
    }

    pub(super) fn place_of(&self, step: usize) -> Option<usize> {
        self.steps.iter().position(|path_step| path_step.step == step)
    }
}

/// So that nothing comes before what precedes it; steps of which neither precedes stay in the order of how much precedes them.
fn sort(steps: &mut Vec<usize>, is_before: impl Fn(usize, usize) -> bool) {
    let mut left = std::mem::take(steps);
    while !left.is_empty() {
        // Late events may make a circle; the step that fewest come before breaks it.
        let earlier = |step: usize| {
            left.iter()
                .filter(|other| **other != step && is_before(**other, step))
                .count()
        };
        let Some(place) = (0..left.len()).min_by_key(|place| earlier(left[*place])) else {
            return;
        };
        steps.push(left.remove(place));
    }
}

/// How many sagas without failure did each two steps, by their places; on the diagonal each step.
///
/// Counted saga by saga: each has few steps, and a type may have many.
fn done_together(steps: &[usize], successes: &[&Trace]) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; steps.len()]; steps.len()];
    let places: BTreeMap<usize, usize> = steps.iter().copied().zip(0..).collect();
    for trace in successes {
        let done: Vec<usize> = trace
            .done
            .keys()
            .filter_map(|step| places.get(step).copied())
            .collect();
        for one in &done {
            for other in &done {
                counts[*one][*other] += 1;
            }
        }
    }
    counts
}

/// Groups of alternatives, by their places: hardly any saga has two of them, and they come behind and before the same steps.
fn choices(tally: &Tally, steps: &[usize], together: &[Vec<usize>], successes: &[&Trace]) -> Vec<Vec<usize>> {
    let is_alternative = |one: usize, other: usize| {
        let least = together[one][one].min(together[other][other]);
        let is_taken = share(least, successes.len()) >= EITHER;
        is_taken && share(together[one][other], least) <= BOTH
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut grouped = BTreeSet::new();
    for one in 0..steps.len() {
        if grouped.contains(&one) {
            continue;
        }
        let mut group = vec![one];
        for other in one + 1..steps.len() {
            let fits = !grouped.contains(&other) && group.iter().all(|member| is_alternative(*member, other));
            if fits && has_same_neighbours(tally, steps, one, other) {
                group.push(other);
            }
        }
        if group.len() > 1 && is_settled(&group, steps, successes) {
            grouped.extend(group.iter().copied());
            groups.push(group);
        }
    }
    groups
}

/// Two steps behind which, and before which, the same others come.
fn has_same_neighbours(tally: &Tally, steps: &[usize], one: usize, other: usize) -> bool {
    let mut others = (0..steps.len()).filter(|place| *place != one && *place != other);
    others.all(|place| {
        let of_one = tally.order(steps[place], steps[one]);
        let of_other = tally.order(steps[place], steps[other]);
        // Where either meets the third step hardly ever, it says nothing.
        of_one.0.min(of_other.0) < FEW || (of_one.1 - of_other.1).abs() < SAME_ORDER
    })
}

/// Nearly every saga takes one of them; steps that few sagas take are optional, whether or not they meet.
fn is_settled(group: &[usize], steps: &[usize], successes: &[&Trace]) -> bool {
    let takes = |trace: &&&Trace| group.iter().any(|place| trace.done.contains_key(&steps[*place]));
    share(successes.iter().filter(takes).count(), successes.len()) >= NEARLY_ALL
}

/// The transitive closure.
fn close(before: &mut [Vec<bool>]) {
    for middle in 0..before.len() {
        let (above, below) = before.split_at_mut(middle);
        let after_middle = &below[0];
        for row in above.iter_mut().filter(|row| row[middle]) {
            for (known, further) in row.iter_mut().zip(after_middle).skip(middle + 1) {
                *known |= further;
            }
        }
    }
}
