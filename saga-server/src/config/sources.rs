//! Topics that exist already, as they are written down, and as they are taken.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    path::Path,
    str::FromStr,
};

use saga_collector::kafka::KafkaConfig;
use saga_gateway::source::SourceFormat;
use serde::{Deserialize, Deserializer};

use super::{
    ConfigError,
    checks::{not_reserved, topic_name},
};

const SOURCES: &str = "sources";

/// Each has a thread, a consumer and series of metrics of its own.
const MOST: usize = 50;

/// The longest name.
const MAX_NAME_BYTES: usize = 100;

/// What stands before the name in the consumer group of a source that names none.
const GROUP_PREFIX: &str = "saga-tracker-source-";

/// A property that the collector sets for its own topics, and a source may set: whether what is there already is read.
const OFFSET_RESET: &str = "auto.offset.reset";

/// A topic that exists already; what is missing is empty, and refused as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSetting {
    /// The source, which its mapping is called as.
    pub name: String,
    /// How it is read.
    pub entry: SourceEntry,
}

/// How a source is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SourceEntry {
    /// The topic.
    pub topic: String,
    /// What its records hold.
    pub format: String,
    /// The consumer group.
    pub group: Option<String>,
    /// Further properties of librdkafka for its consumer.
    pub properties: BTreeMap<String, String>,
}

/// A source, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// The source, which its mapping is called as.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// What its records hold.
    pub format: SourceFormat,
    /// The consumer group.
    pub group: String,
    /// Further properties of librdkafka for its consumer.
    pub properties: BTreeMap<String, String>,
}

/// Never fails: what is wrong is found when the layers are resolved.
impl FromStr for SourceSetting {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (name, rest) = text.split_once('=').unwrap_or((text, ""));
        let mut parts = rest.splitn(3, ',').map(|part| part.trim().to_owned());
        Ok(Self {
            name: name.trim().to_owned(),
            entry: SourceEntry {
                topic: parts.next().unwrap_or_default(),
                format: parts.next().unwrap_or_default(),
                group: parts.next(),
                properties: BTreeMap::new(),
            },
        })
    }
}

/// In a file it is a map.
pub(super) fn of_a_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<SourceSetting>>, D::Error> {
    let map = BTreeMap::<String, SourceEntry>::deserialize(deserializer)?;
    let setting = |(name, entry)| SourceSetting { name, entry };
    Ok(Some(map.into_iter().map(setting).collect()))
}

/// What sources are checked against.
pub(super) struct Surroundings<'a> {
    pub(super) kafka: &'a KafkaConfig,
    pub(super) has_registry: bool,
    pub(super) mappings_dir: Option<&'a Path>,
}

pub(super) fn resolve(
    settings: &[SourceSetting],
    surroundings: &Surroundings<'_>,
) -> Result<Vec<SourceConfig>, ConfigError> {
    if settings.len() > MOST {
        return Err(ConfigError::value(SOURCES, format!("must be at most {MOST}")));
    }
    let own_group = surroundings.kafka.group.as_str();
    let letters_group = format!("{own_group}-dead-letters");
    let mut names = BTreeSet::new();
    let mut groups = BTreeSet::from([own_group.to_owned(), letters_group]);
    let mut sources = Vec::new();
    for setting in settings {
        let source = surroundings.source(setting)?;
        let refused = |key: &str, reason| Err(refused(&source.name, key, reason));
        if !names.insert(source.name.clone()) {
            return refused("", "is given more than once".to_owned());
        }
        if !groups.insert(source.group.clone()) {
            let reason = format!("{:?} is the group of another consumer here", source.group);
            return refused(".group", reason);
        }
        sources.push(source);
    }
    Ok(sources)
}

fn refused(name: &str, key: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::value(format!("{SOURCES}.{name}{key}"), reason)
}

impl Surroundings<'_> {
    fn source(&self, SourceSetting { name, entry }: &SourceSetting) -> Result<SourceConfig, ConfigError> {
        let refuse = |key: &str| {
            let key = key.to_owned();
            move |reason: String| refused(name, &key, reason)
        };
        check_name(name).map_err(refuse(""))?;
        let format: SourceFormat = entry.format.parse().map_err(refuse(".format"))?;
        if format == SourceFormat::Avro && !self.has_registry {
            let reason = "avro needs the registry with the schemas: schemaRegistry.url";
            return Err(refused(name, ".format", reason));
        }
        self.check_mapping(name).map_err(refuse(""))?;
        let default_group = || format!("{GROUP_PREFIX}{name}");
        let group = entry.group.clone().unwrap_or_else(default_group);
        if group.trim().is_empty() {
            return Err(refused(name, ".group", "must not be empty"));
        }
        Ok(SourceConfig {
            name: name.clone(),
            topic: self.topic(name, &entry.topic)?,
            format,
            group,
            properties: self.properties(entry).map_err(refuse(".properties"))?,
        })
    }

    /// A mapping that is wrong in itself is refused when it is read.
    fn check_mapping(&self, name: &str) -> Result<(), String> {
        let Some(folder) = self.mappings_dir else {
            return Err("needs a mapping: set gateway.mappingsDir".to_owned());
        };
        let files = ["yml", "yaml"].map(|extension| folder.join(format!("{name}.{extension}")));
        match files.iter().any(|file| file.is_file()) {
            true => Ok(()),
            false => Err(format!("needs a mapping: there is no {}", files[0].display())),
        }
    }

    fn topic(&self, name: &str, topic: &str) -> Result<String, ConfigError> {
        let key = format!("{SOURCES}.{name}.topic");
        let own = [&self.kafka.topic, &self.kafka.dead_letter_topic];
        if own.iter().any(|own| *own == topic) {
            let reason = format!("{topic:?} is a topic of the collector itself");
            return Err(ConfigError::value(key, reason));
        }
        topic_name(key, Some(topic), "")
    }

    fn properties(&self, entry: &SourceEntry) -> Result<BTreeMap<String, String>, String> {
        for name in entry.properties.keys().filter(|name| *name != OFFSET_RESET) {
            not_reserved(name)?;
        }
        let mut kafka = self.kafka.clone();
        kafka.properties.extend(entry.properties.clone());
        kafka.check()?;
        Ok(entry.properties.clone())
    }
}

