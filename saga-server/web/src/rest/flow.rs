//! `GET /api/v1/flow`: which step came after which in the sagas of a type, how often, and how long that took.

use axum::Json;
use saga_types::{SagaType, Step, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::saga_filters::{saga_type, service_version};
use crate::{
    http::{
        ApiError,
        date_range::{DateRange, RelativeRange},
        query_string::Params,
    },
    scoped::Reader,
};
use saga_collector::freshness::Freshness;
use saga_store::{self, FlowQuery, Scope, Span, StepRow, TransitionRow, Width};

/// About how many sagas are looked at: of so many a share is at most one point off, in 95 of 100 samples.
const MOST: u32 = 10_000;

/// The answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flow {
    saga_type: SagaType,
    service_version: Option<String>,
    period: FlowPeriod,
    sample: FlowSample,
    /// The steps of the definition's path in its order, then the others by their median place; at most 500.
    pub(super) steps: Vec<FlowStep>,
    /// The most frequent first; at most 1,000.
    transitions: Vec<FlowTransition>,
    /// How many steps are left out, those that fewest sagas reached.
    steps_left_out: usize,
    /// How many transitions are left out, the rarest.
    transitions_left_out: usize,
    freshness: Freshness,
}

/// The period, both ends inclusive.
#[derive(Debug, Serialize, ToSchema)]
struct FlowPeriod {
    from: Timestamp,
    to: Timestamp,
}

/// Of how many sagas the figures are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FlowSample {
    /// How many sagas were read.
    sagas: u64,
    /// How many there are; with serviceVersion an estimate when not all sagas were read.
    of: u64,
    /// Whether all were read, so that every figure is exact.
    is_all: bool,
    /// How far off a share is at the most, in 95 of 100 samples.
    share_error: f64,
}

/// A step.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FlowStep {
    step: Step,
    /// The service that recorded most of its first events.
    service: Option<String>,
    /// Whether it is a forward step of the definition; of a type without one, whether its first events mostly continue.
    is_on_path: bool,
    outcome: Outcome,
    /// How many of the sagas reached it.
    sagas: u64,
    /// sagas / sample.sagas.
    share: f64,
    /// How many sagas recorded it again by the same service.
    retried: u64,
    /// How many such events there are.
    retries: u64,
    /// Services that recorded it after another one had, the most frequent first.
    echoes: Vec<Echo>,
    /// For how many sagas it was the last step recorded so far.
    last: u64,
    /// The time since the first event of the step before it; null for a first step.
    wait: Option<Times>,
}

/// A service that recorded a step after another one had.
#[derive(Debug, Serialize, ToSchema)]
struct Echo {
    service: Option<String>,
    /// In how many sagas.
    sagas: u64,
}

/// From the first event of a step to the first event of the next one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FlowTransition {
    /// Null before the first step.
    from: Option<Step>,
    to: Step,
    /// How many of the sagas made it.
    sagas: u64,
    /// sagas / sample.sagas.
    share: f64,
    outcome: Outcome,
    /// Whether it leads from the path to a step that is not on it.
    leaves_path: bool,
    /// Null from the start of a saga, and to an override.
    times: Option<Times>,
}

/// What most events of a step say by their status.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = StepOutcome)]
pub(super) enum Outcome {
    Continues,
    Fails,
    Compensates,
}

/// Percentiles in milliseconds, by the nearest rank, and how far off they are at the most in 95 of 100 samples, as a share of
/// them; 0 when all sagas were read, null when those that were read are too few to say.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Times {
    p50_ms: i64,
    p95_ms: i64,
    p99_ms: i64,
    p50_error: Option<f64>,
    p95_error: Option<f64>,
}

