//! Records on Kafka's topics: domain events as the services write them, and rows of their outboxes as Debezium writes them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::json;

use crate::event::DomainEvent;

/// The topic of all outboxes, by the connectors' `transforms.outbox.route.topic.replacement`.
pub const OUTBOX_TOPIC: &str = "shop.outbox";

/// How long the broker may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A record as it stands on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: &'static str,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// Names and values of the headers.
    pub headers: Vec<(&'static str, String)>,
}

impl Record {
    /// A domain event on the topic of its service.
    ///
    /// # Errors
    ///
    /// Those of [`DomainEvent::json`].
    pub fn of_event(event: &DomainEvent) -> Result<Self> {
        Ok(Self {
            topic: event.what.service().topic(),
            key: event.order_id.clone(),
            value: event.json()?,
            headers: vec![("traceparent", event.traceparent.clone())],
        })
    }

    /// The row of the outbox with a domain event, as Debezium's event router writes it with the JSON converter, which puts the
    /// schema around key and payload, and the payload, a column of the type `jsonb`, into a text.
    ///
    /// # Errors
    ///
    /// Those of [`DomainEvent::json`].
    pub fn of_outbox_row(event: &DomainEvent) -> Result<Self> {
        let text = |schema: serde_json::Value, payload: &str| {
            json!({"schema": schema, "payload": payload}).to_string()
        };
        let of_json =
            json!({"type": "string", "optional": true, "name": "io.debezium.data.Json", "version": 1});
        Ok(Self {
            topic: OUTBOX_TOPIC,
            key: text(json!({"type": "string", "optional": false}), &event.order_id),
            value: text(of_json, &event.json()?),
            headers: vec![
                ("id", event.event_id.clone()),
                ("eventType", event.name()?),
                ("aggregateType", event.what.service().aggregate().to_owned()),
            ],
        })
    }
}

/// Sends records, in this order within each key, and waits until the broker has all of them.
///
/// # Errors
///
/// When the broker does not take one.
pub async fn send(bootstrap_servers: &str, records: &[Record]) -> Result<()> {
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("enable.idempotence", "true")
        .create()?;
    let mut deliveries = Vec::with_capacity(records.len());
    for record in records {
        let headers = record.headers.iter();
        let headers = headers.fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header {
                key,
                value: Some(value),
            })
        });
        let sent = producer.send_result(
            FutureRecord::to(record.topic)
                .key(&record.key)
                .payload(&record.value)
                .headers(headers),
        );
        deliveries.push(sent.map_err(|(error, _)| error)?);
    }
    for delivery in deliveries {
        let delivered = tokio::time::timeout(TIMEOUT, delivery)
            .await
            .context("the broker does not answer")??;
        delivered.map_err(|(error, _)| error)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::event::What;

    #[test]
    fn a_row_of_the_outbox_holds_the_event_as_a_text() {
        let event = DomainEvent::new("o-1", What::OrderConfirmed, String::new());
        let row = Record::of_outbox_row(&event).unwrap();
        let value: Value = serde_json::from_str(&row.value).unwrap();
        let payload = value["payload"].as_str().unwrap();
        assert_eq!(payload, Record::of_event(&event).unwrap().value);
        let headers: Vec<&str> = row.headers.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(headers, [event.event_id.as_str(), "OrderConfirmed", "order"]);
    }
}
