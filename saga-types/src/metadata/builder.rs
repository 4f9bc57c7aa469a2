//! Writes metadata entry by entry, for callers that record a step.

use std::ops::Range;

use serde::Serialize;

use super::{MAX_METADATA_BYTES, Metadata, MetadataError};
use crate::json;

/// Builds [`Metadata`] straight as text, without a tree in between.
///
/// ```
/// use saga_types::Metadata;
///
/// let mut builder = Metadata::builder();
/// builder.insert("customerId", "C-17")?;
/// builder.insert("itemCount", &3)?;
/// assert_eq!(builder.build()?.as_str(), r#"{"customerId":"C-17","itemCount":3}"#);
/// # Ok::<(), saga_types::MetadataError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct MetadataBuilder {
    /// The entries so far, joined by commas, without the braces.
    entries: String,
    /// Where each key and value stands in `entries`.
    spans: Vec<(Range<usize>, Range<usize>)>,
    picked: json::Picked,
}

impl MetadataBuilder {
    /// Writes an entry; a key that is already there gets the new value.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] when the value cannot be written as JSON, holds U+0000 or is nested too deep, or the whole would
    /// become too long; the builder is then as it was before.
    pub fn insert(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), MetadataError> {
        let value_text = serde_json::to_string(value)?;
        let key_text = serde_json::to_string(key)?;
        check_entry(key, &value_text)?;
        match self
            .spans
            .iter()
            .position(|(key_span, _)| self.entries[key_span.clone()] == key_text)
        {
            Some(index) => self.replace(index, &value_text)?,
            None => self.append(&key_text, &value_text)?,
        }
        if let Some(slot) = self.picked.slot(key) {
            *slot = serde_json::from_str(&value_text).ok();
        }
        Ok(())
    }

    /// Whether the key was written.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        serde_json::to_string(key).is_ok_and(|key_text| {
            self.spans
                .iter()
                .any(|(key_span, _)| self.entries[key_span.clone()] == key_text)
        })
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The finished object.
    ///
    /// # Errors
    ///
    /// None today: every entry was checked when it was written.
    pub fn build(self) -> Result<Metadata, MetadataError> {
        let mut text = String::with_capacity(self.entries.len() + 2);
        text.push('{');
        text.push_str(&self.entries);
        text.push('}');
        Ok(Metadata {
            text: text.into(),
            picked: self.picked,
        })
    }

    fn append(&mut self, key_text: &str, value_text: &str) -> Result<(), MetadataError> {
        check_length(self.entries.len() + key_text.len() + value_text.len() + 2)?;
        if !self.entries.is_empty() {
            self.entries.push(',');
        }
        let key_start = self.entries.len();
        self.entries.push_str(key_text);
        let key_end = self.entries.len();
        self.entries.push(':');
        self.entries.push_str(value_text);
        self.spans
            .push((key_start..key_end, key_end + 1..self.entries.len()));
        Ok(())
    }

    fn replace(&mut self, index: usize, value_text: &str) -> Result<(), MetadataError> {
        let old = self.spans[index].1.clone();
        check_length(self.entries.len() - old.len() + value_text.len())?;
        self.entries.replace_range(old.clone(), value_text);
        let moved = |position: usize| position - old.len() + value_text.len();
        self.spans[index].1 = old.start..moved(old.end);
        for (key_span, value_span) in &mut self.spans[index + 1..] {
            *key_span = moved(key_span.start)..moved(key_span.end);
            *value_span = moved(value_span.start)..moved(value_span.end);
        }
        Ok(())
    }
}

fn check_length(entries: usize) -> Result<(), MetadataError> {
    let bytes = entries + "{}".len();
    if bytes > MAX_METADATA_BYTES {
        Err(MetadataError::TooLong { bytes })
    } else {
        Ok(())
    }
}

/// Most values are plain texts and numbers, for which a look at the text is enough.
fn check_entry(key: &str, value_text: &str) -> Result<(), MetadataError> {
    if key.contains('\0') {
        return Err(MetadataError::Invalid {
            reason: "a key holds U+0000".to_owned(),
        });
    }
    let is_nested = value_text.starts_with(['{', '[']);
    if is_nested || value_text.contains("\\u0000") {
        json::check_value(value_text, 2)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_key_written_again_gets_the_new_value() {
        let mut builder = Metadata::builder();
        for (key, value) in [
            ("a", json!(1)),
            ("b", json!("x")),
            ("a", json!("longer")),
            ("b", json!(null)),
        ] {
            builder.insert(key, &value).unwrap();
        }
        assert_eq!(builder.build().unwrap().as_str(), r#"{"a":"longer","b":null}"#);
    }

    #[test]
    fn a_refused_entry_leaves_the_builder_as_it_was() {
        let mut builder = Metadata::builder();
        builder.insert("a", "1").unwrap();
        assert!(builder.insert("b", "x\0").is_err());
        assert!(builder.insert("c", &"x".repeat(MAX_METADATA_BYTES)).is_err());
        assert!(builder.insert("d\0", "x").is_err());
        assert_eq!(builder.build().unwrap().as_str(), r#"{"a":"1"}"#);
    }

    proptest! {
        #[test]
        fn what_is_built_is_what_a_tree_would_give(entries in prop::collection::vec(("[ab\"\\\\é]{0,2}", ".{0,6}"), 0..12)) {
            let mut builder = Metadata::builder();
            let mut tree = serde_json::Map::new();
            for (key, value) in &entries {
                if builder.insert(key, value).is_ok() {
                    tree.insert(key.clone(), Value::String(value.clone()));
                }
            }
            let built = builder.build().unwrap();
            prop_assert_eq!(built.to_object(), tree);
            let parsed = Metadata::parse(built.as_str()).unwrap();
            prop_assert_eq!(parsed.picked, built.picked);
        }
    }
}
