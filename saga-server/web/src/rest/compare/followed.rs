//! Which sagas are compared: those that had the time to end.

use std::{collections::BTreeMap, time::Duration};

use saga_normal::follow_up::{FollowUp, Followed, Started};
use saga_store::{Span, StoreError, VersionSaga, VersionsQuery, Width};
use saga_types::{SagaType, Timestamp};

use super::has_failed;
use crate::scoped::Reader;

/// How long sagas take is known from those of this time before the period.
const BEFORE: Duration = Duration::from_hours(7 * 24);

/// What 99 of 100 sagas of a type do not exceed, in milliseconds.
pub(super) type Longest = BTreeMap<SagaType, i64>;

/// How long sagas took before the period.
pub(super) async fn before(reader: &Reader, query: &VersionsQuery) -> Result<Longest, StoreError> {
    let span = Span::between(query.from.saturating_sub(BEFORE), query.from, Width::Day);
    let trends = reader.trends(&span).await?;
    let longest = trends.by_type.into_iter().filter_map(|(saga_type, statistics)| {
        let [_, _, p99] = statistics.percentile_seconds?;
        let p99 = Duration::try_from_secs_f64(p99).ok()?;
        Some((saga_type, i64::try_from(p99.as_millis()).ok()?))
    });
    Ok(longest.collect())
}

/// The sagas that are compared at a moment up to which everything is stored. They are followed for as long as sagas of their type
/// took before the period and take within it with either version: a version may be slower than what was there before.
pub(super) fn followed(sagas: &[VersionSaga], before: &Longest, moment: Timestamp) -> Followed {
    let mut took: BTreeMap<(&SagaType, bool), Vec<i64>> = BTreeMap::new();
    for saga in sagas {
        let of_version = took.entry((&saga.saga_type, saga.is_candidate)).or_default();
        of_version.extend(saga.duration_ms);
    }
    let mut longest: BTreeMap<&SagaType, Vec<i64>> = BTreeMap::new();
    for ((saga_type, _), mut took) in took {
        took.sort_unstable();
        let rank = (took.len() * 99).div_ceil(100);
        let p99 = rank.checked_sub(1).and_then(|place| took.get(place)).copied();
        longest.entry(saga_type).or_default().extend(p99);
    }
    let follow_ups: BTreeMap<&SagaType, FollowUp> = longest
        .into_iter()
        .filter_map(|(saga_type, within)| {
            let all = within.into_iter().chain(before.get(saga_type).copied());
            Some((saga_type, FollowUp::of(all)?))
        })
        .collect();
    let started: Vec<Started<'_>> = sagas
        .iter()
        .map(|saga| Started {
            saga_type: &saga.saga_type,
            at_ms: saga.started_at.as_millis(),
            is_candidate: saga.is_candidate,
            has_failed: has_failed(saga),
            follow_up: follow_ups.get(&saga.saga_type).copied(),
        })
        .collect();
    saga_normal::follow_up::followed(&started, moment.as_millis())
}
