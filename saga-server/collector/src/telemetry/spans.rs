//! The spans of the collector, and the names of all their attributes.
//!
//! Rule of thumb: names are those of OpenTelemetry's semantic conventions, and stand here alone, since some still change.
//! None has an id, a filter or anything else of a single saga.

use ::http::{HeaderMap, StatusCode};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Which version exports them.
pub(super) fn service_version(version: &'static str) -> KeyValue {
    KeyValue::new("service.version", version)
}

/// A call that is answered, in the trace of its caller if it has one. Log lines within it hold its trace's id.
pub fn request(method: &str, route: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        trace_id = Empty,
    );
    let caller = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    // Without traces there is no parent to be set, and the caller's id is all there is.
    let trace = match span.set_parent(caller.clone()) {
        Ok(()) => span.context(),
        Err(_) => caller,
    };
    let trace_id = trace.span().span_context().trace_id();
    if trace_id != opentelemetry::TraceId::INVALID {
        span.record("trace_id", trace_id.to_string());
    }
    span
}

/// What a call was answered with.
pub fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// A batch of records between being read and being committed.
pub(crate) fn batch(topic: &str, group: &str, records: usize) -> Span {
    tracing::info_span!(
        "batch",
        otel.name = format!("process {topic}"),
        otel.kind = "consumer",
        messaging.system = "kafka",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = topic,
        messaging.consumer.group.name = group,
        messaging.batch.message_count = records,
    )
}

/// Dead letters on their way to their topic.
pub(crate) fn dead_letters(topic: &str, letters: usize) -> Span {
    tracing::info_span!(
        "dead letters",
        otel.name = format!("send {topic}"),
        otel.kind = "producer",
        messaging.system = "kafka",
        messaging.operation.name = "send",
        messaging.operation.type = "send",
        messaging.destination.name = topic,
        messaging.batch.message_count = letters,
    )
}

/// A question to the database, by the name that metrics have for it too.
pub fn query(system: &str, name: &str) -> Span {
    let summary = format!("query {name}");
    tracing::info_span!(
        "query",
        otel.name = summary,
        otel.kind = "client",
        db.system.name = system,
        db.operation.name = name,
        db.query.summary = summary,
        db.operation.batch.size = Empty,
    )
}

/// A batch of events for the database.
pub(crate) fn append(system: &str, events: usize) -> Span {
    let span = query(system, "append");
    // A single operation is no batch.
    if events > 1 {
        span.record("db.operation.batch.size", events);
    }
    span
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(::http::HeaderName::as_str).collect()
    }
}
