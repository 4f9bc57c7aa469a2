//! Names around the topic that readers and writers must agree on.

/// The topic that events travel on, unless configured otherwise.
pub const DEFAULT_TOPIC: &str = "c4ang.saga.tracker";

/// The topic for events that could not be stored, unless configured otherwise.
pub const DEFAULT_DEAD_LETTER_TOPIC: &str = "c4ang.saga.tracker.dlt";

/// How many partitions the topic has in production.
pub const PARTITIONS: i32 = 3;

/// How long the topic keeps events: 30 days, in milliseconds.
pub const RETENTION_MS: i64 = 2_592_000_000;

/// Headers that the SDK writes. All of them are optional to readers.
pub mod headers {
    /// W3C trace context of the span that recorded the step.
    pub const TRACEPARENT: &str = "traceparent";
    /// W3C trace state of the span that recorded the step.
    pub const TRACESTATE: &str = "tracestate";
    /// The name of the service that recorded the step.
    pub const PRODUCER: &str = "saga-producer";
    /// The version of the SDK that the service uses.
    pub const PRODUCER_VERSION: &str = "saga-producer-version";
    /// A decimal number that grows by one with each event of one producer instance.
    pub const SEQUENCE: &str = "saga-sequence";
    /// Names one running instance of a producer; sequences count within it.
    pub const PRODUCER_INSTANCE: &str = "saga-producer-instance";
}

/// Headers of a dead letter, named as Spring Kafka names them so that existing tools read them.
pub mod dead_letter_headers {
    /// The topic the record was read from.
    pub const ORIGINAL_TOPIC: &str = "kafka_dlt-original-topic";
    /// Its partition: a 4-byte big-endian integer.
    pub const ORIGINAL_PARTITION: &str = "kafka_dlt-original-partition";
    /// Its offset: an 8-byte big-endian integer.
    pub const ORIGINAL_OFFSET: &str = "kafka_dlt-original-offset";
    /// Its timestamp in milliseconds: an 8-byte big-endian integer.
    pub const ORIGINAL_TIMESTAMP: &str = "kafka_dlt-original-timestamp";
    /// What its timestamp is: `CreateTime`, `LogAppendTime` or `NoTimestampType`.
    pub const ORIGINAL_TIMESTAMP_TYPE: &str = "kafka_dlt-original-timestamp-type";
    /// The consumer group that could not process it.
    pub const ORIGINAL_CONSUMER_GROUP: &str = "kafka_dlt-original-consumer-group";
    /// The kind of error, a name that stays the same between versions.
    pub const EXCEPTION_FQCN: &str = "kafka_dlt-exception-fqcn";
    /// The error in words.
    pub const EXCEPTION_MESSAGE: &str = "kafka_dlt-exception-message";
}
