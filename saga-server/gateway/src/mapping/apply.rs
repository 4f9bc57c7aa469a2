//! The first rule that takes a document.

use cel::{Context, Value};
use saga_types::SagaEvent;

use super::{
    file::{self, MappingError, Rule},
    input::Input,
    making::Making,
};
use crate::{cloud_events, document::cut, event::Envelope};

/// The mapping of one source.
#[derive(Debug)]
pub struct Mapping {
    source: String,
    rules: Vec<Rule>,
}

/// What a mapping makes of a document.
#[derive(Debug, PartialEq)]
pub enum Mapped {
    /// This event.
    Event(Box<SagaEvent>),
    /// No rule takes it.
    Ignored,
    /// A rule takes it, and cannot make an event of it, for this reason.
    Refused(String),
}

impl Mapping {
    /// Reads the mapping of a source.
    ///
    /// # Errors
    ///
    /// [`MappingError`] with the line.
    pub fn from_yaml(source: &str, yaml: &str) -> Result<Self, MappingError> {
        Ok(Self {
            source: source.to_owned(),
            rules: file::rules(yaml)?,
        })
    }

    /// The name of the source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Makes an event of a document.
    #[must_use]
    pub fn apply(&self, input: &Input<'_>) -> Mapped {
        self.map(input, Envelope::default())
    }

    /// Makes an event of a CloudEvent in structured mode.
    #[must_use]
    pub fn apply_cloud_event(&self, text: &str) -> Mapped {
        match cloud_events::structured(text) {
            Ok(opened) => {
                let input = Input {
                    event: &opened.data,
                    attributes: opened.attributes,
                    ..Input::default()
                };
                self.map(&input, opened.envelope)
            }
            Err(reason) => Mapped::Refused(reason),
        }
    }

    pub(crate) fn map(&self, input: &Input<'_>, envelope: Envelope) -> Mapped {
        let context = match input.context() {
            Ok(context) => context,
            Err(reason) => return Mapped::Refused(reason),
        };
        for rule in &self.rules {
            match takes(rule, &context) {
                Ok(false) => {}
                Ok(true) => {
                    let making = Making {
                        source: &self.source,
                        rule,
                        input,
                        context: &context,
                    };
                    return match making.event(envelope) {
                        Ok(event) => Mapped::Event(Box::new(event)),
                        Err(reason) => Mapped::Refused(cut(&format!("{}: {reason}", rule.name))),
                    };
                }
                Err(reason) => return Mapped::Refused(cut(&format!("{}: when: {reason}", rule.name))),
            }
        }
        Mapped::Ignored
    }
}

/// A rule does not take a document that lacks what its condition asks for.
fn takes(rule: &Rule, context: &Context<'_, '_>) -> Result<bool, String> {
    let Some(when) = &rule.when else { return Ok(true) };
    match when.value(context)? {
        Some(Value::Bool(takes)) => Ok(takes),
        None => Ok(false),
        Some(other) => Err(format!("gives {}, not true or false", other.type_of())),
    }
}

#[cfg(test)]
mod tests {
    use saga_types::SagaStatus;

    use super::*;

    const ORDERS: &str = "
defaults:
  sagaId: event.order.id
  orderId: event.order.number
  sagaType: ORDER_CREATION
  recordedAt: event.at
  service: \"'order-service'\"
  metadata:
    total: event.order.total
rules:
  - when: event.type == 'OrderPlaced'
    step: ORDER_CREATED
    status: STARTED
  - when: event.type == 'PaymentRefused'
    step: PAYMENT_FAILED
    status: FAILED
    metadata:
      failureReason: event.reason
      lines: event.order.lines.filter(line, line.qty > 1).size()
  - when: event.kind.startsWith('stock.')
    step: \"event.kind == 'stock.reserved' ? 'STOCK_RESERVED' : 'stock.other'\"
    status: COMPLETED
";

    fn mapping(yaml: &str) -> Mapping {
        Mapping::from_yaml("orders", yaml).unwrap()
    }

    fn map(document: &str) -> Mapped {
        mapping(ORDERS).apply(&Input {
            event: document,
            ..Input::default()
        })
    }

    fn event(document: &str) -> SagaEvent {
        match map(document) {
            Mapped::Event(event) => *event,
            other => panic!("{other:?}"),
        }
    }

