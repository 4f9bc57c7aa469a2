//! The event of attributes that are called `saga.*`. They are what a service adds to its spans when there is no mapping.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use saga_types::{
    EventId, Metadata, MetadataBuilder, NameError, OrderId, SagaEvent, SagaId, SagaStatus, SagaType,
    Timestamp,
};

use super::{
    item::{Item, What},
    value,
};
use crate::event;

const SAGA_ID: &str = "saga.id";
const SAGA_TYPE: &str = "saga.type";
const STEP: &str = "saga.step";
const STATUS: &str = "saga.status";
const ORDER_ID: &str = "saga.order.id";

/// Begins attributes that become metadata.
const METADATA: &str = "saga.metadata.";

/// Whether it names a saga.
pub(super) fn is_step(item: &Item<'_>) -> bool {
    let attributes = item.attributes();
    [SAGA_ID, STEP]
        .iter()
        .any(|key| value::find(attributes, key).is_some())
}

/// Its event, or all that is wrong with it.
pub(super) fn event(item: &Item<'_>, event_id: EventId) -> Result<SagaEvent, String> {
    let mut reading = Reading {
        item,
        problems: Vec::new(),
    };
    let saga_id = reading.name(SAGA_ID, SagaId::new);
    let saga_type = reading.name(SAGA_TYPE, SagaType::new);
    let step = reading.text(STEP, event::step);
    let status = reading.status();
    let order_id = reading.name(ORDER_ID, OrderId::new);
    let recorded_at = status.and_then(|status| reading.time(status));
    let metadata = reading.metadata();
    let event = (|| {
        let recorded_at = recorded_at?;
        Some(SagaEvent {
            event_id,
            event_timestamp: recorded_at,
            saga_id: saga_id?,
            saga_type: saga_type?,
            step: step?,
            status: status?,
            order_id: order_id?,
            metadata,
            recorded_at,
        })
    })();
    event
        .filter(|_| reading.problems.is_empty())
        .ok_or_else(|| reading.problems.join("; "))
}

struct Reading<'a> {
    item: &'a Item<'a>,
    problems: Vec<String>,
}

impl Reading<'_> {
    /// A text, or a whole number as one.
    fn given(&mut self, key: &str) -> Option<String> {
        match value::find(self.item.attributes(), key)? {
            Any::StringValue(text) => Some(text.clone()),
            Any::IntValue(number) => Some(number.to_string()),
            _ => {
                self.problems.push(format!("{key} is no text"));
                None
            }
        }
    }

    fn text<T>(&mut self, key: &str, read: impl FnOnce(String) -> Result<T, String>) -> Option<T> {
        let before = self.problems.len();
        let given = self.given(key);
        let Some(given) = given else {
            if self.problems.len() == before {
                self.problems.push(format!("{key} is missing"));
            }
            return None;
        };
        read(given).map_err(|problem| self.problems.push(problem)).ok()
    }

    fn name<T>(&mut self, key: &str, read: impl FnOnce(String) -> Result<T, NameError>) -> Option<T> {
        self.text(key, |text| read(text).map_err(|error| format!("{key} {error}")))
    }

    /// Without one it is what the span says of itself.
    fn status(&mut self) -> Option<SagaStatus> {
        if value::find(self.item.attributes(), STATUS).is_some() {
            return self.text(STATUS, |text| {
                text.parse::<SagaStatus>()
                    .map_err(|error| format!("{STATUS}: {error}"))
            });
        }
        Some(match self.item.is_error() {
            true => SagaStatus::Failed,
            false => SagaStatus::Completed,
        })
    }

    /// A step that only started did so when the span did.
    fn time(&mut self, status: SagaStatus) -> Option<Timestamp> {
        let time = match status {
            SagaStatus::Started => self.item.started_at(),
            _ => self.item.ended_at(),
        };
        if time.is_none() {
            let field = match (&self.item.what, status) {
                (What::Record(_), _) => "timeUnixNano",
                (What::Span(_), SagaStatus::Started) => "startTimeUnixNano",
                (What::Span(_), _) => "endTimeUnixNano",
            };
            self.problems
                .push(format!("{field} is missing, or no time that is taken"));
        }
        time
    }

    fn metadata(&mut self) -> Option<Metadata> {
        let mut metadata = MetadataBuilder::default();
        for attribute in self.item.attributes() {
            let Some(key) = attribute.key.strip_prefix(METADATA) else {
                continue;
            };
            if let Err(error) = metadata.insert(key, &value::json(attribute.value.as_ref())) {
                self.problems.push(format!("{METADATA}{key}: metadata {error}"));
            }
        }
        metadata.build().ok()
    }
}
