//! An event of a JSON object, checked by the rules of the SDK and refused in its words.

use saga_sdk::InputError;
use saga_types::{EventId, Metadata, OrderId, SagaEvent, SagaId, SagaStatus, SagaType, Step, Timestamp};
use serde_json::value::RawValue;

use crate::{document::Document, event_id};

/// Stands in `sagaType` when `sagaTypeName` names the type.
const CUSTOM: &str = "CUSTOM";

/// What an envelope says of an event that does not say it itself.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    pub(crate) event_id: Option<EventId>,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) row: Option<Row>,
}

/// A row that a document shows, and that others may show anew, at another place and time. With a time of its own an event is named by
/// the row and by what it says, so that both are the same event.
#[derive(Debug)]
pub(crate) struct Row {
    /// What begins the id.
    pub(crate) prefix: String,
    /// Which row it is.
    pub(crate) of: EventId,
}

impl Row {
    pub(crate) fn event_id(&self, event: &SagaEvent) -> Result<EventId, String> {
        let metadata = event.metadata.as_ref().map_or("", Metadata::as_str);
        let parts = [
            self.of.as_str().as_bytes(),
            event.saga_id.as_str().as_bytes(),
            event.saga_type.as_str().as_bytes(),
            event.step.as_str().as_bytes(),
            event.status.as_str().as_bytes(),
            event.order_id.as_str().as_bytes(),
            &event.recorded_at.as_millis().to_be_bytes(),
            metadata.as_bytes(),
        ];
        in_words(event_id::hashed(&self.prefix, &parts), InputError::EventId)
    }
}

/// Reads an event.
pub(crate) fn read(text: &str, envelope: Envelope) -> Result<SagaEvent, String> {
    let mut document = Document::read(text)?;
    let (type_field, saga_type) = saga_type(&mut document);
    let event_id = document.optional_text("eventId", |text| {
        in_words(EventId::new(text), InputError::EventId)
    });
    let saga_id = document.optional_text("sagaId", |text| in_words(SagaId::new(text), InputError::SagaId));
    let step = document.optional_text("step", step);
    let status = document.optional_text("status", |text| {
        text.parse::<SagaStatus>()
            .map_err(|_| "status must be STARTED, IN_PROGRESS, COMPLETED, FAILED or COMPENSATED".to_owned())
    });
    let order_id = document.optional_text("orderId", |text| {
        in_words(OrderId::new(text), InputError::OrderId)
    });
    let metadata = document.optional("metadata", |value| {
        Metadata::parse(value.get()).map_err(|error| InputError::Metadata(error).to_string())
    });
    let recorded_at = document.optional("recordedAt", |value| time("recordedAt", value));
    let event_timestamp = document.optional("eventTimestamp", |value| time("eventTimestamp", value));

    let event_id = document.require("eventId", event_id.or(envelope.event_id));
    let saga_id = document.require("sagaId", saga_id);
    let saga_type = document.require(type_field, saga_type);
    let step = document.require("step", step);
    let status = document.require("status", status);
    let order_id = document.require("orderId", order_id);
    let recorded_at = document.require("recordedAt", recorded_at.or(envelope.recorded_at));
    let event = (|| {
        let recorded_at = recorded_at?;
        Some(SagaEvent {
            event_id: event_id?,
            event_timestamp: event_timestamp.unwrap_or(recorded_at),
            saga_id: saga_id?,
            saga_type: saga_type?,
            step: step?,
            status: status?,
            order_id: order_id?,
            metadata,
            recorded_at,
        })
    })();
    document.finish(event)
}

fn in_words<T, E>(checked: Result<T, E>, field: impl FnOnce(E) -> InputError) -> Result<T, String> {
    checked.map_err(|error| field(error).to_string())
}

/// Only an operator may set a status, and that has its own endpoint.
pub(crate) fn step(text: String) -> Result<Step, String> {
    let step = in_words(Step::new(text), InputError::Step)?;
    match step.is_manual_override() {
        true => Err(format!(
            "step {step} is kept for operators: PATCH /internal/v1/sagas/{{sagaId}}/status"
        )),
        false => Ok(step),
    }
}

