//! The event that a rule makes of a document.

use cel::{Context, Value};
use saga_sdk::InputError;
use saga_types::{
    EventId, Metadata, MetadataBuilder, OrderId, SagaEvent, SagaId, SagaStatus, SagaType, Timestamp, keys,
};
use serde_json::value::RawValue;

use super::{
    expression::Expression,
    file::{Name, Rule},
    input::Input,
};
use crate::{
    document::Document,
    event::{self, Envelope},
    event_id,
};

/// What begins the id of an event that a document gives none.
const ID_PREFIX: &str = "map-";

/// An event that is being made.
pub(super) struct Making<'a> {
    pub(super) source: &'a str,
    pub(super) rule: &'a Rule,
    pub(super) input: &'a Input<'a>,
    pub(super) context: &'a Context<'static, 'static>,
}

impl Making<'_> {
    pub(super) fn event(&self, envelope: Envelope) -> Result<SagaEvent, String> {
        let rule = self.rule;
        let recorded_at = match &rule.recorded_at {
            Some(expression) => Some(self.time(expression)?),
            None => envelope.recorded_at,
        };
        let recorded_at = recorded_at.ok_or(match envelope.row {
            Some(_) => "recordedAt is missing: what a snapshot reads has no time of its own",
            None => "recordedAt is missing",
        })?;
        let event_id = match (&rule.event_id, envelope.event_id) {
            (Some(expression), _) => {
                let text = self.text("eventId", expression)?;
                EventId::new(text).map_err(|error| InputError::EventId(error).to_string())?
            }
            (None, Some(id)) => id,
            (None, None) => self.hashed_id()?,
        };
        let saga_id = self.text("sagaId", &rule.saga_id)?;
        let order_id = self.text("orderId", &rule.order_id)?;
        let saga_type = self.name("sagaType", &rule.saga_type, |text| {
            SagaType::new(text).map_err(|error| InputError::SagaType(error).to_string())
        })?;
        let step = self.name("step", &rule.step, event::step)?;
        let status = self.name("status", &rule.status, |text| {
            text.parse::<SagaStatus>()
                .map_err(|_| format!("status {text:?} is none of the five"))
        })?;
        let mut event = SagaEvent {
            event_id,
            event_timestamp: recorded_at,
            saga_id: SagaId::new(saga_id).map_err(|error| InputError::SagaId(error).to_string())?,
            saga_type,
            step,
            status,
            order_id: OrderId::new(order_id).map_err(|error| InputError::OrderId(error).to_string())?,
            metadata: Some(self.metadata()?),
            recorded_at,
        };
        if let (None, Some(_), Some(row)) = (&rule.event_id, &rule.recorded_at, &envelope.row) {
            event.event_id = row.event_id(&event)?;
        }
        Ok(event)
    }

    fn value(&self, field: &str, expression: &Expression) -> Result<Option<Value>, String> {
        expression
            .value(self.context)
            .map_err(|reason| format!("{field}: {reason}"))
    }

    /// A text, or a whole number as one.
    fn text(&self, field: &str, expression: &Expression) -> Result<String, String> {
        match self.value(field, expression)? {
            Some(Value::String(text)) => Ok(text.as_str().to_owned()),
            Some(Value::Int(number)) => Ok(number.to_string()),
            Some(Value::UInt(number)) => Ok(number.to_string()),
            Some(other) => Err(format!("{field} is no text but {}", other.type_of())),
            None => Err(format!("{field} is missing")),
        }
    }

    fn name<T: Clone>(
        &self,
        field: &str,
        name: &Name<T>,
        read: impl Fn(String) -> Result<T, String>,
    ) -> Result<T, String> {
        match name {
            Name::Written(written) => Ok(written.clone()),
            Name::Given(expression) => read(self.text(field, expression)?),
        }
    }

    fn time(&self, expression: &Expression) -> Result<Timestamp, String> {
        const FIELD: &str = "recordedAt";
        match self.value(FIELD, expression)? {
            Some(Value::Int(millis)) => Timestamp::from_millis(millis).map_err(|error| error.to_string()),
            Some(Value::String(text)) => text.parse().map_err(|error| format!("{FIELD} {error}")),
            Some(other) => Err(format!("{FIELD} is no time but {}", other.type_of())),
            None => Err(format!("{FIELD} is missing")),
        }
    }

    /// The same document of the same source is the same event.
    fn hashed_id(&self) -> Result<EventId, String> {
        event_id::hashed(ID_PREFIX, &[self.source.as_bytes(), self.input.event.as_bytes()])
            .map_err(|error| InputError::EventId(error).to_string())
    }

    fn metadata(&self) -> Result<Metadata, String> {
        let mut metadata = MetadataBuilder::default();
        let refused = |error| InputError::Metadata(error).to_string();
        for (key, expression) in &self.rule.metadata {
            if let Some(text) = expression
                .path()
                .and_then(|path| selected(self.input.event, path))
            {
                metadata.insert(key, text).map_err(refused)?;
                continue;
            }
            let Some(value) = self.value(&format!("metadata.{key}"), expression)? else {
                continue;
            };
            let json = value
                .json()
                .map_err(|_| format!("metadata.{key} cannot be written as JSON"))?;
            metadata.insert(key, &json).map_err(refused)?;
        }
        if let Some(service) = &self.rule.service {
            let service = self.text("service", service)?;
            metadata
                .insert_if_absent(keys::PRODUCER_SERVICE, &service)
                .map_err(refused)?;
        }
        metadata.build().map_err(refused)
    }
}

/// The text of a field, with every digit of a number; `None` when it is not there.
fn selected<'a>(event: &'a str, path: &[String]) -> Option<&'a RawValue> {
    let (first, rest) = path.split_first()?;
    let field = Document::read(event).ok()?.raw(first)?;
    match rest.is_empty() {
        true => Some(field),
        false => selected(field.get(), rest),
    }
}
