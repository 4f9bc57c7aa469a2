//! Groups of failures as REST shows them: with how each developed, and nothing in them that is hidden.

use std::collections::BTreeMap;

use saga_collector::redaction::Redaction;
use saga_normal::{
    counts::Share,
    trend::{Occurrences, Trend, trends},
};
use saga_store::{FailureGroups, FailureTotals};
use saga_types::{Timestamp, fold::parts_of_failure_group, keys};

/// The failures of a period.
pub(crate) struct Failures {
    /// The groups, those with the most sagas first.
    pub(crate) groups: Vec<Group>,
    pub(crate) now: FailureTotals,
    pub(crate) before: FailureTotals,
    pub(crate) is_exact: bool,
}

/// Sagas that failed at one step for one reason, or, where reasons are hidden, at one step.
#[derive(Clone)]
pub(crate) struct Group {
    /// As lists are filtered by it; none where reasons are hidden.
    pub(crate) name: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) now: u64,
    pub(crate) before: u64,
    /// The parts of the period.
    pub(crate) parts: Vec<u64>,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) trend: Trend,
}

impl Failures {
    /// Of a period that begins then.
    pub(crate) fn of(found: FailureGroups, from: Timestamp, redaction: &Redaction) -> Self {
        let is_hidden = redaction.hides(keys::FAILURE_REASON);
        let groups = found.groups.into_iter().map(|group| {
            let (step, reason) = parts_of_failure_group(&group.name);
            Group {
                step: step.map(str::to_owned),
                reason: reason.filter(|_| !is_hidden).map(str::to_owned),
                name: (!is_hidden).then(|| group.name.clone()),
                now: group.now,
                before: group.before,
                parts: group.parts,
                first_seen: group.first_seen,
                last_seen: group.last_seen,
                trend: Trend::Steady,
            }
        });
        let mut groups: Vec<Group> = if is_hidden {
            united(groups)
        } else {
            groups.collect()
        };
        let occurrences: Vec<Occurrences> = groups
            .iter()
            .map(|group| Occurrences {
                now: share(group.now, found.now),
                before: share(group.before, found.before),
                is_known: group.first_seen < from,
            })
            .collect();
        for (group, trend) in groups.iter_mut().zip(trends(&occurrences)) {
            group.trend = trend;
        }
        Self {
            groups,
            now: found.now,
            before: found.before,
            is_exact: found.is_exact,
        }
    }
}

/// A saga more may have failed since all were counted.
fn share(of: u64, outcomes: FailureTotals) -> Share {
    Share {
        of,
        all: outcomes.started.max(of),
    }
}

/// One group for each step.
fn united(groups: impl Iterator<Item = Group>) -> Vec<Group> {
    let mut steps: BTreeMap<Option<String>, Group> = BTreeMap::new();
    for group in groups {
        match steps.get_mut(&group.step) {
            None => {
                steps.insert(group.step.clone(), group);
            }
            Some(united) => {
                united.now += group.now;
                united.before += group.before;
                for (part, more) in united.parts.iter_mut().zip(group.parts) {
                    *part += more;
                }
                united.first_seen = united.first_seen.min(group.first_seen);
                united.last_seen = united.last_seen.max(group.last_seen);
            }
        }
    }
    let mut groups: Vec<Group> = steps.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse((group.now, group.before)));
    groups
}
