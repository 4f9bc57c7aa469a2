//! The expected path: the forward steps as a graph, and how far a saga is on it.
//!
//! What follows from the definition alone (what precedes what) is computed once, when it is loaded; what
//! follows from a saga is a few operations on sets of bits.

use std::collections::HashMap;

use super::{
    bits::BitSet,
    forward::{ForwardStep, Predecessor},
};
use crate::Step;

/// The forward steps of a definition as a graph without cycles. Steps are numbered as in
/// [`forward`](super::SagaDefinition::forward).
///
/// ```
/// use saga_types::{Step, definition::SagaDefinition};
///
/// let definition = SagaDefinition::from_yaml("
/// sagaType: SHIPMENT
/// startsWith: [PACKED]
/// forward:
///   - { step: PACKED }
///   - { step: LABELLED, after: [PACKED] }
///   - { step: INSURED, after: [PACKED] }
///   - { step: SENT, after: [LABELLED, INSURED] }
/// completesWith: [SENT]
/// ")?;
/// let path = definition.path();
/// assert!(path.precedes(0, 3) && !path.precedes(1, 2));
/// assert_eq!((path.level(1), path.level(2), path.level(3)), (1, 1, 2));
///
/// let done = [Step::new("PACKED")?, Step::new("INSURED")?];
/// let progress = path.progress(&done);
/// assert!(progress.is_awaited(1));
/// assert!(!progress.is_awaited(3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedPath {
    index: HashMap<Step, usize>,
    /// Of each step: those named by its `after`, in ascending order.
    direct: Vec<Vec<usize>>,
    /// Of each step: all that precede it.
    before: Vec<BitSet>,
    /// Of each step: all that it precedes.
    after: Vec<BitSet>,
    level: Vec<usize>,
    optional: BitSet,
    /// Of each choice: its members.
    choices: Vec<BitSet>,
    /// Of each step: which of the choices it is a member of.
    choice: Vec<Option<usize>>,
}

/// Steps each of which comes before the next one, and the last before the first.
pub(super) struct Cycle(pub(super) Vec<usize>);

impl ExpectedPath {
    pub(super) fn new(forward: &[ForwardStep]) -> Result<Self, Cycle> {
        let count = forward.len();
        let (choices, choice) = choices(forward);
        let mut index = HashMap::with_capacity(count);
        for (number, entry) in forward.iter().enumerate() {
            index.entry(entry.step.clone()).or_insert(number);
        }
        let mut path = Self {
            direct: direct_predecessors(forward, &index),
            index,
            before: vec![BitSet::new(count); count],
            after: vec![BitSet::new(count); count],
            level: vec![0; count],
            optional: BitSet::new(count),
            choices,
            choice,
        };
        for (number, _) in forward.iter().enumerate().filter(|(_, entry)| entry.optional) {
            path.optional.insert(number);
        }
        path.close()?;
        Ok(path)
    }

    /// Computes the transitive closure, in an order in which no step comes before one that precedes it.
    fn close(&mut self) -> Result<(), Cycle> {
        for number in topological_order(&self.direct)? {
            for earlier in self.direct[number].clone() {
                let before = self.before[earlier].clone();
                self.before[number].insert_all(&before);
                self.before[number].insert(earlier);
                self.level[number] = self.level[number].max(self.level[earlier] + 1);
            }
            for earlier in self.before[number].iter() {
                self.after[earlier].insert(number);
            }
        }
        Ok(())
    }

    /// How many forward steps there are.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.direct.len()
    }

    /// The number of a forward step; none for any other step.
    #[must_use]
    pub fn number_of(&self, step: &Step) -> Option<usize> {
        self.index.get(step).copied()
    }

    /// The steps that the `after` of a step names, in ascending order: of a choice all members, of a step without `after`
    /// those that it follows by its place in the list.
    ///
    /// # Panics
    ///
    /// When there is no forward step of this number; so do all that take a number.
    #[must_use]
    pub fn predecessors(&self, number: usize) -> &[usize] {
        &self.direct[number]
    }

    /// Whether a step comes before another one, at once or with others between them.
    #[must_use]
    pub fn precedes(&self, earlier: usize, later: usize) -> bool {
        self.after[earlier].contains(later)
    }

    /// How many steps the longest way to this one has; 0 for a step that nothing precedes. Steps of one level can be drawn
    /// beside each other.
    #[must_use]
    pub fn level(&self, number: usize) -> usize {
        self.level[number]
    }

    /// Whether the steps follow each other in the order of the list, one by one.
    #[must_use]
    pub fn is_straight_line(&self) -> bool {
        self.choices.is_empty()
            && self
                .direct
                .iter()
                .enumerate()
                .all(|(number, before)| match number.checked_sub(1) {
                    Some(previous) => *before == [previous],
                    None => before.is_empty(),
                })
    }

    /// The members of the choice that a step is a member of, itself among them; empty for any other step.
    pub fn alternatives(&self, number: usize) -> impl Iterator<Item = usize> {
        let members = self.choice[number].map(|choice| &self.choices[choice]);
        members.into_iter().flat_map(BitSet::iter)
    }

    /// How far a saga is whose steps were done as given; other steps and repetitions do not count.
    pub fn progress<'s>(&self, done: impl IntoIterator<Item = &'s Step>) -> Progress<'_> {
        let mut done_steps = BitSet::new(self.step_count());
        for number in done.into_iter().filter_map(|step| self.number_of(step)) {
            done_steps.insert(number);
        }
        Progress::of(self, done_steps)
    }
}