/// As files of mappings are called.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character)
    };
    match (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(is_plain) {
        true => Ok(()),
        false => Err(format!(
            "the name must be 1 to {MAX_NAME_BYTES} of a-z, 0-9, - and _"
        )),
    }
}

/// As the environment would set them; properties stand in a file only.
pub(super) fn entry(sources: &[SourceConfig]) -> Option<String> {
    let entries: Vec<String> = sources
        .iter()
        .map(|source| {
            let SourceConfig {
                name, topic, group, ..
            } = source;
            format!("{name}={topic},{},{group}", source.format.as_str())
        })
        .collect();
    (!entries.is_empty()).then(|| entries.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn kafka() -> KafkaConfig {
        let mut settings = Settings::default();
        settings.kafka.bootstrap_servers = Some("kafka:9092".to_owned());
        settings.kafka().unwrap()
    }

    /// With mappings for orders and stock.
    fn resolved(texts: &[&str]) -> Result<Vec<SourceConfig>, String> {
        let folder = tempfile::tempdir().unwrap();
        for file in ["orders.yml", "stock.yaml"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let settings: Vec<SourceSetting> = texts.iter().filter_map(|text| text.parse().ok()).collect();
        let surroundings = Surroundings {
            kafka: &kafka(),
            has_registry: false,
            mappings_dir: Some(folder.path()),
        };
        resolve(&settings, &surroundings).map_err(|error| error.to_string())
    }

    #[test]
    fn a_source_is_a_topic_a_format_and_perhaps_a_group() {
        let sources = resolved(&["orders=shop.orders, json", "stock=shop.stock,debezium,mine"]).unwrap();
        assert_eq!(
            entry(&sources).unwrap(),
            "orders=shop.orders,json,saga-tracker-source-orders;stock=shop.stock,debezium,mine"
        );
        assert_eq!(entry(&[]), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_path_of_its_key() {
        for (texts, expected) in [
            (
                &["orders=t,xml"][..],
                "sources.orders.format: \"xml\" must be one of json, ",
            ),
            (&["orders"], "sources.orders.format: "),
            (
                &["orders=t,avro"],
                "sources.orders.format: avro needs the registry",
            ),
            (&["Orders=t,json"], "sources.Orders: the name must be"),
            (
                &["others=t,json"],
                "sources.others: needs a mapping: there is no ",
            ),
            (
                &["orders=,json"],
                "sources.orders.topic: \"\" must be 1 to 249 letters",
            ),
            (
                &["orders=c4ang.saga.tracker,json"],
                "sources.orders.topic: \"c4ang.saga.tracker\" is a topic of",
            ),
            (&["orders=c4ang.saga.tracker.dlt,json"], "sources.orders.topic: "),
            (
                &["orders=t,json", "orders=u,json"],
                "sources.orders: is given more than once",
            ),
            (
                &["orders=t,json,g", "stock=u,json,g"],
                "sources.stock.group: \"g\" is the group of another",
            ),
            (&["orders=t,json,saga-tracker-service"], "sources.orders.group: "),
            (&["orders=t,json,"], "sources.orders.group: must not be empty"),
        ] {
            let refused = resolved(texts).unwrap_err();
            assert!(refused.starts_with(expected), "{texts:?}: {refused}");
        }
    }

    #[test]
    fn a_source_has_properties_that_the_collector_does_not_set() {
        let surroundings = Surroundings {
            kafka: &kafka(),
            has_registry: false,
            mappings_dir: None,
        };
        let check = |name: &str, value: &str| {
            surroundings.properties(&SourceEntry {
                properties: [(name.to_owned(), value.to_owned())].into(),
                ..SourceEntry::default()
            })
        };
        assert!(check("auto.offset.reset", "latest").is_ok());
        assert!(check("client.rack", "7").is_ok());
        assert!(check("enable.auto.commit", "true").is_err());
        assert!(check("no.such.property", "1").is_err());
    }
}
