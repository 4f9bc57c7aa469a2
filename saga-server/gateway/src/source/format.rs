//! What the records of a source hold.

use std::str::FromStr;

/// What the records of a source hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceFormat {
    /// A JSON object.
    Json,
    /// A CloudEvent, by the Kafka protocol binding of CloudEvents: structured, or binary.
    CloudEvents,
    /// An Avro record by the schema registry.
    Avro,
    /// A row of an outbox, as Debezium writes it, with its event router or without.
    DebeziumOutbox,
    /// A row that changed, as Debezium writes it, with `before` and `after`.
    Debezium,
}

impl SourceFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Json,
        Self::CloudEvents,
        Self::Avro,
        Self::DebeziumOutbox,
        Self::Debezium,
    ];

    /// As the configuration calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::CloudEvents => "cloudevents",
            Self::Avro => "avro",
            Self::DebeziumOutbox => "debezium-outbox",
            Self::Debezium => "debezium",
        }
    }

    /// Whether values by the schema registry are read: always, or beside JSON.
    #[must_use]
    pub const fn takes_avro(self) -> bool {
        matches!(self, Self::Avro | Self::DebeziumOutbox | Self::Debezium)
    }
}

impl FromStr for SourceFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::as_str).join(", ");
                format!("{text:?} must be one of {known}")
            })
    }
}
