//! The part of a YAML file below `platform.saga`, with its keys in camel case.

use serde_json::{Map, Value};

use super::{
    ConfigError, KEYS,
    spelling::folded,
    tree::{PREFIX, empty, named},
};

/// A whole file.
pub(super) fn tree(yaml: &str, origin: &str) -> Result<Value, ConfigError> {
    // Otherwise the older `on` and `yes` would be read as true.
    let options = serde_saphyr::options! { strict_booleans: true };
    let tree: Option<Value> =
        serde_saphyr::from_str_with_options(yaml, options).map_err(|error| syntax(&error, origin))?;
    Ok(tree.unwrap_or_else(empty))
}

/// What stands below `platform.saga`, with its keys in camel case.
pub(super) fn section(tree: &Value, origin: &str) -> Result<Value, ConfigError> {
    refuse_dotted(tree, origin)?;
    match PREFIX.iter().try_fold(tree, |tree, name| tree.get(name)) {
        Some(Value::Object(section)) => camel_case(section, "", origin),
        Some(section) if !section.is_null() => Ok(section.clone()),
        _ => Ok(empty()),
    }
}

fn camel_case(section: &Map<String, Value>, parent: &str, origin: &str) -> Result<Value, ConfigError> {
    let mut camel_case_keys = Map::new();
    for (key, value) in section {
        let name = KEYS.iter().find_map(|known| {
            let below = known.path.strip_prefix(parent)?;
            let name = below.split('.').next()?;
            (folded(name) == folded(key)).then_some(name)
        });
        let name = name.unwrap_or(key);
        let path = format!("{parent}{name}");
        let is_group = KEYS.iter().any(|key| key.path.starts_with(&format!("{path}.")));
        let value = match value {
            Value::Object(group) if is_group => camel_case(group, &format!("{path}."), origin)?,
            value => value.clone(),
        };
        if camel_case_keys.insert(name.to_owned(), value).is_some() {
            return Err(ConfigError::Key {
                origin: origin.to_owned(),
                key: named(&path, origin),
                problem: "is given twice, in different spellings".to_owned(),
            });
        }
    }
    Ok(Value::Object(camel_case_keys))
}

/// `platform.saga.enabled: true` in one line is not our key, but was certainly meant to be.
fn refuse_dotted(tree: &Value, origin: &str) -> Result<(), ConfigError> {
    let keys = tree.as_object().into_iter().flatten().map(|(key, _)| key);
    match keys.into_iter().find(|key| key.starts_with("platform.saga")) {
        None => Ok(()),
        Some(key) => Err(ConfigError::Key {
            origin: origin.to_owned(),
            key: key.clone(),
            problem: "must be written nested, one level of YAML for each name".to_owned(),
        }),
    }
}

fn syntax(error: &serde_saphyr::Error, origin: &str) -> ConfigError {
    let message = error
        .without_snippet()
        .render_with_formatter(&serde_saphyr::UserMessageFormatter);
    ConfigError::Syntax {
        origin: origin.to_owned(),
        line: error.location().map_or(1, |location| location.line()),
        problem: message.lines().next().unwrap_or_default().to_owned(),
    }
}
