//! Writes metadata entry by entry, for callers that record a step.

use serde::Serialize;

use super::{MAX_METADATA_BYTES, Metadata, MetadataError, check, check::Extracted};

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
    /// The entries so far, joined by commas, without the closing brace. Bytes, because that is what the serializer
    /// writes; they are always whole JSON texts, and so UTF-8.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    extracted: Extracted,
}

/// The position of an entry. Texts of the key and of the value follow each other, with a colon between them.
#[derive(Debug, Clone, Copy)]
struct Entry {
    key_start: usize,
    key_end: usize,
    value_end: usize,
}

/// What happens to the value that a key has already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Kept,
    Replaced,
}

impl Metadata {
    /// A builder that writes the text entry by entry.
    #[must_use]
    pub fn builder() -> MetadataBuilder {
        MetadataBuilder::default()
    }
}

impl MetadataBuilder {
    /// Writes an entry; a key that is already there gets the new value.
    ///
    /// # Errors
    ///
    /// [`MetadataError`] when the value cannot be written as JSON, holds U+0000 or is nested too deep, or the whole would
    /// become too long; the builder is then as it was before.
    pub fn insert(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), MetadataError> {
        self.put(key, value, Known::Replaced)
    }

    /// Writes an entry, unless the key is already there.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn insert_if_absent(
        &mut self,
        key: &str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), MetadataError> {
        self.put(key, value, Known::Kept)
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The finished object.
    ///
    /// # Errors
    ///
    /// None today: every entry was checked when it was written.
    pub fn build(mut self) -> Result<Metadata, MetadataError> {
        if self.is_empty() {
            self.bytes.push(b'{');
        }
        self.bytes.push(b'}');
        let text = std::str::from_utf8(&self.bytes).map_err(|error| MetadataError::Invalid {
            reason: error.to_string(),
        })?;
        Ok(Metadata {
            text: text.into(),
            extracted: self.extracted,
        })
    }

    fn put(
        &mut self,
        key: &str,
        value: &(impl Serialize + ?Sized),
        known: Known,
    ) -> Result<(), MetadataError> {
        let before = self.bytes.len();
        let written = self
            .write(key, value)
            .and_then(|entry| self.accept(key, entry, before, known));
        if written.is_err() {
            self.bytes.truncate(before);
        }
        written
    }

    /// Appends the entry, to be accepted or removed again.
    fn write(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<Entry, MetadataError> {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(TYPICAL_BYTES);
            self.entries.reserve(TYPICAL_ENTRIES);
        }
        self.bytes.push(if self.entries.is_empty() { b'{' } else { b',' });
        let key_start = self.bytes.len();
        serde_json::to_writer(&mut self.bytes, key)?;
        let key_end = self.bytes.len();
        self.bytes.push(b':');
        serde_json::to_writer(&mut self.bytes, value)?;
        Ok(Entry {
            key_start,
            key_end,
            value_end: self.bytes.len(),
        })
    }

    fn accept(&mut self, key: &str, entry: Entry, before: usize, known: Known) -> Result<(), MetadataError> {
        let value = &self.bytes[entry.key_end + 1..entry.value_end];
        let has_escape = holds_backslash(&self.bytes[entry.key_start..entry.value_end]);
        check_entry(key, value, has_escape)?;
        let position = self.position(&self.bytes[entry.key_start..entry.key_end]);
        if position.is_some() && known == Known::Kept {
            self.bytes.truncate(before);
            return Ok(());
        }
        let text = Extracted::wants(key).then(|| text_of(value, has_escape));
        match position {
            Some(index) => self.replace(index, entry, before)?,
            None => {
                check_length(self.bytes.len())?;
                self.entries.push(entry);
            }
        }
        if let Some(text) = text {
            self.extracted.set(key, text);
        }
        Ok(())
    }

    fn position(&self, key_text: &[u8]) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| &self.bytes[entry.key_start..entry.key_end] == key_text)
    }

    /// Moves the value of the entry just written to where the key stood before.
    fn replace(&mut self, index: usize, new: Entry, before: usize) -> Result<(), MetadataError> {
        let value = self.bytes[new.key_end + 1..new.value_end].to_vec();
        let old = self.entries[index].key_end + 1..self.entries[index].value_end;
        check_length(before - old.len() + value.len())?;
        self.bytes.truncate(before);
        let moved = |position: usize| position - old.len() + value.len();
        self.entries[index].value_end = moved(old.end);
        for entry in &mut self.entries[index + 1..] {
            entry.key_start = moved(entry.key_start);
            entry.key_end = moved(entry.key_end);
            entry.value_end = moved(entry.value_end);
        }
        self.bytes.splice(old, value);
        Ok(())
    }
}

/// Room that most metadata fits into, so that it is allocated once.
const TYPICAL_BYTES: usize = 320;
const TYPICAL_ENTRIES: usize = 8;

/// `entries` counts the opening brace and not the closing one.
fn check_length(entries: usize) -> Result<(), MetadataError> {
    let bytes = entries + "}".len();
    if bytes > MAX_METADATA_BYTES {
        Err(MetadataError::TooLong { bytes })
    } else {
        Ok(())
    }
}

/// Most keys and values are plain texts and numbers, which cannot be wrong once they are written.
fn check_entry(key: &str, value: &[u8], has_escape: bool) -> Result<(), MetadataError> {
    if has_escape && key.contains('\0') {
        return Err(MetadataError::Invalid {
            reason: "a key holds U+0000".to_owned(),
        });
    }
    let is_nested = value.starts_with(b"{") || value.starts_with(b"[");
    if is_nested || has_escape {
        let text = str::from_utf8(value).map_err(|error| MetadataError::Invalid {
            reason: error.to_string(),
        })?;
        check::check_value(text, 2)?;
    }
    Ok(())
}

/// Reads every byte without a branch: for texts this short that is faster than a search that can stop early.
fn holds_backslash(text: &[u8]) -> bool {
    text.iter().fold(false, |held, byte| held | (*byte == b'\\'))
}

/// The text that a JSON string says; none of another value.
fn text_of(value: &[u8], has_escape: bool) -> Option<String> {
    if has_escape {
        return serde_json::from_slice(value).ok();
    }
    let text = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    str::from_utf8(text).ok().map(str::to_owned)
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
    fn a_key_that_is_there_can_keep_its_value() {
        let mut builder = Metadata::builder();
        builder.insert_if_absent("producerService", "theirs").unwrap();
        builder.insert_if_absent("producerService", "ours").unwrap();
        let metadata = builder.build().unwrap();
        assert_eq!(metadata.as_str(), r#"{"producerService":"theirs"}"#);
        assert_eq!(metadata.producer_service(), Some("theirs"));
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
            prop_assert_eq!(parsed.extracted, built.extracted);
        }
    }
}
