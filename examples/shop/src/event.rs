//! What the services tell each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Headers of Kafka, by name.
pub type Headers = BTreeMap<String, String>;

/// A domain event: what happened to one order.
///
/// Its headers name the saga, so that the next service records into the same one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainEvent {
    /// Unique; an event may come twice, and is handled once.
    pub event_id: String,
    /// The order; the key in Kafka, so that the events of one order keep their order within a topic.
    pub order_id: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// What travels beside the JSON.
    #[serde(skip)]
    pub headers: Headers,
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
    /// order-service cancelled the order: services that did something for it undo that.
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
    /// A new event of an order, with headers such as those of [`Saga::headers`](saga_sdk::Saga::headers).
    #[must_use]
    pub fn new<N: Into<String>>(
        order_id: impl Into<String>,
        what: What,
        headers: impl IntoIterator<Item = (N, String)>,
    ) -> Self {
        Self {
            event_id: Uuid::now_v7().to_string(),
            order_id: order_id.into(),
            what,
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        }
    }

    /// What happens next to the same order. The headers are passed on as they are, also by a service that is not
    /// tracked, so that the saga goes on behind it.
    #[must_use]
    pub fn followed_by(&self, what: What) -> Self {
        Self::new(&self.order_id, what, self.headers.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_flat_json() {
        let event = DomainEvent {
            event_id: "e".into(),
            order_id: "o".into(),
            what: What::StockReserved {
                amount: 9_900,
                payment_method: "card".into(),
            },
            headers: Headers::new(),
        };
        let json = serde_json::json!({
            "eventId": "e", "orderId": "o",
            "type": "StockReserved", "amount": 9_900, "paymentMethod": "card",
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), json);
        assert_eq!(serde_json::from_value::<DomainEvent>(json).unwrap(), event);
    }
}
