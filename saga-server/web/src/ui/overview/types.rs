//! Types of sagas side by side, in a period and in the one before: how many, how many failed, how long they take.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_types::{SagaStatus, SagaType};

use super::list;
use crate::ui::{
    change::{Change, Compared},
    humanize,
    period::Period,
    query::address,
};
use saga_store::Statistics;

pub(super) struct TypeRow {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) flow_path: String,
    pub(super) sagas: String,
    pub(super) in_progress: String,
    pub(super) failed: String,
    pub(super) failed_path: String,
    pub(super) failed_share: Compared,
    /// Percentiles of the duration, each with its name.
    pub(super) durations: [(&'static str, Compared); 3],
}

fn count(statistics: &Statistics, status: SagaStatus) -> u64 {
    statistics.by_status.get(&status).copied().unwrap_or_default()
}

/// Those that failed, compensated or not, of all.
fn failed(statistics: &Statistics) -> (u64, u64) {
    let failed = count(statistics, SagaStatus::Failed) + count(statistics, SagaStatus::Compensated);
    (failed, statistics.total)
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
        period: &Period,
    ) -> Vec<Self> {
        let mut types: Vec<_> = by_type.iter().collect();
        types.sort_by_key(|(_, statistics)| Reverse(statistics.total));
        let row = |(saga_type, now): (&SagaType, &Statistics)| {
            let before = by_type_before.get(saga_type);
            let mut flow = period.parameters();
            flow.push(("type".to_owned(), saga_type.to_string()));
            let durations = [("p50", 0), ("p95", 1), ("p99", 2)];
            Self {
                name: saga_type.to_string(),
                path: list(period, [("sagaType", saga_type.as_str())]),
                flow_path: address("/flow", &flow),
                sagas: humanize::number(now.total),
                in_progress: humanize::number(
                    count(now, SagaStatus::Started) + count(now, SagaStatus::InProgress),
                ),
                failed: humanize::number(failed(now).0),
                failed_path: list(period, [("sagaType", saga_type.as_str()), ("failed", "true")]),
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
    use crate::http::query_string::Length;

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
        let period = Period::last(Length::hours(24), "2026-11-24T14:53:20Z".parse().unwrap());
        let rows = TypeRow::of(&by_type, &BTreeMap::new(), &period);
        assert_eq!((rows.len(), rows[0].name.as_str()), (TypeRow::MOST, "TYPE_3999"));
    }
}
