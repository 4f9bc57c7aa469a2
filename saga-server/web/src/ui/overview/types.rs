//! Types of sagas side by side: how many, how many failed, how long they take.

use std::collections::BTreeMap;

use saga_types::{SagaStatus, SagaType, Timestamp};

use crate::ui::{humanize, period::Period, search::encoded};
use saga_store::Statistics;

pub(super) struct TypeRow {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) flow_path: String,
    pub(super) sagas: String,
    pub(super) in_flight: String,
    pub(super) failed: String,
    pub(super) failed_share: String,
    /// The 50th, 95th and 99th percentile of how long they took.
    pub(super) took: [String; 3],
}

impl TypeRow {
    /// The most frequent first.
    pub(super) fn of(
        by_type: &BTreeMap<SagaType, Statistics>,
        period: Period,
        since: Timestamp,
    ) -> Vec<Self> {
        let mut types: Vec<_> = by_type.iter().collect();
        types.sort_by_key(|(_, statistics)| std::cmp::Reverse(statistics.total));
        let row = |(saga_type, statistics): (&SagaType, &Statistics)| {
            let count = |status| statistics.by_status.get(&status).copied().unwrap_or_default();
            let failed = count(SagaStatus::Failed) + count(SagaStatus::Compensated);
            let share = humanize::precise_count(failed) / humanize::precise_count(statistics.total.max(1));
            let name = encoded(saga_type.as_str());
            let took = statistics.percentile_seconds;
            Self {
                name: saga_type.to_string(),
                path: format!("/sagas?sagaType={name}&fromDate={}", encoded(&since.to_string())),
                flow_path: format!("/flow?type={name}&period={}", period.name()),
                sagas: humanize::number(statistics.total),
                in_flight: humanize::number(count(SagaStatus::Started) + count(SagaStatus::InProgress)),
                failed: humanize::number(failed),
                failed_share: humanize::percent(share),
                took: took.map_or_else(
                    || std::array::from_fn(|_| "–".to_owned()),
                    |took| took.map(humanize::seconds),
                ),
            }
        };
        types.into_iter().map(row).collect()
    }
}
