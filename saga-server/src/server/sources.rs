//! Topics that exist already: consumed by the collector, mapped and published by the gateway.
//!
//! Neither of the two packages knows the other, so what one asks for is answered here by the other.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use saga_collector::{
    dead_letters::LetterSource,
    health::Health,
    ingest::RegistryConfig,
    kafka::KafkaConfig,
    metrics::Metrics,
    sources::{self, MapRecord, MappedRecord, Publication, PublishEvents, Record, SourceParts, Value},
};
use saga_gateway::{
    Gateway,
    publish::Delivery,
    source::{self, SourceFormat, SourceMapper, SourceRecord, SourceValue},
};
use saga_sdk::DropReason;
use saga_store::Store;
use saga_types::SagaEvent;
use tokio_util::sync::CancellationToken;

use super::{ServerError, supervisor::Task};
use crate::config::SourceConfig;

/// What sources work with, beside their own configuration.
pub(super) struct Surroundings<'a> {
    pub(super) kafka: &'a KafkaConfig,
    pub(super) registry: Option<&'a RegistryConfig>,
    pub(super) skip_unreadable_after: Option<Duration>,
    pub(super) store: Option<Arc<dyn Store>>,
    pub(super) gateway: &'a Arc<Gateway>,
    pub(super) health: &'a Arc<Health>,
    pub(super) metrics: &'a Arc<Metrics>,
}

impl Surroundings<'_> {
    /// The task of all sources, if there are any.
    pub(super) fn task(
        &self,
        configured: &[SourceConfig],
        stop: &CancellationToken,
    ) -> Result<Option<Task>, ServerError> {
        if configured.is_empty() {
            return Ok(None);
        }
        self.gateway.publisher().connect()?;
        let parts = configured.iter().map(|source| self.parts(source));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Task::restarted("sources", stop, parts, sources::run)))
    }

    fn parts(&self, source: &SourceConfig) -> Result<SourceParts, ServerError> {
        let mapper = record_mapper(self.gateway.clone(), &source.name, source.format);
        let mapper = mapper.ok_or_else(|| ServerError::NoMapping(source.name.clone()))?;
        Ok(SourceParts {
            name: source.name.clone(),
            topic: source.topic.clone(),
            group: source.group.clone(),
            properties: source.properties.clone(),
            kafka: self.kafka.clone(),
            registry: self.registry.cloned(),
            skip_unreadable_after: self.skip_unreadable_after,
            store: self.store.clone(),
            mapper,
            publisher: Arc::new(ByGateway(self.gateway.clone())),
            health: self.health.clone(),
            metrics: self.metrics.clone(),
        })
    }
}

/// What a replay of their dead letters needs.
pub(crate) fn letter_sources(gateway: &Arc<Gateway>, configured: &[SourceConfig]) -> Vec<LetterSource> {
    let sources = configured.iter().filter_map(|source| {
        Some(LetterSource {
            name: source.name.clone(),
            topic: source.topic.clone(),
            group: source.group.clone(),
            mapper: record_mapper(gateway.clone(), &source.name, source.format)?,
        })
    });
    sources.collect()
}

/// Makes events of the records of a source; `None` when the gateway has no mapping for it.
pub(crate) fn record_mapper(
    gateway: Arc<Gateway>,
    name: &str,
    format: SourceFormat,
) -> Option<Arc<dyn MapRecord>> {
    let mapper = SourceMapper::new(gateway, name, format)?;
    Some(Arc::new(Mapper { mapper, format }))
}

struct Mapper {
    mapper: SourceMapper,
    format: SourceFormat,
}

impl MapRecord for Mapper {
    fn takes_avro(&self) -> bool {
        self.format.takes_avro()
    }

    fn map(&self, record: &Record<'_>) -> MappedRecord {
        let record = SourceRecord {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            timestamp_millis: record.timestamp_millis,
            key: record.key,
            value: record.value.as_ref().map(|value| match value {
                Value::Bytes(bytes) => SourceValue::Bytes(bytes),
                Value::Avro(json) => SourceValue::Avro(json.clone()),
            }),
            headers: record.headers.clone(),
        };
        match self.mapper.map(&record) {
            source::MappedRecord::Event(event) => MappedRecord::Event(event),
            source::MappedRecord::Ignored => MappedRecord::Ignored,
            source::MappedRecord::Undecodable(reason) => MappedRecord::Undecodable(reason),
            source::MappedRecord::Refused(reason) => MappedRecord::Refused(reason),
        }
    }
}

struct ByGateway(Arc<Gateway>);

impl PublishEvents for ByGateway {
    fn publish(&self, events: Vec<SagaEvent>) -> BoxFuture<'_, Vec<Publication>> {
        Box::pin(async move {
            let deliveries = self.0.publisher().publish(events, None).await;
            deliveries.into_iter().map(publication).collect()
        })
    }
}

fn publication(delivery: Delivery) -> Publication {
    match delivery {
        Delivery::Acknowledged => Publication::Acknowledged,
        Delivery::NotSent(DropReason::TooLarge) => {
            Publication::Refused("the event is larger than the topic allows".to_owned())
        }
        Delivery::NotSent(DropReason::Refused) => {
            Publication::SendAgain("the topic of events is missing, or closed to the gateway".to_owned())
        }
        Delivery::NotSent(DropReason::QueueFull) => {
            Publication::SendAgain("too much waits for the broker".to_owned())
        }
        Delivery::NotSent(_) => Publication::SendAgain("the broker is not available".to_owned()),
        Delivery::Unknown => Publication::SendAgain("the broker did not acknowledge them in time".to_owned()),
    }
}
