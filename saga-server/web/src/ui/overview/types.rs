//! Types of sagas side by side, in a period and in the one before: how many, how many failed, how long they take.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_types::{SagaStatus, SagaType, Timestamp};

use crate::ui::{humanize, period::Period, search::encoded};
use saga_store::{Outcomes, Statistics};

pub(super) struct TypeRow {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) flow_path: String,
    pub(super) sagas: String,
    pub(super) in_progress: String,
    pub(super) failed: String,
    pub(super) failed_share: Compared,
    /// Percentiles of the duration, each with its name.
    pub(super) durations: [(&'static str, Compared); 3],
}

/// A figure beside that of the period before.
pub(super) struct Compared {
    pub(super) now: String,
    /// Absent when there was none.
    pub(super) before: Option<String>,
    pub(super) change: Change,
}

/// Whether a figure differs by more than chance and noise explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Higher,
    Lower,
    Unclear,
}

impl Change {
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Higher => "▲",
            Self::Lower => "▼",
            Self::Unclear => "",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Higher => "higher than before",
            Self::Lower => "lower than before",
            Self::Unclear => "",
        }
    }

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Higher => "bad",
            Self::Lower => "good",
            Self::Unclear => "quiet",
        }
    }

    /// Of two shares: by more than three standard errors of their difference, so that of the many that a page shows hardly
    /// one is marked by chance.
    fn of_shares((part, whole): (u64, u64), (part_before, whole_before): (u64, u64)) -> Self {
        if whole == 0 || whole_before == 0 {
            return Self::Unclear;
        }
        let count = humanize::precise_count;
        let (share, before) = (
            count(part) / count(whole),
            count(part_before) / count(whole_before),
        );
        let pooled = count(part + part_before) / count(whole + whole_before);
        let error = (pooled * (1.0 - pooled) * (1.0 / count(whole) + 1.0 / count(whole_before))).sqrt();
        Self::beyond(share - before, 3.0 * error)
    }

    /// Of two percentiles: by half, on at least [`Change::ENOUGH`] durations each. Percentiles are accurate to 5 %.
    fn of_durations((now, durations): (f64, u64), (before, durations_before): (f64, u64)) -> Self {
        match durations.min(durations_before) {
            ..Self::ENOUGH => Self::Unclear,
            _ if now > before => Self::beyond(now, before * 1.5),
            _ => Self::beyond(-before, now * 1.5),
        }
    }

    const ENOUGH: u64 = 100;

    fn beyond(difference: f64, limit: f64) -> Self {
        match difference.abs() > limit {
            true if difference > 0.0 => Self::Higher,
            true => Self::Lower,
            false => Self::Unclear,
        }
    }
}

fn count(statistics: &Statistics, status: SagaStatus) -> u64 {
    statistics.by_status.get(&status).copied().unwrap_or_default()
}

/// Those that failed, compensated or not, of all.
fn failed(statistics: &Statistics) -> (u64, u64) {
    let outcomes = Outcomes::of(&statistics.by_status);
    (outcomes.failed, outcomes.total)
}

fn percent((part, whole): (u64, u64)) -> String {
    humanize::percent(humanize::precise_count(part) / humanize::precise_count(whole.max(1)))
}

fn share(now: &Statistics, before: Option<&Statistics>) -> Compared {
    let now = failed(now);
    let before = before.map(failed);
    Compared {
        now: percent(now),
        before: before.map(percent),
        change: before.map_or(Change::Unclear, |before| Change::of_shares(now, before)),
    }
}

fn duration(place: usize, now: &Statistics, before: Option<&Statistics>) -> Compared {
    let percentile = |statistics: &Statistics| {
        let seconds = statistics.percentile_seconds?[place];
        Some((seconds, count(statistics, SagaStatus::Completed)))
    };
    let (now, before) = (percentile(now), before.and_then(percentile));
    let change = now
        .zip(before)
        .map(|(now, before)| Change::of_durations(now, before));
    let words = |(seconds, _)| humanize::seconds(seconds);
    Compared {
        now: now.map_or_else(|| "–".to_owned(), words),
        before: before.map(words),
        change: change.unwrap_or(Change::Unclear),
    }
}

impl TypeRow {
    /// The most types of a page: a service that makes up names must not make it too large to be read.
    pub(super) const MOST: usize = 50;

    /// The most frequent first.
    pub(super) fn of(
        by_type: &BTreeMap<SagaType, Statistics>,
        by_type_before: &BTreeMap<SagaType, Statistics>,
        period: Period,
        since: Timestamp,
    ) -> Vec<Self> {
        let mut types: Vec<_> = by_type.iter().collect();
        types.sort_by_key(|(_, statistics)| Reverse(statistics.total));
        let row = |(saga_type, now): (&SagaType, &Statistics)| {
            let before = by_type_before.get(saga_type);
            let name = encoded(saga_type.as_str());
            let durations = [("p50", 0), ("p95", 1), ("p99", 2)];
            Self {
                name: saga_type.to_string(),
                path: format!("/sagas?sagaType={name}&fromDate={}", encoded(&since.to_string())),
                flow_path: format!("/flow?type={name}&period={}", period.name()),
                sagas: humanize::number(now.total),
                in_progress: humanize::number(Outcomes::of(&now.by_status).in_progress),
                failed: humanize::number(failed(now).0),
                failed_share: share(now, before),
                durations: durations.map(|(name, place)| (name, duration(place, now, before))),
            }
        };
        types.into_iter().take(Self::MOST).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_types_are_shown_and_not_thousands() {
        let of = |number: u64| {
            let statistics = Statistics {
                total: number,
                ..Statistics::default()
            };
            (SagaType::new(format!("TYPE_{number}")).unwrap(), statistics)
        };
        let by_type = (0..4_000).map(of).collect();
        let since = Timestamp::now();
        let rows = TypeRow::of(&by_type, &BTreeMap::new(), Period::Day, since);
        assert_eq!((rows.len(), rows[0].name.as_str()), (TypeRow::MOST, "TYPE_3999"));
    }

    #[test]
    fn a_share_has_changed_when_chance_does_not_explain_it() {
        assert_eq!(Change::of_shares((84, 1_000), (40, 1_000)), Change::Higher);
        assert_eq!(Change::of_shares((40, 1_000), (84, 1_000)), Change::Lower);
        assert_eq!(Change::of_shares((5, 60), (2, 50)), Change::Unclear);
        assert_eq!(Change::of_shares((5, 60), (0, 0)), Change::Unclear);
        assert_eq!(Change::of_shares((0, 60), (0, 60)), Change::Unclear);
    }

    #[test]
    fn a_percentile_has_changed_when_it_is_half_as_much_again() {
        assert_eq!(Change::of_durations((4.2, 500), (0.9, 500)), Change::Higher);
        assert_eq!(Change::of_durations((0.9, 500), (4.2, 500)), Change::Lower);
        assert_eq!(Change::of_durations((1.2, 500), (1.0, 500)), Change::Unclear);
        assert_eq!(Change::of_durations((4.2, 500), (0.9, 99)), Change::Unclear);
    }
}
