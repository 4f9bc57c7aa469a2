//! What the topics' settings let a record take in memory, which nothing behind them can bound: the client unpacks whole batches.
//!
//! Rule of thumb: a topic that holds batches uncompressed bounds them by `max.message.bytes`, whatever producers send.

use std::collections::BTreeMap;

use rdkafka::{
    admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier},
    client::DefaultClientContext,
};
use tokio_util::sync::CancellationToken;

use super::config::KafkaConfig;
use crate::backoff::Backoff;

/// The `compression.type` of both topics: the broker unpacks what producers compress, and refuses what is too large then.
pub const COMPRESSION: &str = "uncompressed";

/// The `max.message.bytes` of the topic of events: what Kafka has by default.
pub const EVENTS_MAX_BYTES: u64 = 1_048_588;

/// The `max.message.bytes` of the dead letter topic: the largest original, and headers.
pub const DEAD_LETTERS_MAX_BYTES: u64 = 2_097_152;

type Settings = BTreeMap<String, String>;

/// Warns of settings that bound nothing, once the broker answers. Without permission to read them there is no warning.
pub(crate) async fn warn(kafka: KafkaConfig, stop: CancellationToken) {
    let admin: AdminClient<DefaultClientContext> = match kafka.client().create() {
        Ok(admin) => admin,
        Err(error) => return tracing::debug!(%error, "no client to read the settings of topics"),
    };
    let topics = [&kafka.topic, &kafka.dead_letter_topic];
    let mut backoff = Backoff::new();
    while !stop.is_cancelled() {
        let topics = topics.map(|topic| ResourceSpecifier::Topic(topic.as_str()));
        match admin.describe_configs(&topics, &AdminOptions::new()).await {
            Ok(described) => {
                let settings = described.into_iter().map(|topic| topic.map(settings));
                if let Ok([events, dead_letters]) = <[_; 2]>::try_from(settings.collect::<Vec<_>>())
                    && let (Ok(events), Ok(dead_letters)) = (events, dead_letters)
                {
                    for problem in problems(&events, &dead_letters) {
                        tracing::warn!(problem, "topic settings do not limit the size of a record");
                    }
                }
                return;
            }
            Err(error) => tracing::debug!(%error, "settings of topics not read, retrying"),
        }
        backoff.wait(&stop).await;
    }
}

fn settings(topic: ConfigResource) -> Settings {
    let entries = topic.entries.into_iter();
    entries
        .filter_map(|entry| Some((entry.name, entry.value?)))
        .collect()
}

/// What is wrong with the settings, in words that say what to do.
fn problems(events: &Settings, dead_letters: &Settings) -> Vec<String> {
    let bytes = |topic: &Settings| topic.get("max.message.bytes")?.parse::<u64>().ok();
    let mut problems = Vec::new();
    for (name, topic) in [("of events", events), ("of dead letters", dead_letters)] {
        if let Some(compression) = topic
            .get("compression.type")
            .filter(|found| *found != COMPRESSION)
        {
            problems.push(format!(
                "the topic {name} has compression.type={compression}, so a small record may take gigabytes of memory when it is \
                 unpacked; set it to {COMPRESSION}"
            ));
        }
    }
    if let (Some(events), Some(dead_letters)) = (bytes(events), bytes(dead_letters))
        && dead_letters <= events
    {
        problems.push(format!(
            "the topic of dead letters takes {dead_letters} bytes and that of events {events}, so not every record fits whole; set \
             max.message.bytes of the former to {}",
            (events * 2).max(DEAD_LETTERS_MAX_BYTES)
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(compression: &str, max_bytes: u64) -> Settings {
        [
            ("compression.type".to_owned(), compression.to_owned()),
            ("max.message.bytes".to_owned(), max_bytes.to_string()),
        ]
        .into()
    }

    #[test]
    fn what_topics_create_sets_is_right_and_what_brokers_set_is_not() {
        let events = settings(COMPRESSION, EVENTS_MAX_BYTES);
        let dead_letters = settings(COMPRESSION, DEAD_LETTERS_MAX_BYTES);
        assert_eq!(problems(&events, &dead_letters), Vec::<String>::new());
        let default = settings("producer", EVENTS_MAX_BYTES);
        assert_eq!(problems(&default, &default).len(), 3);
        assert_eq!(problems(&Settings::new(), &Settings::new()), Vec::<String>::new());
    }
}
