//! What compensates what.

use std::collections::BTreeMap;

use super::{NEARLY_ALL, most_frequent, path::Path, roles::Roles, share, tally::Tally};

/// What undoes a step.
pub(super) struct Compensated {
    /// The place of the step in the path.
    pub(super) place: usize,
    /// Steps of the tally, the most frequent first, each with the share of its sagas in which the step was done.
    pub(super) by: Vec<(usize, f64)>,
}

/// For each compensating step the forward step that was done in nearly all sagas that have it, of the same service if there is
/// one, and of several the one that fewest of the failed sagas had done: the effect is that of the last.
pub(super) fn of(tally: &Tally, roles: &Roles, path: &Path) -> Vec<Compensated> {
    let mut found: BTreeMap<usize, Vec<(usize, f64)>> = BTreeMap::new();
    for step in &roles.compensating {
        if let Some((place, share)) = undone(tally, path, *step) {
            found.entry(place).or_default().push((*step, share));
        }
    }
    let found = found.into_iter().map(|(place, mut by)| {
        by.sort_by_key(|(step, _)| std::cmp::Reverse(tally.of_step[*step].sagas));
        Compensated { place, by }
    });
    found.collect()
}

fn undone(tally: &Tally, path: &Path, step: usize) -> Option<(usize, f64)> {
    let service = |step: usize| most_frequent(&tally.of_step[step].services).map(|(service, _)| service);
    let undoing: Vec<_> = tally
        .sagas
        .iter()
        .filter(|trace| trace.compensated.contains(&step))
        .collect();
    let owner = service(step);
    let candidates = path.steps.iter().enumerate().filter_map(|(place, candidate)| {
        let done = undoing
            .iter()
            .filter(|trace| trace.done.contains_key(&candidate.step))
            .count();
        let share = share(done, undoing.len());
        (share >= NEARLY_ALL).then_some((place, share, candidate.step))
    });
    let candidates: Vec<(usize, f64, usize)> = candidates.collect();
    let of_owner = candidates
        .iter()
        .filter(|(_, _, candidate)| owner.is_some() && service(*candidate) == owner);
    let mut wanted: Vec<&(usize, f64, usize)> = of_owner.collect();
    if wanted.is_empty() {
        wanted = candidates.iter().collect();
    }
    let failed = |candidate: usize| {
        let has_failed =
            |trace: &&super::tally::Trace| !trace.failed.is_empty() || !trace.compensated.is_empty();
        let failed = tally.sagas.iter().filter(has_failed);
        failed.filter(|trace| trace.done.contains_key(&candidate)).count()
    };
    // A late or missing event makes a difference of some; then the later step counts.
    let least = wanted.iter().map(|(_, _, candidate)| failed(*candidate)).min()?;
    let near = wanted
        .iter()
        .filter(|(_, _, candidate)| share(least, failed(*candidate)) >= 0.97);
    near.max_by_key(|(place, ..)| *place)
        .map(|(place, share, _)| (*place, *share))
}