/// The type, and the field that must name it.
fn saga_type(document: &mut Document<'_>) -> (&'static str, Option<SagaType>) {
    let custom = document.optional_text("sagaTypeName", |text| {
        SagaType::new(text).map_err(|error| format!("sagaTypeName {error}"))
    });
    let mut is_custom = false;
    let named = document.optional_text("sagaType", |text| {
        is_custom = text == CUSTOM;
        in_words(SagaType::new(text), InputError::SagaType)
    });
    if is_custom {
        return ("sagaTypeName", custom);
    }
    if custom.is_some() {
        document.refuse(format!("sagaTypeName belongs to the sagaType {CUSTOM} only"));
    }
    ("sagaType", named)
}

/// A time as RFC 3339 or in milliseconds since 1970.
pub(crate) fn time(name: &str, value: &RawValue) -> Result<Timestamp, String> {
    serde_json::from_str(value.get()).map_err(|error| {
        let reason = error.to_string();
        // The place is that within the value, which says nothing.
        let reason = reason
            .rsplit_once(" at line ")
            .map_or(reason.as_str(), |(reason, _)| reason);
        format!("{name} is no time: {reason}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read(text, Envelope::default()).unwrap_err()
    }

    const GOOD: &str = r#"{"eventId":"e-1","sagaId":"s-1","sagaType":"ORDER_CREATION","step":"ORDER_CREATED",
        "status":"STARTED","orderId":"o-1","recordedAt":"2026-11-22T08:26:40.5Z",
        "metadata":{"producerService":"order-service","amount":0.10000000000000000000000000001}}"#;

    #[test]
    fn an_event_is_read_with_every_digit_of_its_numbers() {
        let event = read(GOOD, Envelope::default()).unwrap();
        assert_eq!(event.event_timestamp, event.recorded_at);
        let metadata = event.metadata.unwrap();
        assert!(metadata.as_str().contains("0.10000000000000000000000000001"));
    }

    #[test]
    fn a_custom_type_is_named_either_way() {
        let named = GOOD.replace("ORDER_CREATION", "LOYALTY_SIGN_UP");
        let beside = GOOD.replace(
            r#""ORDER_CREATION""#,
            r#""CUSTOM","sagaTypeName":"LOYALTY_SIGN_UP""#,
        );
        let read = |text: &str| read(text, Envelope::default()).unwrap();
        assert_eq!(read(&named), read(&beside));
        let alone = GOOD.replace("ORDER_CREATION", "CUSTOM");
        assert_eq!(refused(&alone), "sagaTypeName is missing");
    }

    #[test]
    fn everything_that_is_wrong_is_said_in_the_words_of_the_sdk() {
        let long = "x".repeat(101);
        let text = format!(
            r#"{{"eventId":"","sagaId":"{long}","sagaType":"loan","step":"stock.reserved","status":"DONE","orderId":7,
            "metadata":[],"recordedAt":"yesterday","colour":"red"}}"#
        );
        let problems = refused(&text);
        for problem in [
            "eventId is empty",
            "sagaId has 101 characters, at most 100 are allowed",
            "sagaType is not UPPER_SNAKE_CASE: \"loan\"",
            "step is not UPPER_SNAKE_CASE: \"stock.reserved\"",
            "status must be STARTED",
            "orderId must be a text",
            "metadata is not a valid JSON object",
            "recordedAt is no time: ",
            "\"colour\" is not known here",
        ] {
            assert!(problems.contains(problem), "{problem}: {problems}");
        }
        assert!(!problems.contains("is missing"), "{problems}");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            refused("{}"),
            "eventId is missing; sagaId is missing; sagaType is missing; step is missing; status is missing; orderId is missing; \
             recordedAt is missing"
        );
    }

    #[test]
    fn an_override_is_kept_for_operators() {
        let text = GOOD.replace("ORDER_CREATED", "MANUAL_STATUS_OVERRIDE");
        assert!(refused(&text).starts_with("step MANUAL_STATUS_OVERRIDE is kept for operators"));
    }

    #[test]
    fn a_field_that_is_given_twice_is_refused() {
        let text = GOOD.replacen('{', r#"{"sagaId":"s-2","#, 1);
        assert!(refused(&text).contains("a field is given more than once"));
    }
}
