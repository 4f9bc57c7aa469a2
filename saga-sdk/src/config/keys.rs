//! Every key, once: the environment is read by this list, and the docs are tested against it.

use Kind::{Flag, Number, Text};

/// One key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// Where it stands below `platform.saga`, such as `buffer.maxEvents`.
    pub path: &'static str,
    /// The environment variable that overrides it; empty for a map, which has none.
    pub variable: &'static str,
    /// Its default as it would be written; empty for none.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    pub(super) kind: Kind,
}

/// How a variable's text becomes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Number,
    Text,
}

macro_rules! keys {
    ($($path:literal, $variable:literal, $kind:ident, $default:literal, $meaning:literal;)+) => {
        /// Every key, in the order of the docs.
        pub const KEYS: &[Key] = &[$(Key {
            path: $path, variable: $variable, kind: $kind, default: $default, meaning: $meaning,
        }),+];
    };
}

keys! {
    "enabled", "PLATFORM_SAGA_ENABLED", Flag, "false",
        "only `true` records steps; unset is off";
    "topic", "PLATFORM_SAGA_TOPIC", Text, "c4ang.saga.tracker",
        "the topic that events are written to";
    "bootstrapServers", "PLATFORM_SAGA_BOOTSTRAP_SERVERS", Text, "",
        "Kafka's addresses, `host:port` joined by commas; needed when enabled";
    "serviceName", "PLATFORM_SAGA_SERVICE_NAME", Text, "",
        "the service's name, `producerService` of its events; needed when enabled";
    "serviceVersion", "PLATFORM_SAGA_SERVICE_VERSION", Text, "",
        "the service's version in its events; else `SERVICE_VERSION`, else `service.version` of OpenTelemetry's resource";
    "mode", "PLATFORM_SAGA_MODE", Text, "asynchronous",
        "`asynchronous`, or `synchronous` to wait for the broker";
    "syncTimeout", "PLATFORM_SAGA_SYNC_TIMEOUT", Text, "5s",
        "how long a record call waits for the broker in synchronous mode";
    "deliveryTimeout", "PLATFORM_SAGA_DELIVERY_TIMEOUT", Text, "5min",
        "how long an event is retried in asynchronous mode before it is dropped";
    "linger", "PLATFORM_SAGA_LINGER", Text, "5ms",
        "how long an event waits for others to share a batch with";
    "compression", "PLATFORM_SAGA_COMPRESSION", Text, "none",
        "`none`, `gzip`, `snappy`, `lz4` or `zstd`";
    "buffer.maxEvents", "PLATFORM_SAGA_BUFFER_MAX_EVENTS", Number, "50000",
        "how many events are kept while Kafka is unavailable";
    "buffer.maxBytes", "PLATFORM_SAGA_BUFFER_MAX_BYTES", Number, "33554432",
        "how many bytes of events are kept while Kafka is unavailable";
    "schemaRegistry.url", "PLATFORM_SAGA_SCHEMA_REGISTRY_URL", Text, "",
        "the schema registry, as Confluent's answers; needs the feature `schema-registry`";
    "schemaRegistry.autoRegister", "PLATFORM_SAGA_SCHEMA_REGISTRY_AUTO_REGISTER", Flag, "false",
        "whether a schema unknown to the registry is registered; otherwise events wait until it is";
    "schemaRegistry.username", "PLATFORM_SAGA_SCHEMA_REGISTRY_USERNAME", Text, "",
        "user of the schema registry";
    "schemaRegistry.password", "PLATFORM_SAGA_SCHEMA_REGISTRY_PASSWORD", Text, "",
        "password of the schema registry's user";
    "security.protocol", "PLATFORM_SAGA_SECURITY_PROTOCOL", Text, "PLAINTEXT",
        "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`";
    "security.saslMechanism", "PLATFORM_SAGA_SECURITY_SASL_MECHANISM", Text, "",
        "how SASL authenticates, such as `PLAIN` or `SCRAM-SHA-512`";
    "security.username", "PLATFORM_SAGA_SECURITY_USERNAME", Text, "",
        "SASL user";
    "security.password", "PLATFORM_SAGA_SECURITY_PASSWORD", Text, "",
        "SASL password";
    "security.caLocation", "PLATFORM_SAGA_SECURITY_CA_LOCATION", Text, "",
        "file or folder of trusted certificates; the system's when unset";
    "security.certificateLocation", "PLATFORM_SAGA_SECURITY_CERTIFICATE_LOCATION", Text, "",
        "file of the client's certificate";
    "security.keyLocation", "PLATFORM_SAGA_SECURITY_KEY_LOCATION", Text, "",
        "file of the client's private key";
    "security.keyPassword", "PLATFORM_SAGA_SECURITY_KEY_PASSWORD", Text, "",
        "password of the private key";
    "properties", "", Text, "",
        "a map of further librdkafka properties, passed on as they are";
}

