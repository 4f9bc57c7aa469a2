//! One recorded step, checked.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{EventId, Metadata, OrderId, SagaId, SagaStatus, SagaType, Step, Timestamp};

/// One step of one saga, as a service recorded it.
///
/// As JSON it is written with the field names of the wire contract, metadata as an object and times as RFC
/// 3339; see [`Timestamp`] for what is read.
///
/// ```
/// use saga_types::{Metadata, SagaEvent, SagaStatus, SagaType, Timestamp, steps};
///
/// let event = SagaEvent::new(
///     "evt-1".parse()?, "saga-1".parse()?, "order-1".parse()?,
///     SagaType::ORDER_CREATION, steps::STOCK_RESERVATION_FAILED, SagaStatus::Failed,
///     Timestamp::from_millis(1_700_000_000_000)?,
/// )
/// .with_metadata(Metadata::parse(r#"{"failureReason":"out of stock"}"#)?);
/// let json = serde_json::to_value(&event)?;
/// assert_eq!(json["recordedAt"], "2023-11-14T22:13:20.000Z");
/// assert_eq!(json["metadata"]["failureReason"], "out of stock");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "EventJson", into = "EventJson")]
pub struct SagaEvent {
    /// Names this event; the same id means the same event.
    pub event_id: EventId,
    /// When the event was built.
    pub event_timestamp: Timestamp,
    /// The saga it belongs to.
    pub saga_id: SagaId,
    /// The kind of saga.
    pub saga_type: SagaType,
    /// What happened.
    pub step: Step,
    /// How it ended.
    pub status: SagaStatus,
    /// The business key.
    pub order_id: OrderId,
    /// What else the service knows.
    pub metadata: Option<Metadata>,
    /// When the step happened.
    pub recorded_at: Timestamp,
}

impl SagaEvent {
    /// An event without metadata that was built when the step happened.
    #[must_use]
    pub fn new(
        event_id: EventId,
        saga_id: SagaId,
        order_id: OrderId,
        saga_type: SagaType,
        step: Step,
        status: SagaStatus,
        recorded_at: Timestamp,
    ) -> Self {
        Self {
            event_id,
            event_timestamp: recorded_at,
            saga_id,
            saga_type,
            step,
            status,
            order_id,
            metadata: None,
            recorded_at,
        }
    }

    /// The same event with metadata.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(metadata);
        self
    }
}

/// The JSON form. Only this knows that a custom type may come as `CUSTOM` with the name beside it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventJson {
    event_id: EventId,
    event_timestamp: Option<Timestamp>,
    saga_id: SagaId,
    saga_type: SagaType,
    #[serde(skip_serializing)]
    saga_type_name: Option<SagaType>,
    step: Step,
    status: SagaStatus,
    order_id: OrderId,
    metadata: Option<Map<String, Value>>,
    recorded_at: Timestamp,
}

impl TryFrom<EventJson> for SagaEvent {
    type Error = String;

    fn try_from(json: EventJson) -> Result<Self, String> {
        let metadata = json.metadata.as_ref().map(Metadata::from_object).transpose();
        let is_custom = json.saga_type.as_str() == SagaType::CUSTOM_SYMBOL;
        Ok(Self {
            event_id: json.event_id,
            event_timestamp: json.event_timestamp.unwrap_or(json.recorded_at),
            saga_id: json.saga_id,
            saga_type: if is_custom {
                json.saga_type_name.unwrap_or(json.saga_type)
            } else {
                json.saga_type
            },
            step: json.step,
            status: json.status,
            order_id: json.order_id,
            metadata: metadata.map_err(|error| format!("metadata {error}"))?,
            recorded_at: json.recorded_at,
        })
    }
}

impl From<SagaEvent> for EventJson {
    fn from(event: SagaEvent) -> Self {
        Self {
            event_id: event.event_id,
            event_timestamp: Some(event.event_timestamp),
            saga_id: event.saga_id,
            saga_type: event.saga_type,
            saga_type_name: None,
            step: event.step,
            status: event.status,
            order_id: event.order_id,
            metadata: event.metadata.as_ref().map(Metadata::to_object),
            recorded_at: event.recorded_at,
        }
    }
}
