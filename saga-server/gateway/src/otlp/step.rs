//! The event that a mapping or attributes called `saga.*` make of a span or a log record, completed by what each of them says.

use std::collections::BTreeMap;

use saga_sdk::InputError;
use saga_types::{EventId, Metadata, MetadataBuilder, MetadataError, SagaEvent, SagaStatus, keys};
use serde_json::value::RawValue;

use super::{
    Item,
    item::{Ids, What},
    named, value,
};
use crate::{
    document::cut,
    event::Envelope,
    event_id,
    mapping::{Input, Mapped, Mapping},
};

/// What begins the id of an event that has none of its own.
const ID_PREFIX: &str = "otlp-";

/// The longest reason of a failure, in characters, as it is taken over.
const REASON_CHARS: usize = 1_000;

impl Item<'_> {
    /// Its event: by the first rule of the mapping that takes it, or else by its attributes.
    #[must_use]
    pub fn apply(&self, mapping: Option<&Mapping>) -> Mapped {
        if mapping.is_none() && !named::is_step(self) {
            return Mapped::Ignored;
        }
        let document = self.document();
        let origin = match self.ids() {
            Ok(ids) => self.origin_id(&ids, &document).map(|origin| (ids, origin)),
            Err(reason) => Err(reason),
        };
        let event_id = origin.as_ref().ok().map(|(_, origin)| origin.clone());
        let made = match mapping.map(|mapping| self.mapped(mapping, &document, event_id.clone())) {
            Some(Mapped::Event(event)) => Ok(*event),
            Some(Mapped::Refused(reason)) => Err(reason),
            Some(Mapped::Ignored) | None if !named::is_step(self) => return Mapped::Ignored,
            Some(Mapped::Ignored) | None => match &origin {
                Ok((_, origin)) => named::event(self, origin.clone()),
                Err(reason) => Err(reason.clone()),
            },
        };
        let made = made.and_then(|event| {
            let (ids, origin) = origin?;
            self.completed(event, &ids, &origin)
        });
        match made {
            Ok(event) => Mapped::Event(Box::new(event)),
            Err(reason) => Mapped::Refused(cut(&reason)),
        }
    }

    fn mapped(&self, mapping: &Mapping, document: &str, event_id: Option<EventId>) -> Mapped {
        let input = Input {
            event: document,
            attributes: value::object(self.attributes()),
            resource: value::object(&self.origin.resource.attributes),
        };
        let envelope = Envelope {
            event_id,
            recorded_at: self.ended_at(),
            row: None,
        };
        mapping.map(&input, envelope)
    }

    /// The same when it is exported again. Log records have no id, so that it is all that one says.
    fn origin_id(&self, ids: &Ids, document: &str) -> Result<EventId, String> {
        let text = |id: &Option<String>| id.clone().unwrap_or_default();
        match &self.what {
            What::Span(_) => hashed(ID_PREFIX, &["span", &text(&ids.trace_id), &text(&ids.span_id)]),
            What::Record(_) => {
                let service = self.of_service(SERVICE_NAME).unwrap_or_default();
                hashed(ID_PREFIX, &["record", service, document])
            }
        }
    }

    fn completed(&self, mut event: SagaEvent, ids: &Ids, origin: &EventId) -> Result<SagaEvent, String> {
        if event.event_id == *origin {
            // Spans of the same millisecond keep their order.
            let prefix = format!("{ID_PREFIX}{:05x}-", self.nanos_within(event.recorded_at));
            let parts = [origin.as_str(), event.step.as_str(), event.status.as_str()];
            event.event_id = hashed(&prefix, &parts)?;
        }
        let metadata = self.metadata(&event, ids);
        event.metadata = Some(metadata.map_err(|error| InputError::Metadata(error).to_string())?);
        Ok(event)
    }

    /// What is given, and behind it what is not given but known.
    fn metadata(&self, event: &SagaEvent, ids: &Ids) -> Result<Metadata, MetadataError> {
        let mut metadata = MetadataBuilder::default();
        for (key, given) in given(event.metadata.as_ref()) {
            metadata.insert(&key, given)?;
        }
        let failure = (event.status == SagaStatus::Failed)
            .then(|| self.failure())
            .flatten()
            .map(|reason| reason.chars().take(REASON_CHARS).collect::<String>());
        let known = [
            (keys::FAILURE_REASON, failure.as_deref()),
            (keys::PRODUCER_SERVICE, self.of_service(SERVICE_NAME)),
            (keys::SERVICE_VERSION, self.of_service(SERVICE_VERSION)),
            (keys::TRACE_ID, ids.trace_id.as_deref()),
            (keys::SPAN_ID, ids.span_id.as_deref()),
        ];
        for (key, value) in known {
            if let Some(value) = value {
                metadata.insert_if_absent(key, value)?;
            }
        }
        if let Some(duration) = self.duration_ms() {
            metadata.insert_if_absent(keys::DURATION_MS, &duration)?;
        }
        metadata.build()
    }
}