    fn refused(document: &str) -> String {
        match map(document) {
            Mapped::Refused(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_rule_that_takes_a_document_makes_its_event() {
        let document = r#"{"type":"PaymentRefused","at":"2026-11-22T08:26:40Z","reason":"no funds",
            "order":{"id":"s-1","number":4711,"total":0.10000000000000000000000000001,"lines":[{"qty":1},{"qty":3}]}}"#;
        let event = event(document);
        assert_eq!((event.saga_id.as_str(), event.order_id.as_str()), ("s-1", "4711"));
        assert_eq!(
            (event.step.as_str(), event.status),
            ("PAYMENT_FAILED", SagaStatus::Failed)
        );
        let metadata = event.metadata.as_ref().unwrap();
        assert_eq!(metadata.producer_service(), Some("order-service"));
        assert_eq!(metadata.failure_reason(), Some("no funds"));
        assert_eq!(metadata.to_object()["lines"], 1);
        assert!(
            metadata.as_str().contains("0.10000000000000000000000000001"),
            "{}",
            metadata.as_str()
        );
        assert!(event.event_id.as_str().starts_with("map-"));
        assert_eq!(map(document), Mapped::Event(Box::new(event)));
    }

    #[test]
    fn what_no_rule_takes_is_ignored_also_when_it_lacks_what_they_ask_for() {
        for document in [r#"{"type":"PageViewed"}"#, "{}", r#"{"type":7,"kind":"other"}"#] {
            assert_eq!(map(document), Mapped::Ignored, "{document}");
        }
    }

    #[test]
    fn what_a_rule_takes_and_is_wrong_says_why() {
        let order = r#""order":{"id":"s-1","number":1},"at":1760000000000"#;
        assert_eq!(
            refused(r#"{"type":"OrderPlaced"}"#),
            "rule 1 (line 11): recordedAt is missing"
        );
        assert_eq!(
            refused(r#"{"type":"OrderPlaced","at":"soon"}"#),
            "rule 1 (line 11): recordedAt \"soon\" is not an RFC 3339 time such as 2026-11-22T08:26:40.000Z"
        );
        assert_eq!(
            refused(r#"{"type":"OrderPlaced","at":7,"order":{"id":{}}}"#),
            "rule 1 (line 11): sagaId is no text but map"
        );
        let stock = format!(r#"{{"kind":"stock.gone",{order}}}"#);
        assert_eq!(
            refused(&stock),
            "rule 3 (line 20): step is not UPPER_SNAKE_CASE: \"stock.other\""
        );
        assert!(refused(r#"{"kind":7}"#).starts_with("rule 3 (line 20): when: "));
        for text in ["[]", r#""4111-1111""#, "41111111"] {
            assert_eq!(refused(text), "is not a JSON object", "{text}");
        }
        let long = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(1_000));
        assert!(refused(&long).contains("a mapping takes at most 1000"));
    }

    #[test]
    fn a_text_that_is_json_can_be_read() {
        let yaml = "
rules:
  - when: json(event.details).kind == 'gift'
    sagaId: json(event.details).order
    orderId: json(event.details).order
    sagaType: ORDER_CREATION
    step: ORDER_CREATED
    status: STARTED
    recordedAt: '7'
    metadata: { note: json(event.other).note, channel: json(event.details).channel }
";
        let map = |document: &str| {
            mapping(yaml).apply(&Input {
                event: document,
                ..Input::default()
            })
        };
        let document = |details: &str| serde_json::json!({ "details": details, "other": null }).to_string();
        let gift = r#"{"kind": "gift", "order": "s-1", "channel": {"name": "web"}}"#;
        // An object that was read already is the same.
        for text in [document(gift), format!(r#"{{"details":{gift}}}"#)] {
            let Mapped::Event(event) = map(&text) else {
                panic!("{text}");
            };
            assert_eq!(event.saga_id.as_str(), "s-1");
            assert_eq!(
                event.metadata.unwrap().as_str(),
                r#"{"channel":{"name":"web"}}"#,
                "{text}"
            );
        }
        for ignored in [
            r#"{"details":null}"#,
            "{}",
            &document("{}"),
            &document(r#"{"kind":"other"}"#),
        ] {
            assert_eq!(map(ignored), Mapped::Ignored, "{ignored}");
        }
        let refused = "rule 1 (line 3): when: Error executing function 'json': the text is no JSON";
        assert_eq!(map(&document("4111-1111")), Mapped::Refused(refused.to_owned()));
    }

    #[test]
    fn a_loop_over_the_longest_list_ends_soon() {
        let yaml = "
rules:
  - when: event.a.map(x, x * 2).filter(x, x > 3).size() == 997
    sagaId: \"'s'\"
    orderId: \"'o'\"
    sagaType: REFUND
    step: ORDER_CREATED
    status: STARTED
    recordedAt: '7'
";
        let numbers: Vec<String> = (0..999).map(|number| number.to_string()).collect();
        let document = format!(r#"{{"a":[{}]}}"#, numbers.join(","));
        let mapped = mapping(yaml).apply(&Input {
            event: &document,
            ..Input::default()
        });
        assert!(matches!(mapped, Mapped::Event(_)), "{mapped:?}");
    }

    #[test]
    fn a_mistake_is_named_with_line_rule_field_and_column() {
        let refused = |yaml: &str| Mapping::from_yaml("orders", yaml).unwrap_err().to_string();
        assert_eq!(
            refused(&ORDERS.replace("event.reason", "evnt.reason")),
            "line 18: rule 2, metadata.failureReason: column 1 of the expression: there is no variable \"evnt\"; there are \
             event, attributes, resource"
        );
        assert_eq!(
            refused(&ORDERS.replace("  sagaId: event.order.id\n", "")),
            "line 10: rule 1: sagaId is missing, here and in defaults"
        );
        assert!(refused(&ORDERS.replace("status: STARTED", "colour: red")).starts_with("line 1"));
        assert!(refused("rules: []").contains("rules must hold 1 to 200 rules"));
        assert!(refused("rules: 7").starts_with("line 1: "));
        assert!(
            refused(&ORDERS.replace("status: STARTED", "status: STARTD"))
                .contains("there is no variable \"STARTD\"")
        );
    }
}
