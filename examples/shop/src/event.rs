//! What the services tell each other.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A domain event: one thing that happened to one order.
///
/// It carries the ids of its saga, so that the next service records into the same one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainEvent {
    /// Unique; an event may come twice, and is handled once.
    pub event_id: String,
    /// The saga that the order is.
    pub saga_id: String,
    /// The order; the key in Kafka, so that the events of one order keep their order within a topic.
    pub order_id: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. Amounts are in won.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum What {
    /// order-service took an order.
    OrderPlaced {
        /// The article.
        sku: String,
        /// How many of it.
        quantity: i64,
        /// What it costs in all.
        amount: i64,
        /// How it is to be paid.
        payment_method: String,
    },
    /// order-service gave the order up: whoever did something for it undoes that.
    OrderCancelled {
        /// Why.
        reason: String,
    },
    /// product-service put the articles aside.
    StockReserved {
        /// What is to be paid.
        amount: i64,
        /// How it is to be paid.
        payment_method: String,
    },
    /// product-service does not have enough of the article.
    StockRejected {
        /// Why.
        reason: String,
    },
    /// payment-service has the money.
    PaymentCompleted,
    /// payment-service will not get the money.
    PaymentFailed {
        /// Why.
        reason: String,
    },
}

impl DomainEvent {
    /// A new event of an order.
    #[must_use]
    pub fn new(saga_id: impl Into<String>, order_id: impl Into<String>, what: What) -> Self {
        Self {
            event_id: Uuid::now_v7().to_string(),
            saga_id: saga_id.into(),
            order_id: order_id.into(),
            what,
        }
    }

    /// What happens next to the same order.
    #[must_use]
    pub fn followed_by(&self, what: What) -> Self {
        Self::new(&self.saga_id, &self.order_id, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_flat_json() {
        let event = DomainEvent {
            event_id: "e".into(),
            saga_id: "s".into(),
            order_id: "o".into(),
            what: What::StockReserved {
                amount: 9_900,
                payment_method: "card".into(),
            },
        };
        let json = serde_json::json!({
            "eventId": "e", "sagaId": "s", "orderId": "o",
            "type": "StockReserved", "amount": 9_900, "paymentMethod": "card",
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), json);
        assert_eq!(serde_json::from_value::<DomainEvent>(json).unwrap(), event);
    }
}
