//! Batches that the client cannot read: damaged, or in a form that it does not know.
//!
//! The client passes some of them without a word but an error that names an offset, so a partition that may be meant is held at
//! once, and a client of its own finds out which offsets cannot be read. Nothing is read behind them unless an operator's setting
//! says so, and then they stand in a dead letter.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, TryRecvError, channel},
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::config::KafkaConfig;

/// How long the client that finds out may take for one look.
const LOOK: Duration = Duration::from_secs(15);

/// Whether an error is about a batch, and not about the way to it.
pub(super) fn is_about_a_batch(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotImplemented
            | RDKafkaErrorCode::BadCompression
            | RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::MessageSizeTooLarge
    )
}

/// The offset that the client names, which only its words hold.
pub(super) fn offset_in(words: &str) -> Option<i64> {
    let (_, rest) = words
        .split_once("offset ")
        .or_else(|| words.split_once("message at "))?;
    let digits = rest.split(|character: char| !character.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Offsets of a partition that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) first: i64,
    /// The first offset behind it.
    pub(super) end: i64,
    pub(super) reason: String,
}

/// What became of a partition that is held.
pub(super) enum Finding {
    /// It can be read from here.
    Readable(i64),
    /// It was just found that this cannot be read.
    Unreadable(Gap),
    /// The time is over after which it is skipped.
    Skip(Gap),
}

struct Held {
    first: i64,
    reason: String,
    since: Instant,
    search: Option<Receiver<Result<i64, String>>>,
    end: Option<i64>,
}

/// The partitions that are held.
#[derive(Default)]
pub(super) struct HeldPartitions(BTreeMap<i32, Held>);

impl HeldPartitions {
    pub(super) fn holds(&self, partition: i32) -> bool {
        self.0.contains_key(&partition)
    }

    pub(super) fn hold(&mut self, partition: i32, first: i64, reason: &str, now: Instant) {
        self.0.entry(partition).or_insert(Held {
            first,
            reason: reason.to_owned(),
            since: now,
            search: None,
            end: None,
        });
    }

    pub(super) fn forget(&mut self, partition: i32) {
        self.0.remove(&partition);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is new. A partition that is readable, or skipped, is no longer held.
    pub(super) fn findings(
        &mut self,
        kafka: &KafkaConfig,
        topic: &str,
        skip_after: Option<Duration>,
        now: Instant,
    ) -> Vec<(i32, Finding)> {
        let mut findings = Vec::new();
        for (partition, held) in &mut self.0 {
            if let Some(finding) = held.check(kafka, topic, *partition, skip_after, now) {
                findings.push((*partition, finding));
            }
        }
        for (partition, finding) in &findings {
            if !matches!(finding, Finding::Unreadable(_)) {
                self.0.remove(partition);
            }
        }
        findings
    }
}

impl Held {
    fn check(
        &mut self,
        kafka: &KafkaConfig,
        topic: &str,
        partition: i32,
        skip_after: Option<Duration>,
        now: Instant,
    ) -> Option<Finding> {
        if let Some(end) = self.end {
            let is_over = skip_after.is_some_and(|after| now.duration_since(self.since) >= after);
            return is_over.then(|| Finding::Skip(self.gap(end)));
        }
        let Some(search) = &self.search else {
            self.search = Some(search_end(kafka.clone(), topic.to_owned(), partition, self.first));
            return None;
        };
        match search.try_recv() {
            Ok(Ok(end)) if end == self.first => Some(Finding::Readable(end)),
            Ok(Ok(end)) => {
                self.end = Some(end);
                Some(Finding::Unreadable(self.gap(end)))
            }
            Err(TryRecvError::Empty) => None,
            failed => {
                tracing::warn!(
                    partition,
                    offset = self.first,
                    ?failed,
                    "end of a batch not found, retrying"
                );
                self.search = None;
                None
            }
        }
    }

    fn gap(&self, end: i64) -> Gap {
        Gap {
            first: self.first,
            end,
            reason: self.reason.clone(),
        }
    }
}

/// Finds on a thread of its own from where a partition can be read on.
fn search_end(
    kafka: KafkaConfig,
    topic: String,
    partition: i32,
    first: i64,
) -> Receiver<Result<i64, String>> {
    let (found, receiver) = channel();
    let work = move || {
        let reader = Reader {
            kafka,
            topic,
            partition,
        };
        // The receiver is gone when the partition was taken away.
        let _ = found.send(reader.end_of_gap(first).map_err(|error| error.to_string()));
    };
    if let Err(error) = std::thread::Builder::new()
        .name("saga-batch-reader".to_owned())
        .spawn(work)
    {
        tracing::warn!(%error, "no thread to look for the end of a batch");
    }
    receiver
}

/// Tries on a thread of its own whether the end of a topic can be read.
pub(super) fn try_end(kafka: KafkaConfig, topic: String) -> Receiver<Result<bool, String>> {
    let (found, receiver) = channel();
    let work = move || {
        let reader = Reader {
            kafka,
            topic,
            partition: 0,
        };
        // The receiver is gone when the collector ends.
        let _ = found.send(reader.is_readable(Offset::End).map_err(|error| error.to_string()));
    };
    if let Err(error) = std::thread::Builder::new()
        .name("saga-topic-reader".to_owned())
        .spawn(work)
    {
        tracing::warn!(%error, "no thread to try whether a topic can be read");
    }
    receiver
}

struct Reader {
    kafka: KafkaConfig,
    topic: String,
    partition: i32,
}

impl Reader {
    /// The first offset from which it can be read, by ever larger steps and then by halves: a batch is read as a whole or not.
    fn end_of_gap(&self, first: i64) -> Result<i64, KafkaError> {
        if self.is_readable(Offset::Offset(first))? {
            return Ok(first);
        }
        let (mut unreadable, mut step) = (first, 1);
        let mut readable = loop {
            let offset = unreadable + step;
            if self.is_readable(Offset::Offset(offset))? {
                break offset;
            }
            (unreadable, step) = (offset, step * 2);
        };
        while readable - unreadable > 1 {
            let middle = unreadable + (readable - unreadable) / 2;
            match self.is_readable(Offset::Offset(middle))? {
                true => readable = middle,
                false => unreadable = middle,
            }
        }
        Ok(readable)
    }

    /// Whether the batch that holds this offset can be read, or there is none yet.
    fn is_readable(&self, offset: Offset) -> Result<bool, KafkaError> {
        let mut client = self.kafka.client_with(&[("check.crcs", "true")]);
        client
            .set("group.id", format!("{}-batch-reader", self.kafka.group))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "latest");
        let reader: BaseConsumer = client.create()?;
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(&self.topic, self.partition, offset)?;
        reader.assign(&start)?;
        let deadline = Instant::now() + LOOK;
        let mut last = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
        while Instant::now() < deadline {
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(true),
                Some(Err(error)) if error.rdkafka_error_code().is_some_and(is_about_a_batch) => {
                    return Ok(false);
                }
                Some(Err(error)) => last = error,
                None => {}
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_read_from_what_the_client_says() {
        for (words, offset) in [
            (
                "MessageSet at offset 17 (82 bytes) failed CRC32C check (original 0x1 != calculated 0x2)",
                Some(17),
            ),
            (
                "Decompression (codec 0x4) of message at 5 of 60 bytes failed: Local: Not implemented",
                Some(5),
            ),
            ("Unsupported Message(Set) MagicByte 9 at offset 3", Some(3)),
            ("Broker: Group authorization failed", None),
        ] {
            assert_eq!(offset_in(words), offset, "{words}");
        }
    }
}
