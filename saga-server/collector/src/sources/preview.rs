//! What the records of a topic would become, without a group and without an event.

use std::sync::Arc;

use super::{
    MapRecord,
    map::{self, DocumentRegistry, Mapped, Schemas},
    pipeline,
};
use crate::{
    ingest::{RegistryConfig, schema_registry::Registry},
    kafka::{KafkaConfig, record::RawRecord, snapshot},
};

/// A record, and what it would become.
#[derive(Debug)]
pub struct Previewed {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its value, as far as it is text.
    pub value: String,
    /// What it would become, or the reason of its dead letter.
    pub mapped: Result<Mapped, String>,
}

/// Reads a topic from its beginning up to now, at most so many records, and maps them.
///
/// # Errors
///
/// When broker or registry do not answer; in words.
pub async fn preview(
    kafka: KafkaConfig,
    topic: String,
    registry: Option<RegistryConfig>,
    mapper: Arc<dyn MapRecord>,
    limit: usize,
) -> Result<Vec<Previewed>, String> {
    let read_topic = topic.clone();
    let reading = tokio::task::spawn_blocking(move || snapshot::read(&kafka, &read_topic, limit));
    let records = reading
        .await
        .map_err(|error| error.to_string())?
        .map_err(|reason| format!("the topic {topic} cannot be read: {reason}"))?;
    let schemas = match registry.filter(|_| mapper.takes_avro()) {
        Some(registry) => schemas(registry, &records).await?,
        None => Schemas::new(),
    };
    let previewed = records.iter().map(|record| Previewed {
        partition: record.partition,
        offset: record.offset,
        value: String::from_utf8_lossy(record.value().unwrap_or_default()).into_owned(),
        mapped: pipeline::outcome(record, &*mapper, &topic, &schemas).map_err(|rejection| rejection.reason),
    });
    Ok(previewed.collect())
}

async fn schemas(registry: RegistryConfig, records: &[RawRecord]) -> Result<Schemas, String> {
    let mut registry: DocumentRegistry = Registry::new(registry);
    let ids = map::schema_ids(records.iter().filter_map(RawRecord::value));
    let learnt = registry.learn_now(&ids).await;
    learnt.map_err(|reason| format!("the schema registry is not available: {reason}"))?;
    Ok(map::schemas(&registry, ids))
}
