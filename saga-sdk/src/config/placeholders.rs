//! `${NAME}` and `${NAME:default}` in the values of a file, as Spring writes them.

use serde_json::Value;

/// Fills the placeholders of every text; one without a value stays as it is.
pub(super) fn fill(value: &mut Value, variable: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => *text = filled(text, variable),
        Value::Object(map) => map.values_mut().for_each(|value| fill(value, variable)),
        _ => {}
    }
}

fn filled(text: &str, variable: &impl Fn(&str) -> Option<String>) -> String {
    let Some((before, name, after)) = split(text) else {
        return text.to_owned();
    };
    let (name, default) = match name.split_once(':') {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (name, None),
    };
    let value = variable(name)
        .or(default)
        .unwrap_or_else(|| format!("${{{name}}}"));
    format!("{before}{value}{}", filled(after, variable))
}

/// The name in a placeholder that was not filled.
pub(crate) fn unfilled(text: &str) -> Option<&str> {
    split(text).map(|(_, name, _)| name)
}

fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_from_variables_and_defaults() {
        let variable = |name: &str| (name == "HOST").then(|| "kafka".to_owned());
        assert_eq!(filled("${HOST}:${PORT:9092}", &variable), "kafka:9092");
        assert_eq!(filled("a ${MISSING} b", &variable), "a ${MISSING} b");
        assert_eq!(filled("$HOST {}", &variable), "$HOST {}");
        assert_eq!(unfilled("a ${MISSING} b"), Some("MISSING"));
        assert_eq!(unfilled("plain"), None);
    }
}
