//! What values must be. Each refusal names the key and what it should be.

use std::{borrow::Cow, collections::BTreeMap, ops::RangeInclusive, path::Path, time::Duration};

use super::{ConfigError, Period, Property};

/// Properties of librdkafka that have keys of their own here, or on which the collector's promises rest.
const RESERVED_PROPERTIES: &[&str] = &[
    "bootstrap.servers",
    "metadata.broker.list",
    "group.id",
    "security.protocol",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.key.password",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "partition.assignment.strategy",
    "enable.idempotence",
    "acks",
    "request.required.acks",
    "statistics.interval.ms",
];

pub(super) fn within<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<T, ConfigError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ConfigError::value(
        key,
        format!("{value} must be from {} to {}", range.start(), range.end()),
    ))
}

pub(super) fn period_within(
    key: &'static str,
    value: Period,
    range: RangeInclusive<Duration>,
) -> Result<Duration, ConfigError> {
    if range.contains(&value.0) {
        return Ok(value.0);
    }
    let (least, most) = (Period(*range.start()), Period(*range.end()));
    Err(ConfigError::value(
        key,
        format!("{value} must be from {least} to {most}"),
    ))
}

pub(super) fn not_empty(key: &'static str, text: &str) -> Result<String, ConfigError> {
    match text.trim() {
        "" => Err(ConfigError::value(key, "must not be empty")),
        text => Ok(text.to_owned()),
    }
}

pub(super) fn bootstrap_servers(text: &str) -> Result<String, ConfigError> {
    let key = "kafka.bootstrapServers";
    if text.trim().is_empty() {
        return Err(ConfigError::value(
            key,
            "is not set; it must be HOST:PORT, several with commas between",
        ));
    }
    let is_server = |server: &str| {
        let port = server
            .rsplit_once(':')
            .map(|(host, port)| (!host.is_empty(), port.parse::<u16>().is_ok()));
        port == Some((true, true))
    };
    match text.split(',').map(str::trim).find(|server| !is_server(server)) {
        Some(server) => Err(ConfigError::value(key, format!("{server:?} must be HOST:PORT"))),
        None => Ok(text.to_owned()),
    }
}

pub(super) fn is_http(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
}

/// Certificates of a file are of use only for an address of https.
pub(super) fn certificates_are_of_use(url: &str, ca_file: Option<&Path>) -> Result<(), &'static str> {
    let is_https = reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "https");
    match ca_file {
        Some(_) if !is_https => Err("is of use only with an address of https"),
        _ => Ok(()),
    }
}

/// What is shown by `config check` and in pages must hold no password.
pub(super) fn has_no_user(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| url.username().is_empty() && url.password().is_none())
}

/// librdkafka speaks of its own properties, some of which have keys here.
pub(super) fn key_at_fault(reason: &str) -> &'static str {
    let keys = [
        ("security.protocol", "kafka.security.protocol"),
        ("sasl.mechanism", "kafka.security.mechanism"),
        ("ssl.ca.location", "kafka.security.caFile"),
        ("ssl.certificate.location", "kafka.security.certificateFile"),
        ("ssl.key.location", "kafka.security.keyFile"),
        ("ssl.key.password", "kafka.security.keyPassword"),
    ];
    let named = keys.iter().find(|(property, _)| reason.contains(property));
    named.map_or("kafka.properties", |(_, key)| key)
}

/// The names that Kafka allows.
pub(super) fn topic_name(
    key: impl Into<Cow<'static, str>>,
    given: Option<&str>,
    default: &str,
) -> Result<String, ConfigError> {
    let name = given.unwrap_or(default);
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    if (1..=249).contains(&name.len()) && name.chars().all(is_allowed) && name != "." && name != ".." {
        return Ok(name.to_owned());
    }
    let reason = format!("{name:?} must be 1 to 249 letters, digits, dots, underscores and hyphens");
    Err(ConfigError::value(key, reason))
}

pub(super) fn not_reserved(property: &str) -> Result<(), String> {
    match RESERVED_PROPERTIES.contains(&property) {
        true => Err(format!(
            "{property} is set by the collector itself, see the other keys under kafka"
        )),
        false => Ok(()),
    }
}

pub(super) fn properties(given: &[Property]) -> Result<BTreeMap<String, String>, ConfigError> {
    let key = "kafka.properties";
    let mut properties = BTreeMap::new();
    for Property { name, value } in given {
        not_reserved(name).map_err(|reason| ConfigError::value(key, reason))?;
        let Some(value) = value else {
            return Err(ConfigError::value(key, format!("{name:?} must be NAME=VALUE")));
        };
        properties.insert(name.clone(), value.clone());
    }
    Ok(properties)
}