/// How far a saga is on its [`ExpectedPath`].
#[derive(Debug, Clone)]
pub struct Progress<'a> {
    path: &'a ExpectedPath,
    done: BitSet,
    settled: BitSet,
}

impl<'a> Progress<'a> {
    fn of(path: &'a ExpectedPath, done: BitSet) -> Self {
        let mut settled = done.clone();
        settled.insert_all(&path.optional);
        for members in path.choices.iter().filter(|members| members.intersects(&done)) {
            settled.insert_all(members);
        }
        for number in (0..path.step_count()).filter(|number| path.after[*number].intersects(&done)) {
            settled.insert(number);
        }
        Self { path, done, settled }
    }

    /// Whether the step was done.
    #[must_use]
    pub fn is_done(&self, number: usize) -> bool {
        self.done.contains(number)
    }

    /// Whether the step was not done, and one that it precedes was: it was left out.
    #[must_use]
    pub fn is_passed(&self, number: usize) -> bool {
        !self.is_done(number) && self.path.after[number].intersects(&self.done)
    }

    /// Whether nothing waits for the step any more: it was done or passed, is optional, or an alternative of it was done.
    #[must_use]
    pub fn is_settled(&self, number: usize) -> bool {
        self.settled.contains(number)
    }

    /// Whether the step comes next: it is not settled, and all that precede it are.
    #[must_use]
    pub fn is_awaited(&self, number: usize) -> bool {
        !self.is_settled(number) && self.path.before[number].is_subset(&self.settled)
    }

    /// The steps that come next, in the order of the list. More than one where the path forks or has a choice.
    pub fn awaited(&self) -> impl Iterator<Item = usize> {
        (0..self.path.step_count()).filter(|number| self.is_awaited(*number))
    }

    /// The steps that were done before this one, without those that have another one between.
    pub fn nearest_done(&self, number: usize) -> impl Iterator<Item = usize> + use<'a> {
        let done_before = self.path.before[number].intersection(&self.done);
        let path = self.path;
        let nearest: Vec<usize> = done_before
            .iter()
            .filter(|earlier| !path.after[*earlier].intersects(&done_before))
            .collect();
        nearest.into_iter()
    }
}

/// The members of each choice, and the choice of each step.
fn choices(forward: &[ForwardStep]) -> (Vec<BitSet>, Vec<Option<usize>>) {
    let mut members = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut of_steps = vec![None; forward.len()];
    for (number, entry) in forward.iter().enumerate() {
        let Some(name) = entry.choice.as_deref() else {
            continue;
        };
        let choice = *numbers.entry(name).or_insert(members.len());
        if choice == members.len() {
            members.push(BitSet::new(forward.len()));
        }
        members[choice].insert(number);
        of_steps[number] = Some(choice);
    }
    (members, of_steps)
}

fn direct_predecessors(forward: &[ForwardStep], index: &HashMap<Step, usize>) -> Vec<Vec<usize>> {
    let members = |choice: &str| {
        let entries = forward.iter().enumerate();
        let members = entries.filter(|(_, entry)| entry.choice.as_deref() == Some(choice));
        members.map(|(number, _)| number).collect::<Vec<_>>()
    };
    let numbers = |predecessor: &Predecessor| match predecessor {
        Predecessor::Step(step) => index.get(step).copied().into_iter().collect(),
        Predecessor::Choice(choice) => members(choice),
    };
    forward
        .iter()
        .map(|entry| {
            let mut before: Vec<usize> = entry.after.iter().flat_map(numbers).collect();
            before.sort_unstable();
            before.dedup();
            before
        })
        .collect()
}

/// Every step after all that come before it.
fn topological_order(direct: &[Vec<usize>]) -> Result<Vec<usize>, Cycle> {
    let mut followers = vec![Vec::new(); direct.len()];
    let mut missing: Vec<usize> = direct.iter().map(Vec::len).collect();
    for (number, before) in direct.iter().enumerate() {
        for earlier in before {
            followers[*earlier].push(number);
        }
    }
    let mut order: Vec<usize> = (0..direct.len()).filter(|number| missing[*number] == 0).collect();
    let mut next = 0;
    while let Some(number) = order.get(next).copied() {
        next += 1;
        for follower in &followers[number] {
            missing[*follower] -= 1;
            if missing[*follower] == 0 {
                order.push(*follower);
            }
        }
    }
    match missing.iter().position(|missing| *missing > 0) {
        None => Ok(order),
        Some(start) => Err(Cycle(cycle(direct, &missing, start))),
    }
}

/// A cycle among the steps that still miss a predecessor; from any of them, going back along such steps leads into one.
fn cycle(direct: &[Vec<usize>], missing: &[usize], start: usize) -> Vec<usize> {
    let mut way = vec![start];
    loop {
        let back = way
            .last()
            .and_then(|last| direct[*last].iter().find(|earlier| missing[**earlier] > 0));
        let Some(back) = back else { return way };
        if let Some(first) = way.iter().position(|number| number == back) {
            let mut cycle = way.split_off(first);
            cycle.reverse();
            return cycle;
        }
        way.push(*back);
    }
}
