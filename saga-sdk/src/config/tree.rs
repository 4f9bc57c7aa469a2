//! A configuration before it is typed: built from files and variables, merged, then checked.

use serde_json::{Map, Value};

use super::{ConfigError, Key, SagaConfig, keys::Kind};

/// The origin of values from variables.
pub(super) const ENVIRONMENT: &str = "environment";

/// Where the SDK's keys stand in a service's configuration.
pub(super) const PREFIX: [&str; 2] = ["platform", "saga"];

pub(super) fn empty() -> Value {
    Value::Object(Map::new())
}

pub(super) fn check(section: &Value, origin: &str) -> Result<SagaConfig, ConfigError> {
    let section = without_nulls(section.clone());
    serde_path_to_error::deserialize(section).map_err(|error| {
        let path = error.path().to_string();
        let problem = if path.starts_with("security") && path.to_lowercase().contains("password") {
            "must be a text".to_owned()
        } else {
            error.inner().to_string()
        };
        ConfigError::Key {
            origin: origin.to_owned(),
            key: named(&path, origin),
            problem,
        }
    })
}

/// The whole key, or the variable where the value came from.
pub(super) fn named(path: &str, origin: &str) -> String {
    match Key::by_path(path) {
        Some(key) if origin == ENVIRONMENT => key.variable.to_owned(),
        _ if path == "." => PREFIX.join("."),
        _ => format!("{}.{path}", PREFIX.join(".")),
    }
}

pub(super) fn typed(key: &Key, text: String) -> Result<Value, ConfigError> {
    let problem = |expected: &str| ConfigError::Key {
        origin: ENVIRONMENT.to_owned(),
        key: key.variable.to_owned(),
        problem: format!("must be {expected}, not {text:?}"),
    };
    match key.kind {
        Kind::Flag => text
            .to_ascii_lowercase()
            .parse()
            .map(Value::Bool)
            .map_err(|_| problem("true or false")),
        Kind::Number => text
            .parse::<u64>()
            .map(Value::from)
            .map_err(|_| problem("a number")),
        Kind::Text => Ok(Value::String(text)),
    }
}

pub(super) fn insert(tree: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((parent, rest)) => {
            let inner = tree.entry(parent).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

pub(super) fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// `key:` without a value is the default.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        value => value,
    }
}
