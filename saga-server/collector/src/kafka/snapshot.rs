//! The records that a topic holds now, read once and without a group: nothing is committed, and no member notices.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use super::{config::KafkaConfig, record::RawRecord};

/// How long the broker may take for one answer, and how long no record may come.
const TIMEOUT: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(100);

const SETTINGS: [(&str, &str); 2] = [("check.crcs", "true"), ("enable.auto.commit", "false")];

/// Reads from the beginning up to where the topic ends now, at most so many records. Blocks.
///
/// # Errors
///
/// When the topic is missing, or the broker does not answer; in words.
pub(crate) fn read(kafka: &KafkaConfig, topic: &str, limit: usize) -> Result<Vec<RawRecord>, String> {
    let mut client = kafka.client_with(&SETTINGS);
    // It is not joined: partitions are assigned by hand.
    client.set("group.id", format!("{}-snapshot", kafka.group));
    let consumer: BaseConsumer = client.create().map_err(|error| error.to_string())?;
    let mut left = unread(&consumer, topic)?;
    let mut assigned = TopicPartitionList::new();
    for partition in left.keys() {
        assigned
            .add_partition_offset(topic, *partition, Offset::Beginning)
            .map_err(|error| error.to_string())?;
    }
    consumer.assign(&assigned).map_err(|error| error.to_string())?;
    let mut records = Vec::new();
    let mut last = Instant::now();
    while !left.is_empty() && records.len() < limit {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                let record = RawRecord::of(&message);
                if left
                    .get(&record.partition)
                    .is_some_and(|end| record.offset + 1 >= *end)
                {
                    left.remove(&record.partition);
                }
                records.push(record);
                last = Instant::now();
            }
            Some(Err(error)) => tracing::debug!(%error, "reading the topic"),
            None => {
                // What is left of a partition may be marks of transactions, which are never handed over.
                let positions = consumer.position().map_err(|error| error.to_string())?;
                left.retain(|partition, end| {
                    let position = positions.find_partition(topic, *partition);
                    !position.is_some_and(|at| matches!(at.offset(), Offset::Offset(at) if at >= *end))
                });
                if last.elapsed() > TIMEOUT {
                    return Err(format!("no record came for {} s", TIMEOUT.as_secs()));
                }
            }
        }
    }
    Ok(records)
}

/// Partitions that hold records, with the offset after the last of them.
fn unread(consumer: &BaseConsumer, topic: &str) -> Result<BTreeMap<i32, i64>, String> {
    let metadata = consumer
        .fetch_metadata(Some(topic), TIMEOUT)
        .map_err(|error| error.to_string())?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let partitions: Vec<i32> = partitions.map(|partition| partition.id()).collect();
    if partitions.is_empty() {
        return Err("it does not exist".to_owned());
    }
    let mut unread = BTreeMap::new();
    for partition in partitions {
        let (begin, end) = consumer
            .fetch_watermarks(topic, partition, TIMEOUT)
            .map_err(|error| error.to_string())?;
        if begin < end {
            unread.insert(partition, end);
        }
    }
    Ok(unread)
}