const SERVICE_NAME: &str = "service.name";
const SERVICE_VERSION: &str = "service.version";

/// Entries as they were written, with every digit of their numbers.
fn given(metadata: Option<&Metadata>) -> BTreeMap<String, &RawValue> {
    let text = metadata.map_or("{}", Metadata::as_str);
    // Metadata is always an object.
    serde_json::from_str(text).unwrap_or_default()
}

fn hashed(prefix: &str, parts: &[&str]) -> Result<EventId, String> {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    event_id::hashed(prefix, &parts).map_err(|error| InputError::EventId(error).to_string())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::{
        logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest,
    };
    use prost::Message;
    use serde_json::{Value, json};

    use super::*;
    use crate::otlp::{Encoding, Signal, read};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn attributes(given: &Value) -> Value {
        let value = |value: &Value| match value {
            Value::String(text) => json!({"stringValue": text}),
            Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
            number => json!({"doubleValue": number}),
        };
        given
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, given)| json!({"key": key, "value": value(given)}))
            .collect()
    }

    fn step() -> Value {
        json!({
            "saga.id": "s-1", "saga.type": "ORDER_CREATION", "saga.step": "STOCK_RESERVED", "saga.order.id": 4711,
            "saga.metadata.itemCount": 3, "http.route": "/stock",
        })
    }

    fn span(given: &Value) -> Value {
        json!({
            "traceId": TRACE, "spanId": SPAN, "name": "reserve", "kind": 2, "attributes": attributes(given),
            "startTimeUnixNano": "1760000000000999999", "endTimeUnixNano": "1760000000250000000",
        })
    }

    fn request(span: &Value) -> Value {
        let resource = attributes(&json!({"service.name": "product-service", "service.version": "1.4.0"}));
        json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": [span]}]}]})
    }

    fn apply_all(body: &[u8], encoding: Encoding, signal: Signal, mapping: Option<&Mapping>) -> Vec<Mapped> {
        let mut all = Vec::new();
        read(body, encoding, signal, &mut |item| {
            all.push(item.unwrap().apply(mapping));
        })
        .unwrap();
        all
    }

    fn apply(span: &Value, mapping: Option<&Mapping>) -> Mapped {
        let body = request(span).to_string();
        apply_all(body.as_bytes(), Encoding::Json, Signal::Traces, mapping).remove(0)
    }

    fn event(mapped: Mapped) -> SagaEvent {
        match mapped {
            Mapped::Event(event) => *event,
            other => panic!("{other:?}"),
        }
    }

    fn metadata(event: &SagaEvent) -> Value {
        Value::Object(event.metadata.as_ref().unwrap().to_object())
    }

    #[test]
    fn a_span_that_names_a_saga_is_a_step() {
        let event = event(apply(&span(&step()), None));
        assert_eq!((event.saga_id.as_str(), event.order_id.as_str()), ("s-1", "4711"));
        assert_eq!(
            (event.step.as_str(), event.status),
            ("STOCK_RESERVED", SagaStatus::Completed)
        );
        assert_eq!(event.recorded_at.as_millis(), 1_760_000_000_250);
        assert_eq!(event.event_timestamp, event.recorded_at);
        let expected = json!({
            "itemCount": 3, "producerService": "product-service", "serviceVersion": "1.4.0", "traceId": TRACE, "spanId": SPAN,
            "durationMs": 250,
        });
        assert_eq!(metadata(&event), expected);
    }

    #[test]
    fn the_same_span_is_the_same_event_in_either_encoding() {
        let first = apply(&span(&step()), None);
        let decoded: ExportTraceServiceRequest = serde_json::from_value(request(&span(&step()))).unwrap();
        let again = apply_all(&decoded.encode_to_vec(), Encoding::Protobuf, Signal::Traces, None);
        assert_eq!(again, std::slice::from_ref(&first));
        let first = event(first);
        assert!(first.event_id.as_str().starts_with("otlp-"));
        let mut other = step();
        other["saga.status"] = json!("STARTED");
        let started = event(apply(&span(&other), None));
        assert_ne!(started.event_id, first.event_id);
        assert_eq!(started.recorded_at.as_millis(), 1_760_000_000_000);
    }

    #[test]
    fn spans_of_the_same_millisecond_keep_their_order() {
        let id_at = |nanos: u32| {
            let mut span = span(&step());
            // The ids of spans are in no order.
            span["spanId"] = json!(format!("{:016x}", 7_919 * u64::from(nanos) % 65_537 + 1));
            span["endTimeUnixNano"] = json!((1_760_000_000_250_000_000 + u64::from(nanos)).to_string());
            event(apply(&span, None)).event_id
        };
        let nanos = [0, 1, 9, 10, 999, 1_000, 65_536, 999_999];
        assert!(nanos.map(id_at).is_sorted());
        let mut started = step();
        started["saga.status"] = json!("STARTED");
        // It began 999,999 ns after the millisecond.
        let id = event(apply(&span(&started), None)).event_id;
        assert!(id.as_str().starts_with("otlp-f423f-"), "{id}");
    }

    #[test]
    fn a_span_that_failed_says_why() {
        let mut failed = span(&step());
        failed["status"] = json!({"code": 2, "message": "no piano is left"});
        let event_of = |failed: &Value| event(apply(failed, None));
        assert_eq!(event_of(&failed).status, SagaStatus::Failed);
        assert_eq!(metadata(&event_of(&failed))["failureReason"], "no piano is left");
        failed["status"] = json!({"code": 2});
        let exception =
            attributes(&json!({"exception.type": "OutOfStock", "exception.message": "none is left"}));
        failed["events"] = json!([{"name": "exception", "attributes": exception}]);
        assert_eq!(metadata(&event_of(&failed))["failureReason"], "none is left");
        let mut own = step();
        own["saga.metadata.failureReason"] = json!("sold out");
        failed["attributes"] = attributes(&own);
        assert_eq!(metadata(&event_of(&failed))["failureReason"], "sold out");
    }

    #[test]
    fn what_names_no_saga_is_ignored_and_what_is_wrong_says_all_of_it() {
        assert_eq!(apply(&span(&json!({"http.route": "/"})), None), Mapped::Ignored);
        let refused = |span: &Value| match apply(span, None) {
            Mapped::Refused(reason) => reason,
            other => panic!("{other:?}"),
        };
        let wrong = json!({"saga.id": "", "saga.step": "stock.reserved", "saga.status": "DONE", "saga.order.id": 1.5});
        assert_eq!(
            refused(&span(&wrong)),
            "saga.id is empty; saga.type is missing; step is not UPPER_SNAKE_CASE: \"stock.reserved\"; saga.status: unknown \
             status \"DONE\": expected STARTED, IN_PROGRESS, COMPLETED, FAILED or COMPENSATED; saga.order.id is no text"
        );
        for (field, value, reason) in [
            ("traceId", "0af7", "traceId has 2 bytes, not 16"),
            ("traceId", "", "traceId has 0 bytes, not 16"),
            ("spanId", "0000000000000000", "spanId is all zeros"),
            (
                "endTimeUnixNano",
                "0",
                "endTimeUnixNano is missing, or no time that is taken",
            ),
        ] {
            let mut wrong = span(&step());
            wrong[field] = json!(value);
            assert_eq!(refused(&wrong), reason);
        }
        let mut correction = step();
        correction["saga.step"] = json!("MANUAL_STATUS_OVERRIDE");
        assert!(refused(&span(&correction)).contains("is kept for operators"));
        let mut long = step();
        long["saga.metadata.note"] = json!("x".repeat(40_000));
        assert!(refused(&span(&long)).starts_with("saga.metadata.note: metadata "));
    }

    const MAPPING: &str = "
