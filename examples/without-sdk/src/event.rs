//! The domain events that the services publish.

use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A domain event: what happened to one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainEvent {
    /// Unique; an event may come twice, and is handled once.
    pub event_id: String,
    /// When it happened, in RFC 3339 with milliseconds.
    pub occurred_at: String,
    /// The order.
    pub order_id: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// The trace that it belongs to: the header `traceparent`.
    #[serde(skip)]
    pub traceparent: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum What {
    /// order-service took an order.
    OrderPlaced {
        /// The article.
        sku: String,
        /// What it costs.
        amount: i64,
        /// How it is to be paid.
        payment_method: String,
    },
    /// order-service: it is paid.
    OrderConfirmed,
    /// order-service: the others undo what they did for it.
    OrderCancelled {
        /// Why.
        reason: String,
    },
    /// order-service: it took too long; the others undo what they did for it.
    OrderExpired {
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
    /// product-service does not have the article.
    StockRejected {
        /// Why.
        reason: String,
    },
    /// product-service put the articles back.
    StockReleased,
    /// payment-service is about to ask for the money.
    PaymentRequested,
    /// payment-service has the money.
    PaymentCompleted,
    /// payment-service will not get the money.
    PaymentFailed {
        /// Why.
        reason: String,
    },
    /// payment-service does not ask for the money any more.
    PaymentCancelled,
    /// payment-service gave the money back.
    PaymentRefunded,
}

impl DomainEvent {
    /// One that happens now.
    #[must_use]
    pub fn new(order_id: &str, what: What, traceparent: String) -> Self {
        Self {
            event_id: Uuid::now_v7().to_string(),
            occurred_at: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            order_id: order_id.to_owned(),
            what,
            traceparent,
        }
    }

    /// As it stands on a topic.
    ///
    /// # Errors
    ///
    /// Never in practice: it has only texts and numbers.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The name of what happened, such as `OrderPlaced`.
    ///
    /// # Errors
    ///
    /// Those of [`json`](Self::json).
    pub fn name(&self) -> Result<String, serde_json::Error> {
        let fields = serde_json::to_value(&self.what)?;
        Ok(fields["type"].as_str().unwrap_or_default().to_owned())
    }
}

impl What {
    /// The service that says so.
    #[must_use]
    pub const fn service(&self) -> ServiceName {
        match self {
            Self::OrderPlaced { .. }
            | Self::OrderConfirmed
            | Self::OrderCancelled { .. }
            | Self::OrderExpired { .. } => ServiceName::Order,
            Self::StockReserved { .. } | Self::StockRejected { .. } | Self::StockReleased => {
                ServiceName::Product
            }
            Self::PaymentRequested
            | Self::PaymentCompleted
            | Self::PaymentFailed { .. }
            | Self::PaymentCancelled
            | Self::PaymentRefunded => ServiceName::Payment,
        }
    }
}

/// One of the three services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceName {
    /// order-service.
    Order,
    /// product-service.
    Product,
    /// payment-service.
    Payment,
}

impl ServiceName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Order, Self::Product, Self::Payment];

    /// As it calls itself.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order-service",
            Self::Product => "product-service",
            Self::Payment => "payment-service",
        }
    }

    /// The topic of its domain events.
    #[must_use]
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Order => "shop.orders",
            Self::Product => "shop.stock",
            Self::Payment => "shop.payments",
        }
    }

    /// What its outbox calls the things that its events are about.
    #[must_use]
    pub const fn aggregate(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Product => "reservation",
            Self::Payment => "payment",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_flat_json_without_a_word_of_sagas() {
        let what = What::StockReserved {
            amount: 9_900,
            payment_method: "card".to_owned(),
        };
        let event = DomainEvent {
            event_id: "e".to_owned(),
            occurred_at: "2026-11-22T08:26:40.000Z".to_owned(),
            ..DomainEvent::new("o-1", what, "00-1-1-01".to_owned())
        };
        let json = serde_json::json!({
            "eventId": "e", "occurredAt": "2026-11-22T08:26:40.000Z", "orderId": "o-1",
            "type": "StockReserved", "amount": 9_900, "paymentMethod": "card",
        });
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&event.json().unwrap()).unwrap(),
            json
        );
        assert_eq!(event.name().unwrap(), "StockReserved");
    }
}