impl Key {
    /// The key with this path.
    #[must_use]
    pub fn by_path(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::SagaConfig;

    /// `buffer.maxEvents` as `PLATFORM_SAGA_BUFFER_MAX_EVENTS`.
    fn variable_of(path: &str) -> String {
        let mut variable = "PLATFORM_SAGA_".to_owned();
        for character in path.chars() {
            match character {
                '.' => variable.push('_'),
                _ if character.is_ascii_uppercase() => variable.extend(['_', character]),
                _ => variable.push(character.to_ascii_uppercase()),
            }
        }
        variable
    }

    fn value_of(key: &Key) -> Value {
        match key.kind {
            Kind::Text => json!(key.default),
            Kind::Flag | Kind::Number => serde_json::from_str(key.default).unwrap(),
        }
    }

    fn config_of(keys: impl Iterator<Item = &'static Key>) -> SagaConfig {
        let mut tree = Map::new();
        for key in keys {
            let (parent, name) = key.path.split_once('.').unwrap_or(("", key.path));
            let place = match parent {
                "" => &mut tree,
                _ => tree
                    .entry(parent)
                    .or_insert_with(|| json!({}))
                    .as_object_mut()
                    .unwrap(),
            };
            place.insert(name.to_owned(), value_of(key));
        }
        serde_json::from_value(Value::Object(tree)).unwrap()
    }

    #[test]
    fn every_variable_is_made_from_its_path() {
        for key in KEYS.iter().filter(|key| !key.variable.is_empty()) {
            assert_eq!(key.variable, variable_of(key.path));
        }
    }

    #[test]
    fn every_default_of_the_table_is_that_of_the_code() {
        let written = config_of(KEYS.iter().filter(|key| !key.default.is_empty()));
        assert_eq!(written, SagaConfig::default().enabled(false));
    }

    #[test]
    fn the_table_of_the_docs_is_this_list() {
        let row = |key: &Key| {
            let code = |text: &str| {
                if text.is_empty() {
                    String::new()
                } else {
                    format!("`{text}`")
                }
            };
            let path = format!("`platform.saga.{}`", key.path);
            format!(
                "| {path} | {} | {} | {} |\n",
                code(key.variable),
                code(key.default),
                key.meaning
            )
        };
        let head = "| key | variable | default | meaning |\n| --- | --- | --- | --- |\n";
        let table: String = std::iter::once(head.to_owned())
            .chain(KEYS.iter().map(row))
            .collect();
        assert_eq!(
            include_str!("keys.md"),
            table,
            "src/config/keys.md should read:\n{table}"
        );
    }

    #[test]
    fn every_field_of_the_code_is_in_the_list() {
        // Debug of the defaults names every field, nested ones with their parent's line before.
        let shown = format!("{:#?}", SagaConfig::default());
        let fields = shown
            .lines()
            .take_while(|line| !line.contains("origin:"))
            .filter(|line| line.contains(": ") && !line.trim_end().ends_with('{'));
        assert_eq!(fields.count(), KEYS.len(), "{shown}");
    }
}
