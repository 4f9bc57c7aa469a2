//! `GET /api/v1/sagas/statistics`: counts, rates and durations of the sagas that started within a period.

use std::collections::BTreeMap;

use axum::Json;
use saga_types::{SagaStatus, SagaType, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::saga_filters::{failure_group, saga_type};
use crate::{
    http::{
        ApiError,
        date_range::{DateRange, RelativeRange},
        query_string::Params,
    },
    scoped::Reader,
};
use saga_collector::freshness::Freshness;
use saga_store::{self, Outcomes, Scope, StatisticsQuery};

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statistics {
    period: PeriodInfo,
    total: u64,
    /// Every status is there.
    by_status: BTreeMap<SagaStatus, u64>,
    /// Every known type is there, and any other that occurs, as far as the caller may see them.
    by_type: BTreeMap<SagaType, u64>,
    /// FAILED or COMPENSATED / total.
    failure_rate: f64,
    /// COMPENSATED / (FAILED or COMPENSATED).
    compensation_rate: f64,
    /// Of ended sagas; null when none has ended.
    avg_duration_seconds: Option<f64>,
    duration_percentiles_seconds: Percentiles,
    freshness: Freshness,
}

/// The period as it was asked for, both ends inclusive; null when open.
#[derive(Debug, Serialize, ToSchema)]
struct PeriodInfo {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Percentiles {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

/// Counts, rates and durations of the sagas that started within a period
#[utoipa::path(
    get, path = "/api/v1/sagas/statistics", operation_id = "statistics", tag = "sagas",
    params(
        DateRange,
        RelativeRange,
        ("sagaType" = Option<SagaType>, Query, description = "Only sagas of this type"),
        ("failureGroup" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Only sagas of this group of failures, by its name in /api/v1/failure-groups"),
    ),
    responses((status = 200, description = "The statistics", body = Statistics))
)]
pub(super) async fn of_a_period(reader: Reader, mut params: Params) -> Result<Json<Statistics>, ApiError> {
    let DateRange { from, to } = RelativeRange::take(&mut params).or_dates(&mut params, Timestamp::now());
    let saga_type = params.parsed("sagaType", saga_type);
    let failure_group = failure_group(&mut params, &reader.redaction);
    params.finish()?;
    let query = StatisticsQuery {
        saga_type,
        failure_group,
        from,
        to,
        ..StatisticsQuery::default()
    };
    let freshness = reader.freshness();
    let found = reader.statistics(&query).await?;
    Ok(Json(answer(&query, found, reader.scope(), freshness)))
}

fn answer(
    query: &StatisticsQuery,
    found: saga_store::Statistics,
    scope: &Scope,
    freshness: Freshness,
) -> Statistics {
    let mut by_status = BTreeMap::from(SagaStatus::ALL.map(|status| (status, 0)));
    by_status.extend(found.by_status);
    let known = SagaType::KNOWN.into_iter().filter(|known| scope.has(known));
    let mut by_type: BTreeMap<SagaType, u64> = known.map(|saga_type| (saga_type, 0)).collect();
    by_type.extend(found.by_type);
    let outcomes = Outcomes::of(&by_status);
    let [p50, p95, p99] = found
        .percentile_seconds
        .map_or([None; 3], |seconds| seconds.map(Some));
    Statistics {
        period: PeriodInfo {
            from: query.from,
            to: query.to,
        },
        total: found.total,
        failure_rate: outcomes.failure_rate(),
        compensation_rate: outcomes.compensation_rate(),
        avg_duration_seconds: found.average_seconds,
        duration_percentiles_seconds: Percentiles { p50, p95, p99 },
        by_status,
        by_type,
        freshness,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no database holds 2^52 sagas")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