defaults:
  sagaId: attributes['app.order']
  orderId: attributes['app.order']
  sagaType: ORDER_CREATION
rules:
  - when: resource['service.name'] == 'product-service' && event.name == 'reserve' && event.status.code != 'ERROR'
    step: STOCK_RESERVED
    status: COMPLETED
    metadata: { warehouse: \"attributes['app.warehouse']\" }
  - when: event.name == 'reserve'
    step: STOCK_RESERVATION_FAILED
    status: FAILED
    recordedAt: event.startTime
";

    #[test]
    fn a_mapping_makes_steps_of_spans_as_they_are() {
        let mapping = Mapping::from_yaml("traces", MAPPING).unwrap();
        let mut reserve = span(&json!({"app.order": "o-1", "app.warehouse": "north"}));
        let reserved = event(apply(&reserve, Some(&mapping)));
        assert_eq!(
            (reserved.saga_id.as_str(), reserved.step.as_str()),
            ("o-1", "STOCK_RESERVED")
        );
        assert_eq!(metadata(&reserved)["warehouse"], "north");
        assert_eq!(metadata(&reserved)["traceId"], TRACE);
        reserve["status"] = json!({"code": 2, "message": "none"});
        let failed = event(apply(&reserve, Some(&mapping)));
        assert_eq!(failed.recorded_at.as_millis(), 1_760_000_000_000);
        assert_eq!(metadata(&failed)["failureReason"], "none");
        assert_ne!(failed.event_id, reserved.event_id);
        reserve["spanId"] = json!("");
        assert_eq!(
            apply(&reserve, Some(&mapping)),
            Mapped::Refused("spanId has 0 bytes, not 8".to_owned())
        );
        // Attributes count where no rule does.
        let mut named = span(&step());
        named["name"] = json!("other");
        assert_eq!(event(apply(&named, Some(&mapping))).saga_id.as_str(), "s-1");
        named["attributes"] = json!([]);
        assert_eq!(apply(&named, Some(&mapping)), Mapped::Ignored);
    }

    #[test]
    fn a_log_record_is_a_step_with_or_without_a_span() {
        let record = |trace: &str, at: &str| {
            let mut given = step();
            given["saga.step"] = json!("PAYMENT_FAILED");
            json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{
                "traceId": trace, "observedTimeUnixNano": at, "timeUnixNano": "1760000000000000000", "severityNumber": 17,
                "body": {"stringValue": "no funds"}, "attributes": attributes(&given),
            }]}]}]})
        };
        let apply = |record: &Value| {
            event(apply_all(record.to_string().as_bytes(), Encoding::Json, Signal::Logs, None).remove(0))
        };
        let first = apply(&record(TRACE, "1760000000000000001"));
        assert_eq!(
            (first.status, first.recorded_at.as_millis()),
            (SagaStatus::Failed, 1_760_000_000_000)
        );
        assert_eq!(
            metadata(&first),
            json!({"itemCount": 3, "failureReason": "no funds", "traceId": TRACE})
        );
        // Collectors on the way observe it later.
        assert_eq!(apply(&record(TRACE, "1760000009000000001")), first);
        let alone = apply(&record("00", "1"));
        assert_eq!(metadata(&alone).get("traceId"), None);
        assert_ne!(alone.event_id, first.event_id);
        let decoded: ExportLogsServiceRequest = serde_json::from_value(record(TRACE, "1")).unwrap();
        let again = apply_all(&decoded.encode_to_vec(), Encoding::Protobuf, Signal::Logs, None);
        assert_eq!(again, [Mapped::Event(Box::new(first))]);
    }
}
