//! A span or a log record: its document, its ids and times.

use opentelemetry_proto::tonic::{
    common::v1::{InstrumentationScope, KeyValue},
    logs::v1::{LogRecord, SeverityNumber},
    resource::v1::Resource,
    trace::v1::{Span, status::StatusCode},
};
use saga_types::Timestamp;
use serde_json::{Map, Value, json};

use super::value;

/// Where a span or a log record comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) resource: &'a Resource,
    pub(super) scope: &'a InstrumentationScope,
}

/// A span or a log record.
#[derive(Debug)]
pub struct Item<'a> {
    pub(super) origin: Origin<'a>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Span(Span),
    Record(LogRecord),
}

/// Of which span it is, in hex digits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ids {
    pub(super) trace_id: Option<String>,
    pub(super) span_id: Option<String>,
}

const NANOS_PER_MILLI: u64 = 1_000_000;

impl Item<'_> {
    /// Its own attributes.
    pub(super) fn attributes(&self) -> &[KeyValue] {
        match &self.what {
            What::Span(span) => &span.attributes,
            What::Record(record) => &record.attributes,
        }
    }

    /// An attribute of the service that it comes from.
    pub(super) fn of_service(&self, key: &str) -> Option<&str> {
        value::text(&self.origin.resource.attributes, key)
    }

    /// Its ids. A span has both, and a log record may be of none.
    pub(super) fn ids(&self) -> Result<Ids, String> {
        match &self.what {
            What::Span(span) => Ok(Ids {
                trace_id: Some(id("traceId", &span.trace_id, 16)?),
                span_id: Some(id("spanId", &span.span_id, 8)?),
            }),
            What::Record(record) => Ok(Ids {
                trace_id: id("traceId", &record.trace_id, 16).ok(),
                span_id: id("spanId", &record.span_id, 8).ok(),
            }),
        }
    }

    /// When it began; a log record takes no time.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        match &self.what {
            What::Span(span) => time(span.start_time_unix_nano),
            What::Record(_) => self.ended_at(),
        }
    }

    /// When it ended.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        match &self.what {
            What::Span(span) => time(span.end_time_unix_nano),
            What::Record(record) => {
                time(record.time_unix_nano).or_else(|| time(record.observed_time_unix_nano))
            }
        }
    }

    /// The nanoseconds of the millisecond in which it was: those of its end, when it also began then.
    pub(super) fn nanos_within(&self, milli: Timestamp) -> u64 {
        let times = match &self.what {
            What::Span(span) => [span.end_time_unix_nano, span.start_time_unix_nano],
            What::Record(record) => [record.time_unix_nano, record.observed_time_unix_nano],
        };
        let found = times.into_iter().find(|nanos| time(*nanos) == Some(milli));
        found.unwrap_or_default() % NANOS_PER_MILLI
    }

    /// How long it took, in milliseconds.
    pub(super) fn duration_ms(&self) -> Option<i64> {
        match &self.what {
            What::Span(_) => {
                Some(self.ended_at()?.millis_since(self.started_at()?)).filter(|took| *took >= 0)
            }
            What::Record(_) => None,
        }
    }

    /// Whether it says that something failed.
    pub(super) fn is_error(&self) -> bool {
        match &self.what {
            What::Span(span) => span
                .status
                .as_ref()
                .is_some_and(|status| status.code == StatusCode::Error as i32),
            What::Record(record) => record.severity_number >= SeverityNumber::Error as i32,
        }
    }

    /// Why something failed: what was said of it, or else the exception.
    pub(super) fn failure(&self) -> Option<String> {
        let said = match &self.what {
            What::Span(span) => span.status.as_ref().map(|status| status.message.clone()),
            What::Record(_) => None,
        };
        let said = said.filter(|said| !said.is_empty());
        said.or_else(|| self.exception()).or_else(|| match &self.what {
            What::Record(record) => value::json(record.body.as_ref()).as_str().map(str::to_owned),
            What::Span(_) => None,
        })
    }

    /// The last exception that was recorded.
    fn exception(&self) -> Option<String> {
        let of = |attributes| {
            value::text(attributes, "exception.message").or_else(|| value::text(attributes, "exception.type"))
        };
        let found = match &self.what {
            What::Span(span) => span.events.iter().rev().find_map(|event| of(&event.attributes)),
            What::Record(record) => of(&record.attributes),
        };
        found.map(str::to_owned)
    }

    /// Its text, as conditions and values of mappings see it: a JSON object.
    #[must_use]
    pub fn document(&self) -> String {
        let mut fields = match &self.what {
            What::Span(span) => of_span(span),
            What::Record(record) => of_record(record),
        };
        let scope = self.origin.scope;
        fields.insert("attributes".to_owned(), value::object(self.attributes()).into());
        fields.insert(
            "scope".to_owned(),
            json!({"name": scope.name, "version": scope.version}),
        );
        fields.retain(|_, field| !field.is_null());
        Value::Object(fields).to_string()
    }
}

fn of_span(span: &Span) -> Map<String, Value> {
    let status = span.status.as_ref();
    let code = status.map_or("STATUS_CODE_UNSET", |status| status.code().as_str_name());
    let message = status.map_or("", |status| status.message.as_str());
    let events: Vec<Value> = span
        .events
        .iter()
        .map(|event| {
            json!({
                "name": event.name, "time": time(event.time_unix_nano), "attributes": value::object(&event.attributes),
            })
        })
        .collect();
    fields(json!({
        "name": span.name,
        "kind": span.kind().as_str_name().trim_start_matches("SPAN_KIND_"),
        "traceId": hex(&span.trace_id),
        "spanId": hex(&span.span_id),
        "parentSpanId": hex(&span.parent_span_id),
        "startTime": time(span.start_time_unix_nano),
        "endTime": time(span.end_time_unix_nano),
        "status": {"code": code.trim_start_matches("STATUS_CODE_"), "message": message},
        "events": events,
    }))
}

fn of_record(record: &LogRecord) -> Map<String, Value> {
    let name = (!record.event_name.is_empty()).then_some(&record.event_name);
    fields(json!({
        "name": name,
        "traceId": hex(&record.trace_id),
        "spanId": hex(&record.span_id),
        "time": time(record.time_unix_nano).or_else(|| time(record.observed_time_unix_nano)),
        "severity": record.severity_text,
        "severityNumber": record.severity_number,
        "body": value::json(record.body.as_ref()),
    }))
}

fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A time that OTLP gives in nanoseconds; 0 stands for none.
fn time(nanos: u64) -> Option<Timestamp> {
    let millis = i64::try_from(nanos / NANOS_PER_MILLI).ok()?;
    (nanos > 0).then(|| Timestamp::from_millis(millis).ok()).flatten()
}

fn id(name: &str, bytes: &[u8], length: usize) -> Result<String, String> {
    match hex(bytes) {
        _ if bytes.len() != length => Err(format!("{name} has {} bytes, not {length}", bytes.len())),
        _ if bytes.iter().all(|byte| *byte == 0) => Err(format!("{name} is all zeros")),
        Some(digits) => Ok(digits),
        None => Err(format!("{name} is missing")),
    }
}

/// Hex digits; `None` of nothing.
pub(super) fn hex(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
