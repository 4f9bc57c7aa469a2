//! Redaction: values of metadata that are hidden, by their keys.
//!
//! Rule of thumb: whatever leaves the collector with something of an event's metadata in it (answers, pages, streams,
//! logs, archives) goes through [`Redaction`] last, for every caller. What is stored stays as it came, so a key that is no
//! longer listed is shown again.

use std::{borrow::Cow, fmt};

use saga_store::json::Json;
use saga_types::{fold::SagaState, keys};
use serde_json::Value;

/// Stands in place of a value that is not shown.
pub const REDACTED: &str = "***";

/// The keys whose values are not shown; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redaction {
    keys: Vec<Pattern>,
}

/// Keys in lower case: services do not agree on capital letters, and one spelling too many must not show a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Whole(String),
    Beginning(String),
}

impl Pattern {
    fn read(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_lowercase();
        // These stand in fields of their own, so that hiding them here would only seem to.
        let field = [keys::PRODUCER_SERVICE, keys::TRACE_ID]
            .into_iter()
            .find(|key| key.to_lowercase() == lower);
        match (lower.strip_suffix('*'), field) {
            (None, Some(field)) => Err(format!("{field} is a field of every step, and cannot be hidden")),
            _ if lower.is_empty() => Err("a key must not be empty".to_owned()),
            (Some(beginning), _) if !beginning.contains('*') => Ok(Self::Beginning(beginning.to_owned())),
            (None, None) if !lower.contains('*') => Ok(Self::Whole(lower)),
            _ => Err(format!("{text:?} must have its * at the end only")),
        }
    }

    fn matches(&self, lower: &str) -> bool {
        match self {
            Self::Whole(key) => lower == key,
            Self::Beginning(beginning) => lower.starts_with(beginning),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(key) => formatter.write_str(key),
            Self::Beginning(beginning) => write!(formatter, "{beginning}*"),
        }
    }
}

