//! A configuration that is built in code.

use std::time::Duration;

use super::{Compression, PublishMode, SagaConfig, SchemaRegistryConfig, SecurityConfig};

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty = |$config:ident, $value:ident| $set:expr;)+) => {
        impl SagaConfig {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $value: $type) -> Self {
                let $config = &mut self;
                $set;
                self
            })+

            /// Sets a further property of librdkafka.
            #[must_use]
            pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
                self.properties.0.insert(name.into(), value.into());
                self
            }
        }
    };
}

setters! {
    /// Turns the tracker on or off.
    enabled: bool = |config, enabled| config.enabled = Some(enabled);
    /// Sets the topic.
    topic: impl Into<String> = |config, topic| config.topic = topic.into();
    /// Sets Kafka's addresses, `host:port` joined by commas.
    bootstrap_servers: impl Into<String> = |config, addresses| config.bootstrap_servers = Some(addresses.into());
    /// Sets the service's name.
    service_name: impl Into<String> = |config, name| config.service_name = Some(name.into());
    /// Sets the service's version.
    service_version: impl Into<String> = |config, version| config.service_version = Some(version.into());
    /// Sets the publish mode.
    mode: PublishMode = |config, mode| config.mode = mode;
    /// Sets how long a record call waits for the broker in synchronous mode.
    sync_timeout: Duration = |config, timeout| config.sync_timeout = timeout;
    /// Sets how long an event is retried in asynchronous mode before it is dropped.
    delivery_timeout: Duration = |config, timeout| config.delivery_timeout = timeout;
    /// Sets how long an event waits for others to share a batch with.
    linger: Duration = |config, linger| config.linger = linger;
    /// Sets how batches are compressed.
    compression: Compression = |config, compression| config.compression = compression;
    /// Sets how many events are kept while Kafka is unavailable.
    max_events: u32 = |config, events| config.buffer.max_events = events;
    /// Sets how many bytes of events are kept while Kafka is unavailable.
    max_bytes: u64 = |config, bytes| config.buffer.max_bytes = bytes;
    /// Sets the schema registry.
    schema_registry: SchemaRegistryConfig = |config, registry| config.schema_registry = registry;
    /// Sets encryption and authentication.
    security: SecurityConfig = |config, security| config.security = security;
}
