//! `GET /api/v1/failure-groups`: what fails, how often, and since when.

use std::time::Duration;

use axum::Json;
use saga_normal::trend::Trend;
use saga_store::{FailureGroupsQuery, Scope, Subjects};
use saga_types::{SagaType, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::saga_filters::saga_type;
use crate::{
    acknowledgements::{self, AcknowledgementView},
    failure_groups::{Failures, Group},
    http::{ApiError, date_range::DateRange, query_string::Params},
    scoped::Reader,
};
use saga_collector::freshness::Freshness;

/// The period when nothing is said of it: so much time until its end.
const PERIOD: Duration = Duration::from_hours(24);

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailureGroups {
    /// The first moment of the period.
    from: Timestamp,
    /// Its last moment. The period before is as long, and ends where this one begins.
    to: Timestamp,
    /// How many sagas started in the period.
    started: u64,
    /// How many started in the period before.
    started_before: u64,
    /// How many of the period have failed, also those that were compensated since.
    failed: u64,
    /// How many of the period before.
    failed_before: u64,
    /// The groups, those with the most sagas first; at most 200.
    pub(super) groups: Vec<FailureGroup>,
    /// How many of the failed sagas are in none of the groups listed: groups that are too many, and sagas that have no group yet.
    others: u64,
    /// Whether all sagas of the groups were counted. When not, there are at least as many as are said.
    counts_are_exact: bool,
    freshness: Freshness,
}

/// Sagas that failed at one step, for one reason but for the numbers, ids and quoted values in it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailureGroup {
    /// The name, by which /api/v1/sagas finds exactly the sagas of the group; null when failure reasons are not shown, and the
    /// group is all failures of its step.
    failure_group: Option<String>,
    /// The step that failed; null when none is known.
    failed_step: Option<String>,
    /// The first line of the reason, with <n>, <id> and <value> for what differs from saga to saga; null when none is given.
    reason: Option<String>,
    /// How many sagas of the period.
    now: u64,
    /// How many of the period before.
    before: u64,
    /// Of all failed sagas of the period, from 0 to 1.
    share: f64,
    /// When the first saga of the group started, of all that are stored.
    first_seen: Timestamp,
    /// When the last one did.
    last_seen: Timestamp,
    trend: FailureTrend,
    /// Who takes care of it: for all saga types, or for one; empty where failure reasons are not shown.
    acknowledgements: Vec<AcknowledgementView>,
}

/// How a group developed from the period before. A change is named when its share of the sagas that started is greater or
/// smaller by half and of 100 changes so named at most one is chance, whatever the number of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FailureTrend {
    /// First seen in the period.
    New,
    /// More of the sagas than before.
    Rising,
    /// As before, or too few to tell.
    Steady,
    /// Fewer.
    Falling,
    /// Known from earlier, not seen in the period before, and back.
    Regressed,
}

impl From<Trend> for FailureTrend {
    fn from(trend: Trend) -> Self {
        match trend {
            Trend::New => Self::New,
            Trend::Rising => Self::Rising,
            Trend::Steady => Self::Steady,
            Trend::Falling => Self::Falling,
            Trend::Regressed => Self::Regressed,
        }
    }
}

/// What fails, how often, and since when
///
/// The failures of the sagas that started within a period, grouped by step and reason, beside the period before. Without
/// dates the last 24 hours.
#[utoipa::path(
    get, path = "/api/v1/failure-groups", operation_id = "failureGroups", tag = "sagas",
    params(DateRange, ("sagaType" = Option<SagaType>, Query, description = "Only sagas of this type")),
    responses((status = 200, description = "The groups", body = FailureGroups))
)]
pub(super) async fn of_a_period(reader: Reader, params: Params) -> Result<Json<FailureGroups>, ApiError> {
    find(&reader, params).await.map(Json)
}

/// The groups that the parameters ask for.
pub(super) async fn find(reader: &Reader, mut params: Params) -> Result<FailureGroups, ApiError> {
    let DateRange { from, to } = DateRange::take(&mut params);
    let saga_type = params.parsed("sagaType", saga_type);
    params.finish()?;
    let to = to.unwrap_or_else(Timestamp::now);
    let query = FailureGroupsQuery {
        scope: Scope::All,
        saga_type,
        from: from.unwrap_or_else(|| to.saturating_sub(PERIOD)).min(to),
        to,
        against: None,
        parts: 1,
    };
    let freshness = reader.freshness();
    let found = reader.failure_groups(&query).await?;
    let names = found
        .groups
        .iter()
        .filter_map(|group| group.name.clone())
        .collect();
    let mut acknowledgements = acknowledgements::of(reader, Subjects::FailureGroups(names)).await?;
    let asked = query.saga_type.as_ref();
    acknowledgements
        .retain(|found| asked.is_none() || found.saga_type.is_none() || found.saga_type.as_ref() == asked);
    Ok(answer(&query, found, &acknowledgements, freshness))
}

fn answer(
    query: &FailureGroupsQuery,
    found: Failures,
    acknowledgements: &[AcknowledgementView],
    freshness: Freshness,
) -> FailureGroups {
    let listed: u64 = found.groups.iter().map(|group| group.now).sum();
    let failed = found.now.failed.max(listed);
    FailureGroups {
        from: query.from,
        to: query.to,
        started: found.now.started,
        started_before: found.before.started,
        failed,
        failed_before: found.before.failed,
        groups: found
            .groups
            .into_iter()
            .map(|group| shown(group, failed, acknowledgements))
            .collect(),
        others: failed - listed,
        counts_are_exact: found.is_exact,
        freshness,
    }
}

fn shown(group: Group, failed: u64, acknowledgements: &[AcknowledgementView]) -> FailureGroup {
    let is_of_it = |found: &&AcknowledgementView| group.name.is_some() && found.failure_group == group.name;
    FailureGroup {
        acknowledgements: acknowledgements.iter().filter(is_of_it).cloned().collect(),
        failure_group: group.name,
        failed_step: group.step,
        reason: group.reason,
        now: group.now,
        before: group.before,
        share: super::statistics::ratio(group.now, failed),
        first_seen: group.first_seen,
        last_seen: group.last_seen,
        trend: group.trend.into(),
    }
}
