//! Reading a topic from its beginning to its present end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    message::{BorrowedMessage, Header, Headers as _, OwnedHeaders},
};
use saga_types::topic::PARTITIONS;

use crate::{accounting::RawRecord, headers};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Gives every record that is on the topic now, each partition in order.
pub(crate) fn read(
    bootstrap_servers: &str,
    topic: &str,
    mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<()>,
) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap_servers)
        .set("group.id", "saga-proof")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .create()?;
    let mut left = assign(&consumer, topic)?;
    let mut deadline = Instant::now() + TIMEOUT;
    while left > 0 {
        match consumer.poll(Duration::from_millis(200)) {
            Some(record) => {
                take(&record?)?;
                left -= 1;
                deadline = Instant::now() + TIMEOUT;
            }
            None if Instant::now() > deadline => {
                bail!("{left} records of {topic} did not come within {TIMEOUT:?}")
            }
            None => {}
        }
    }
    Ok(())
}

/// Starts at the beginning of every partition; gives how many records there are.
fn assign(consumer: &BaseConsumer, topic: &str) -> Result<i64> {
    let mut partitions = TopicPartitionList::new();
    let mut records = 0;
    for partition in 0..PARTITIONS {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition, TIMEOUT)
            .with_context(|| format!("the end of {topic}"))?;
        records += high - low;
        partitions.add_partition_offset(topic, partition, Offset::Offset(low))?;
    }
    consumer.assign(&partitions)?;
    Ok(records)
}

/// The record byte for byte, but for what stands behind a NUL in a header's name.
pub(crate) fn raw(record: &BorrowedMessage<'_>) -> RawRecord {
    let mut names_and_values = Vec::new();
    headers::read(record, |name, value| {
        names_and_values.push((name.to_vec(), value.map(<[u8]>::to_vec)));
    });
    RawRecord {
        key: record.key().map(<[u8]>::to_vec),
        value: record.payload().map(<[u8]>::to_vec),
        headers: names_and_values,
    }
}

/// The headers of a record to be sent, with names of any bytes.
#[expect(
    unsafe_code,
    reason = "the client takes a name as text and writes its bytes as they are"
)]
pub(crate) fn owned_headers(record: &RawRecord) -> OwnedHeaders {
    let headers = record.headers.iter();
    headers.fold(OwnedHeaders::new(), |headers, (name, value)| {
        headers.insert(Header {
            // SAFETY: nothing but pointer and length is taken of it.
            key: unsafe { str::from_utf8_unchecked(name) },
            value: value.as_deref(),
        })
    })
}

/// The value of a header as text.
pub(crate) fn header<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a str> {
    let headers = record.headers()?;
    let value = headers.iter().find(|header| header.key == name)?.value?;
    str::from_utf8(value).ok()
}
