//! `POST /v1/traces` and `POST /v1/logs`: what exporters of OpenTelemetry send, of which the steps are written to the topic.
//!
//! The paths, bodies and answers are those of OTLP over HTTP. Errors are made in `http::otlp_status`, as for every path of it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use saga_collector::metrics::Metrics;
use saga_gateway::{
    Gateway, RequestError,
    otlp::{Exported, ReceivedExport, Signal},
    results::Verdict,
};
use saga_types::SagaEvent;
use serde::Serialize;
use utoipa::ToSchema;

use super::events::BODY_WITHIN;
use crate::{
    auth::Caller,
    http::{ApiError, guard::CalledBy, query_string::Params},
};

/// ExportTraceServiceRequest of OTLP. Fields that are not known are left out.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportTraces)]
#[expect(dead_code, reason = "describes the body, which is read message by message")]
pub(super) struct TracesBody {
    /// ResourceSpans: spans by what they come from, and by the library that made them.
    #[schema(value_type = Option<Vec<Object>>)]
    resource_spans: Option<Vec<()>>,
}

/// ExportLogsServiceRequest of OTLP. Fields that are not known are left out.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportLogs)]
#[expect(dead_code, reason = "describes the body, which is read message by message")]
pub(super) struct LogsBody {
    /// ResourceLogs: log records by what they come from, and by the library that made them.
    #[schema(value_type = Option<Vec<Object>>)]
    resource_logs: Option<Vec<()>>,
}

/// The same message as in JSON, in protobuf.
#[derive(ToSchema)]
#[schema(as = Protobuf, value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies, which are read message by message")]
pub(super) struct ProtobufBody(Vec<u8>);

/// ExportTraceServiceResponse of OTLP.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportedTraces)]
pub(super) struct TracesAnswer {
    /// There only when some are not taken.
    partial_success: PartialTraces,
}

/// How many spans are not taken, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartialTraces {
    /// A whole number.
    rejected_spans: String,
    error_message: String,
}

/// ExportLogsServiceResponse of OTLP.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportedLogs)]
pub(super) struct LogsAnswer {
    /// There only when some are not taken.
    partial_success: PartialLogs,
}

/// How many log records are not taken, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartialLogs {
    /// A whole number.
    rejected_log_records: String,
    error_message: String,
}

/// Export spans
///
/// OTLP over HTTP, in protobuf or JSON, packed with gzip or not; the answer comes in the same form. Spans that name a saga become
/// steps, by the mapping `traces` or by attributes such as `saga.id`, and are answered when the broker has acknowledged them.
/// Those that name none are taken and left out. Exporting a span again changes nothing.
#[utoipa::path(
    post, path = "/v1/traces", operation_id = "exportTraces", tag = "events",
    request_body(description = "ExportTraceServiceRequest", content(
        (TracesBody = "application/json"), (ProtobufBody = "application/x-protobuf"),
    )),
    responses(
        (status = 200, description = "All is taken, but for what the answer counts as rejected", content(
            (TracesAnswer = "application/json"), (ProtobufBody = "application/x-protobuf"),
        )),
        (status = 400, description = "The body cannot be read"),
        (status = 413, description = "The body, or what it unpacks to, is too long, or has more than 20,000 spans"),
        (status = 415, description = "The body is of another type, or packed in another way"),
        (status = 429, description = "Too much is being received, or waits for the broker: send all of it again later"),
        (status = 503, description = "The broker does not take steps, or did not acknowledge some in time: send all of it again"),
    )
)]
pub(super) async fn traces(
    gateway: State<Arc<Gateway>>,
    metrics: State<Arc<Metrics>>,
    caller: CalledBy,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    params.finish()?;
    export(gateway, metrics, caller, Signal::Traces, request).await
}

/// Export log records
///
/// As for spans, by the mapping `logs`.
#[utoipa::path(
    post, path = "/v1/logs", operation_id = "exportLogs", tag = "events",
    request_body(description = "ExportLogsServiceRequest", content(
        (LogsBody = "application/json"), (ProtobufBody = "application/x-protobuf"),
    )),
    responses(
        (status = 200, description = "All is taken, but for what the answer counts as rejected", content(
            (LogsAnswer = "application/json"), (ProtobufBody = "application/x-protobuf"),
        )),
        (status = 400, description = "The body cannot be read"),
        (status = 413, description = "The body, or what it unpacks to, is too long, or has more than 20,000 log records"),
        (status = 415, description = "The body is of another type, or packed in another way"),
        (status = 429, description = "Too much is being received, or waits for the broker: send all of it again later"),
        (status = 503, description = "The broker does not take steps, or did not acknowledge some in time: send all of it again"),
    )
)]
pub(super) async fn logs(
    gateway: State<Arc<Gateway>>,
    metrics: State<Arc<Metrics>>,
    caller: CalledBy,
    params: Params,
    request: Request,
) -> Result<Response, ApiError> {
    params.finish()?;
    export(gateway, metrics, caller, Signal::Logs, request).await
}

async fn export(
    State(gateway): State<Arc<Gateway>>,
    State(metrics): State<Arc<Metrics>>,
    CalledBy(caller): CalledBy,
    signal: Signal,
    request: Request,
) -> Result<Response, ApiError> {
    let received = receive(&gateway, request, &caller).await?;
    let reading = gateway.clone();
    // Some thousand spans by a long mapping take their time.
    let read = tokio::task::spawn_blocking(move || {
        reading.read_export(received, signal, |event: &SagaEvent| caller.may_record(event))
    });
    let read = read.await.map_err(|error| {
        tracing::error!(%error, "a request of OTLP could not be read");
        ApiError::internal()
    })?;
    let exported = gateway.record_export(read?).await;
    for (outcome, count) in &exported.counts {
        metrics.gateway.events(outcome.as_str(), *count);
    }
    answer(&exported)
}

async fn receive(gateway: &Gateway, request: Request, caller: &Caller) -> Result<ReceivedExport, ApiError> {
    let (parts, body): (_, Body) = request.into_parts();
    let receiving = gateway.receive_export(&parts.headers, body.into_data_stream(), &caller.name);
    let received: Result<_, RequestError> = match tokio::time::timeout(BODY_WITHIN, receiving).await {
        Ok(received) => received,
        Err(_) => {
            let limit = BODY_WITHIN.as_secs();
            return Err(ApiError::bad_request(format!(
                "the body did not come within {limit} s"
            )));
        }
    };
    Ok(received?)
}

fn answer(exported: &Exported) -> Result<Response, ApiError> {
    let why = exported.message();
    match exported.verdict() {
        Verdict::AllForbidden => Err(ApiError::forbidden(why)),
        Verdict::Busy => Err(ApiError::too_many_requests(format!(
            "too much is waiting for the broker; send all of it again later: {why}"
        ))),
        Verdict::Unavailable => Err(ApiError::unavailable(format!(
            "the broker did not take or acknowledge some steps; send all of it again later: {why}"
        ))),
        Verdict::Done | Verdict::AllRefused => {
            let media_type = HeaderValue::from_static(exported.encoding.media_type());
            Ok(([(header::CONTENT_TYPE, media_type)], exported.body()).into_response())
        }
    }
}