impl Redaction {
    /// Hides the values of these keys: whole names, or beginnings with a `*` after them; capital letters do not matter.
    ///
    /// # Errors
    ///
    /// What a key must be, in words.
    pub fn of(keys: &[impl AsRef<str>]) -> Result<Self, String> {
        let keys = keys.iter().map(|key| Pattern::read(key.as_ref()));
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
        })
    }

    /// The keys as they are written in the configuration; none when there are none.
    #[must_use]
    pub fn entry(&self) -> Option<String> {
        let keys: Vec<String> = self.keys.iter().map(Pattern::to_string).collect();
        (!self.is_off()).then(|| keys.join(";"))
    }

    /// Whether nothing is hidden.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the value of this key is not shown. Neither may it be searched for: who may guess has seen it soon.
    #[must_use]
    pub fn hides(&self, key: &str) -> bool {
        !self.is_off() && {
            let lower = key.to_lowercase();
            self.keys.iter().any(|pattern| pattern.matches(&lower))
        }
    }

    /// A JSON text, such as an event's metadata, as it may be shown: the values of hidden keys, at whatever depth, are
    /// replaced. The text itself when there are none; when it is no JSON, nothing of it.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_off() {
            return Cow::Borrowed(text);
        }
        match self.rewritten(text, 0) {
            Ok(Some(rewritten)) => Cow::Owned(rewritten),
            Ok(None) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(Value::from(REDACTED).to_string()),
        }
    }

    /// The text without the values of hidden keys, at whatever depth and also under keys that come again; none when it has
    /// none. Everything else stays as it is written, so that numbers keep their digits.
    fn rewritten(&self, text: &str, depth: usize) -> serde_json::Result<Option<String>> {
        let mut is_changed = false;
        let rewritten = match Json::at(text, depth)? {
            Json::Object(entries) => {
                let mut parts = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let hidden = match self.hides(&key) {
                        true => Some(Value::from(REDACTED).to_string()),
                        false => self.rewritten(value, depth + 1)?,
                    };
                    is_changed |= hidden.is_some();
                    let value = hidden.as_deref().unwrap_or(value);
                    parts.push(format!("{}:{value}", Value::from(key)));
                }
                format!("{{{}}}", parts.join(","))
            }
            Json::Array(items) => {
                let mut parts = Vec::with_capacity(items.len());
                for item in items {
                    let hidden = self.rewritten(item, depth + 1)?;
                    is_changed |= hidden.is_some();
                    parts.push(hidden.map_or(Cow::Borrowed(item), Cow::Owned));
                }
                format!("[{}]", parts.join(","))
            }
            Json::Text(_) | Json::Plain(_) => String::new(),
        };
        Ok(is_changed.then_some(rewritten))
    }

    /// A failure reason, which the state of a saga has from metadata, as it may be shown.
    #[must_use]
    pub fn failure_reason(&self, reason: Option<String>) -> Option<String> {
        match self.hides(keys::FAILURE_REASON) {
            true => reason.map(|_| REDACTED.to_owned()),
            false => reason,
        }
    }

    /// The state of a saga as it may be shown.
    #[must_use]
    pub fn saga(&self, mut state: SagaState) -> SagaState {
        if state.failure_reason.is_none() || !self.hides(keys::FAILURE_REASON) {
            return state;
        }
        let reason = self.failure_reason(state.failure_reason.take());
        state.with_failure_reason(reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hiding(keys: &[&str]) -> Redaction {
        Redaction::of(keys).unwrap_or_default()
    }

    #[test]
    fn keys_match_whole_or_by_their_beginning_whatever_their_capital_letters() {
        let redaction = hiding(&["cardNumber", "Customer*"]);
        for key in [
            "cardNumber",
            "CARDNUMBER",
            "cardnumber",
            "customer",
            "customerId",
            "CustomerId",
        ] {
            assert!(redaction.hides(key), "{key}");
        }
        for key in ["cardNumbers", "card", "myCustomer", ""] {
            assert!(!redaction.hides(key), "{key}");
        }
        assert!(hiding(&["*"]).hides("anything"));
        assert!(!Redaction::default().hides("anything"));
    }

    #[test]
    fn what_cannot_be_hidden_is_refused() {
        for key in ["", "  ", "a*b", "**", "*a", "traceId", "PRODUCERSERVICE"] {
            assert!(Redaction::of(&[key]).is_err(), "{key:?}");
        }
    }

    #[test]
    fn values_are_hidden_at_any_depth_and_however_their_key_is_written() {
        let redaction = hiding(&["card", "주문"]);
        let text = r#"{"card":{"number":1},"list":[{"CARD":[1,2]}],"c\u0061rd":0,"\uc8fc\ubb38":"x","other":"card"}"#;
        let shown: Value = serde_json::from_str(&redaction.text(text)).unwrap_or_default();
        assert_eq!(
            shown,
            json!({"card": "***", "list": [{"CARD": "***"}], "주문": "***", "other": "card"})
        );
    }

    #[test]
    fn what_holds_nothing_hidden_is_left_to_the_byte() {
        let text = r#"{ "amount": 12345678901234567890.123456789, "note":"x" }"#;
        assert_eq!(hiding(&["card"]).text(text), text);
        assert_eq!(Redaction::default().text("no JSON"), "no JSON");
    }

    #[test]
    fn beside_what_is_hidden_every_number_keeps_its_digits() {
        let text = r#"{"card":1,"amount":12345678901234567890.10,"list":[1e400,{"CARD":2}]}"#;
        assert_eq!(
            hiding(&["card"]).text(text),
            r#"{"card":"***","amount":12345678901234567890.10,"list":[1e400,{"CARD":"***"}]}"#
        );
    }

    #[test]
    fn a_key_that_comes_again_hides_nothing_of_what_it_stood_for_before() {
        let text = r#"{"order":{"card":"4711"},"order":{"amount":1}}"#;
        assert!(!hiding(&["card"]).text(text).contains("4711"));
    }

    #[test]
    fn what_is_nested_without_end_is_not_shown() {
        let text = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(hiding(&["card"]).text(&text), "\"***\"");
    }

    #[test]
    fn of_a_text_that_cannot_be_read_nothing_is_shown() {
        assert_eq!(hiding(&["card"]).text(r#"{"card": 4711"#), "\"***\"");
    }

    #[test]
    fn no_depth_that_metadata_may_have_hides_from_redaction() {
        let mut value = json!({"card": "4711"});
        for level in 0..60 {
            value = if level % 2 == 0 {
                json!([value])
            } else {
                json!({ "level": value })
            };
        }
        assert!(!hiding(&["card"]).text(&value.to_string()).contains("4711"));
    }
}