/// The observed flow of the sagas of a type
///
/// Which step came after which, how often, and how long that took. A transition is between the first events of two steps.
/// Up to 10,000 sagas are all read; of more a random sample, and the answer says how far off its figures are.
#[utoipa::path(
    get, path = "/api/v1/flow", operation_id = "flow", tag = "sagas",
    params(
        ("sagaType" = SagaType, Query, description = "Of sagas of this type"),
        DateRange,
        RelativeRange,
        ("serviceVersion" = Option<String>, Query, pattern = r"^[^\x00]+$", description = "Only sagas that have a step that was recorded by this version of a service"),
    ),
    responses((status = 200, description = "The flow", body = Flow))
)]
pub(super) async fn of_a_type(reader: Reader, params: Params) -> Result<Json<Flow>, ApiError> {
    find(&reader, params).await.map(Json)
}

/// The flow that the parameters ask for.
pub(super) async fn find(reader: &Reader, mut params: Params) -> Result<Flow, ApiError> {
    let given = params.parsed("sagaType", saga_type);
    if given.is_none() {
        params.require("sagaType");
    }
    let dates = RelativeRange::take(&mut params).or_dates(&mut params, Timestamp::now());
    let service_version = service_version(&mut params, &reader.redaction);
    params.finish()?;
    let freshness = reader.freshness();
    let query = FlowQuery {
        scope: Scope::All,
        // Never used: without one the request was refused.
        saga_type: given.unwrap_or(SagaType::ORDER_CREATION),
        span: span(dates),
        service_version,
        most: MOST,
        of: None,
    };
    let found = reader.flow(&query).await?;
    Ok(answer(query, found, freshness))
}

/// The day until now, unless an end is given.
fn span(dates: DateRange) -> Span {
    let last = dates.to.unwrap_or_else(Timestamp::now);
    match dates.from {
        Some(first) => Span::between(first, last, Width::Day),
        None => Span::ending_at(last, Width::Hour, 24),
    }
}

fn answer(query: FlowQuery, found: saga_store::Flow, freshness: Freshness) -> Flow {
    let (from, to) = query.span.ends();
    let sample = found.sample;
    Flow {
        saga_type: query.saga_type,
        service_version: query.service_version,
        period: FlowPeriod { from, to },
        sample: FlowSample {
            sagas: sample.sagas,
            of: sample.of,
            is_all: sample.is_all(),
            share_error: sample.share_error(),
        },
        steps: found.steps.iter().map(|row| FlowStep::of(row, &found)).collect(),
        transitions: found
            .transitions
            .iter()
            .map(|row| FlowTransition::of(row, &found))
            .collect(),
        steps_left_out: found.left_out.0,
        transitions_left_out: found.left_out.1,
        freshness,
    }
}

impl FlowStep {
    fn of(row: &StepRow, flow: &saga_store::Flow) -> Self {
        let echoes = row.echoes.iter();
        Self {
            step: row.step.clone(),
            service: row.service.clone(),
            is_on_path: row.is_on_path,
            outcome: row.outcome.into(),
            sagas: row.sagas,
            share: flow.share(row.sagas),
            retried: row.retried,
            retries: row.retries,
            echoes: echoes
                .map(|(service, sagas)| Echo {
                    service: service.clone(),
                    sagas: *sagas,
                })
                .collect(),
            last: row.last,
            wait: row.wait.map(Times::from),
        }
    }
}

impl FlowTransition {
    fn of(row: &TransitionRow, flow: &saga_store::Flow) -> Self {
        Self {
            from: row.transition.from.clone(),
            to: row.transition.to.clone(),
            sagas: row.sagas,
            share: flow.share(row.sagas),
            outcome: row.outcome.into(),
            leaves_path: row.leaves_path,
            times: row.times.map(Times::from),
        }
    }
}

impl From<saga_store::Outcome> for Outcome {
    fn from(outcome: saga_store::Outcome) -> Self {
        match outcome {
            saga_store::Outcome::Continues => Self::Continues,
            saga_store::Outcome::Fails => Self::Fails,
            saga_store::Outcome::Compensates => Self::Compensates,
        }
    }
}

impl From<saga_store::Times> for Times {
    fn from(times: saga_store::Times) -> Self {
        Self {
            p50_ms: times.p50_ms,
            p95_ms: times.p95_ms,
            p99_ms: times.p99_ms,
            p50_error: times.p50_error,
            p95_error: times.p95_error,
        }
    }
}
