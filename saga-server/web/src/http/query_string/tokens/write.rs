//! From parameters to tokens.

use super::meaning::{METADATA, is_taken};

/// How parameters are written where they have another name.
const SHORT: [(&str, &str); 9] = [
    ("orderId", "order"),
    ("sagaType", "type"),
    ("producerService", "service"),
    ("serviceVersion", "version"),
    ("traceId", "trace"),
    ("failureReason", "reason"),
    ("failureGroup", "group"),
    ("parentSagaId", "parent"),
    ("stuck", "overdue"),
];

/// Parameters of the list of sagas as tokens, which [`parse`](super::parse) reads as the same.
#[must_use]
pub fn write(parameters: &[(String, String)]) -> String {
    let tokens = parameters.iter().map(|(name, value)| of(name, value));
    tokens.collect::<Vec<_>>().join(" ")
}

/// A token of a name, or a key of the metadata, and a value, quoted where it has to be.
#[must_use]
pub fn token(name: &str, value: &str) -> String {
    format!("{}:{}", quoted(name, true), quoted(value, false))
}

/// The beginning of a token that asks for a key of the metadata.
#[must_use]
pub fn token_beginning(key: &str) -> String {
    let prefix = if is_taken(key) { METADATA } else { "" };
    format!("{}:", quoted(&format!("{prefix}{key}"), true))
}

fn of(name: &str, value: &str) -> String {
    let short = SHORT.iter().find(|(parameter, _)| *parameter == name);
    let short = short.map_or(name, |(_, short)| *short);
    match (name, value) {
        ("failed" | "ended" | "stuck" | "owing", "true") => short.to_owned(),
        ("failed" | "ended" | "stuck" | "owing", "false") => format!("-{short}"),
        ("minDuration", value) if is_length(value) => token("duration", &format!(">{value}")),
        ("maxDuration", value) if is_length(value) => token("duration", &format!("<{value}")),
        _ => match name.strip_prefix(METADATA) {
            Some(key) if !is_taken(key) => token(key, value),
            _ => token(short, value),
        },
    }
}

/// Whether a text looks like a length of time. Whether it is one, the list says.
fn is_length(text: &str) -> bool {
    text.trim() == text
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == ' ')
}

fn quoted(text: &str, is_name: bool) -> String {
    let is_special =
        |character: char| character.is_whitespace() || character == '"' || is_name && character == ':';
    let looks_negated = is_name && text.starts_with(['-', '!']);
    if text.is_empty() || text.contains(is_special) || looks_negated {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    text.to_owned()
}
