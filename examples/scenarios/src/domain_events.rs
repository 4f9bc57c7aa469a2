//! What a test does to the domain events: sends them late, or again, and waits until they are handled.

use std::time::Instant;

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
    message::{Header, OwnedHeaders, OwnedMessage},
    producer::{FutureProducer, FutureRecord},
};
use shop::DomainEvent;

use crate::{Harness, TIMEOUT};

const PARTITIONS: i32 = 3;

impl Harness {
    /// Sends a domain event past the services.
    pub async fn send(&self, event: &DomainEvent) {
        let (topics, json) = (self.topics(), serde_json::to_string(event).unwrap());
        let headers = event
            .headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        self.send_raw(
            topics.of(&event.what),
            event.order_id.as_bytes(),
            json.as_bytes(),
            headers,
        )
        .await;
    }

    /// Sends all domain events so far once more, byte for byte. Gives their number.
    pub async fn send_everything_again(&self) -> usize {
        let topics = self.topics();
        let (client, names) = (self.client(), [topics.orders, topics.stock, topics.payments]);
        let reading = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = client.clone().set("group.id", "none").create().unwrap();
            read_all(&consumer, &names).unwrap()
        });
        let messages = reading.await.unwrap();
        for message in &messages {
            let headers = message.headers().cloned().unwrap_or_default();
            self.send_raw(
                message.topic(),
                message.key().unwrap(),
                message.payload().unwrap(),
                headers,
            )
            .await;
        }
        messages.len()
    }

    /// Waits until the services have handled all domain events so far.
    pub async fn wait_until_handled(&self) {
        let topics = self.topics();
        let listeners = [
            ("order-service", vec![topics.stock.clone(), topics.payments]),
            ("product-service", vec![topics.orders.clone()]),
            ("payment-service", vec![topics.stock, topics.orders]),
        ];
        for (service, topics) in listeners {
            let consumer: BaseConsumer = self
                .client()
                .set("group.id", self.group(service))
                .create()
                .unwrap();
            let waiting = tokio::task::spawn_blocking(move || wait_for_commit(&consumer, &topics).unwrap());
            waiting.await.unwrap();
        }
    }

    async fn send_raw(&self, topic: &str, key: &[u8], payload: &[u8], headers: OwnedHeaders) {
        let producer: FutureProducer = self.client().create().unwrap();
        producer
            .send(
                FutureRecord::to(topic).key(key).payload(payload).headers(headers),
                TIMEOUT,
            )
            .await
            .unwrap();
    }
}

/// Each partition that holds anything, with the offset behind its last record.
fn ends(consumer: &BaseConsumer, topics: &[String]) -> KafkaResult<Vec<(String, i32, i64)>> {
    let mut ends = Vec::new();
    for topic in topics {
        for partition in 0..PARTITIONS {
            let (_, end) = consumer.fetch_watermarks(topic, partition, TIMEOUT)?;
            ends.push((topic.clone(), partition, end));
        }
    }
    ends.retain(|(_, _, end)| *end > 0);
    Ok(ends)
}

fn read_all(consumer: &BaseConsumer, topics: &[String]) -> KafkaResult<Vec<OwnedMessage>> {
    let ends = ends(consumer, topics)?;
    let mut assignment = TopicPartitionList::new();
    for (topic, partition, _) in &ends {
        assignment.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let count = ends
        .iter()
        .map(|(_, _, end)| usize::try_from(*end).unwrap())
        .sum();
    Ok(consumer
        .iter()
        .take(count)
        .map(|message| message.unwrap().detach())
        .collect())
}

fn wait_for_commit(consumer: &BaseConsumer, topics: &[String]) -> KafkaResult<()> {
    let (ends, deadline) = (ends(consumer, topics)?, Instant::now() + TIMEOUT);
    for (topic, partition, end) in ends {
        while committed(consumer, &topic, partition)? < end {
            assert!(
                Instant::now() < deadline,
                "{topic} [{partition}] is not handled up to {end}"
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    Ok(())
}

fn committed(consumer: &BaseConsumer, topic: &str, partition: i32) -> KafkaResult<i64> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, partition);
    // The list must be gone before the consumer is.
    let answer = consumer.committed_offsets(asked, TIMEOUT)?;
    Ok(
        match answer
            .elements()
            .first()
            .map(rdkafka::topic_partition_list::TopicPartitionListElem::offset)
        {
            Some(Offset::Offset(offset)) => offset,
            _ => 0,
        },
    )
}
