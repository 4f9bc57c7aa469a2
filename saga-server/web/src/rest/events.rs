//! `POST /api/v1/events`: events of services, written to the topic.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
};
use saga_collector::metrics::Metrics;
use saga_gateway::{
    Gateway, Received, RequestError,
    body::BodyError,
    results::{EventResult, Outcome, Verdict, verdict},
};
use saga_types::{EventId, Metadata, OrderId, SagaEvent, SagaId, SagaStatus, SagaType, Step, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::Caller,
    http::{ApiError, guard::CalledBy, query_string::Params},
};

/// How long a body may take to come.
pub(super) const BODY_WITHIN: Duration = Duration::from_secs(20);

/// The answer: a result for each event, in the order of the body.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventsAnswer {
    /// How many are stored on the topic.
    accepted: usize,
    /// How many are not, or stood in the body before.
    other: usize,
    results: Vec<EventResult>,
}

/// Up to 1,000 events.
#[derive(ToSchema)]
#[schema(max_items = 1000)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct EventsBody(Vec<EventBody>);

/// One step of one saga, as a service recorded it.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Event)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct EventBody {
    /// The same id in the same saga is the same event.
    event_id: EventId,
    saga_id: SagaId,
    /// In upper snake case.
    #[schema(value_type = String, max_length = 100, pattern = r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$", examples("ORDER_CREATION"))]
    saga_type: SagaType,
    /// The type, when sagaType is CUSTOM.
    #[schema(value_type = Option<String>, max_length = 100, pattern = r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$")]
    saga_type_name: Option<SagaType>,
    /// In upper snake case.
    #[schema(value_type = String, max_length = 100, pattern = r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$", examples("ORDER_CREATED"))]
    step: Step,
    status: SagaStatus,
    order_id: OrderId,
    /// What else the service knows; `producerService` names it.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    metadata: Option<Metadata>,
    /// When the step happened.
    recorded_at: Timestamp,
    /// When the event was built; recordedAt when not given.
    event_timestamp: Option<Timestamp>,
}

/// Record events
///
/// Written to the topic, and answered when the broker has acknowledged them; a moment later they are in their sagas. The body
/// is an array of at most 1,000 events or one alone, or NDJSON with one event a line. CloudEvents are taken as well
/// (`application/cloudevents+json`, `application/cloudevents-batch+json`, or `ce-` headers); clients that are made from this
/// description send events as they are. The data of a CloudEvent is an event, and its source, id and time stand for `eventId` and
/// `recordedAt` where the data lacks them. The body may be packed with gzip. Events are checked one by one: one that is wrong
/// keeps no other back. Sending an event again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/events", operation_id = "recordEvents", tag = "events",
    params(("source" = Option<String>, Query, description = "The mapping that makes events of what the body holds; without it the body holds events")),
    request_body(description = "Events, as an array or as lines", content(
        (inline(EventsBody) = "application/json"),
        (String = "application/x-ndjson"),
    )),
    responses(
        (status = 202, description = "Some events are stored, and no other can be by sending it again; each has a result", body = EventsAnswer),
        (status = 400, description = "The body or each event is wrong; then each has a result"),
        (status = 413, description = "The body, or what it unpacks to, is too long, or has more than 1,000 events"),
        (status = 415, description = "The body is of another type, or packed in another way"),
        (status = 429, description = "Too much is being received, or waits for the broker: send it again later"),
        (status = 503, description = "The broker does not accept events, or did not acknowledge some in time: send them again, with the same ids"),
    )
)]
pub(super) async fn record(
    State(gateway): State<Arc<Gateway>>,
    State(metrics): State<Arc<Metrics>>,
    CalledBy(caller): CalledBy,
    mut params: Params,
    request: Request,
) -> Result<(StatusCode, Json<EventsAnswer>), ApiError> {
    let source = params.text("source");
    params.finish()?;
    let received = receive(&gateway, request, &caller).await?;
    let may = |event: &SagaEvent| caller.may_record(event);
    let results = gateway.record(&received, source.as_deref(), may).await;
    let results = results?;
    count(&metrics, &results);
    answer(results)
}

async fn receive(gateway: &Gateway, request: Request, caller: &Caller) -> Result<Received, ApiError> {
    let (parts, body): (_, Body) = request.into_parts();
    let receiving = gateway.receive(parts.headers, body.into_data_stream(), &caller.name);
    match tokio::time::timeout(BODY_WITHIN, receiving).await {
        Ok(received) => Ok(received?),
        Err(_) => {
            let limit = BODY_WITHIN.as_secs();
            Err(ApiError::bad_request(format!(
                "the body did not come within {limit} s"
            )))
        }
    }
}

/// Lets each outcome begin at zero: a counter that comes with its first event has no rate then.
pub(crate) fn declare_outcomes(metrics: &Metrics) {
    for outcome in Outcome::ALL {
        metrics.gateway.events(outcome.as_str(), 0);
    }
}

fn count(metrics: &Metrics, results: &[EventResult]) {
    let mut counts: BTreeMap<Outcome, u64> = BTreeMap::new();
    for result in results {
        *counts.entry(result.outcome).or_default() += 1;
    }
    for (outcome, count) in counts {
        metrics.gateway.events(outcome.as_str(), count);
    }
}

fn answer(results: Vec<EventResult>) -> Result<(StatusCode, Json<EventsAnswer>), ApiError> {
    let error = match verdict(&results) {
        Verdict::Done => {
            let is_accepted = |result: &&EventResult| result.outcome == Outcome::Accepted;
            let accepted = results.iter().filter(is_accepted).count();
            let answer = EventsAnswer {
                accepted,
                other: results.len() - accepted,
                results,
            };
            return Ok((StatusCode::ACCEPTED, Json(answer)));
        }
        Verdict::AllRefused => ApiError::bad_request(of_all("no event is taken", &results)),
        Verdict::AllForbidden => ApiError::forbidden(of_all("no event may be recorded", &results)),
        Verdict::Busy => ApiError::too_many_requests(
            "too much is waiting for the broker; send the events again later that were not accepted",
        ),
        Verdict::Unavailable => ApiError::unavailable(
            "the broker did not take or acknowledge some events; send those again, with the same ids, that were not accepted",
        ),
    };
    Err(error.with_results(results))
}

/// With one event, its reason says more.
fn of_all(message: &str, results: &[EventResult]) -> String {
    match results {
        [
            EventResult {
                reason: Some(reason), ..
            },
        ] => format!("the event is not taken: {reason}"),
        _ => format!("{message}; the results say why"),
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let message = error.to_string();
        match error {
            RequestError::UnknownSource(_) => {
                Self::bad_parameter("source", "must be the name of a mapping (gateway.mappingsDir)")
            }
            RequestError::Format(_) | RequestError::Encoding(_) | RequestError::Body(BodyError::Encoding) => {
                Self::unsupported_media_type(message)
            }
            RequestError::Body(BodyError::TooLong { .. })
            | RequestError::TooMany
            | RequestError::TooManyItems(_) => Self::payload_too_large(message),
            RequestError::Body(BodyError::Busy) => Self::too_many_requests(message),
            RequestError::Body(BodyError::Incomplete | BodyError::NotGzip(_))
            | RequestError::Unreadable(_) => Self::bad_request(message),
        }
    }
}
