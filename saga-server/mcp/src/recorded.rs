//! Texts that services, brokers and people recorded, as data for a model.
//!
//! Rule of thumb: a text is made visible and short, and never understood. Characters that are not seen, or that change how others are
//! seen, are written by their numbers, so that nothing hides in an answer and no text ends the block that it stands in.

use serde_json::{Map, Value};

/// The field of links; they are ours, and of no use when they are cut.
pub(crate) const LINK: &str = "page";

/// The fields of an object that are given, under the names that they have.
pub(crate) fn pick(from: &Value, fields: &[&str]) -> Map<String, Value> {
    let given = |field: &&str| {
        let value = &from[*field];
        (!is_nothing(value)).then(|| ((*field).to_owned(), value.clone()))
    };
    fields.iter().filter_map(given).collect()
}

/// The first entries of a list, each as `shown` gives it.
pub(crate) fn first(list: &Value, count: usize, shown: impl Fn(&Value) -> Value) -> Vec<Value> {
    let entries = list.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().take(count).map(shown).collect()
}

/// How many entries a list has.
pub(crate) fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// What has names of its own, such as metadata, as one text.
pub(crate) fn as_text(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        value => Value::String(value.to_string()),
    }
}

/// Nothing to say.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The same with every text visible, and cut after so many bytes.
pub(crate) fn cleaned(value: &Value, longest: usize) -> Value {
    match value {
        Value::String(text) => Value::String(visible(text, longest)),
        Value::Array(list) => list.iter().map(|entry| cleaned(entry, longest)).collect(),
        Value::Object(fields) => {
            let clean = |(name, field): (&String, &Value)| {
                let field = match name == LINK {
                    true => field.clone(),
                    false => cleaned(field, longest),
                };
                (name.clone(), field)
            };
            Value::Object(fields.iter().map(clean).collect())
        }
        other => other.clone(),
    }
}

/// A text whose every character is seen, cut after so many bytes with a word of how long it is.
pub(crate) fn visible(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    for (place, character) in text.char_indices() {
        if shown.len() >= longest {
            shown.push_str(&format!("… ({} more bytes)", text.len() - place));
            break;
        }
        match is_seen(character) {
            true => shown.push(character),
            false => shown.push_str(&format!("\\u{{{:x}}}", u32::from(character))),
        }
    }
    shown
}

/// Not so: controls, what changes direction or joins, separators of lines, variation selectors, tags, and private use.
fn is_seen(character: char) -> bool {
    !character.is_control()
        && !matches!(
            u32::from(character),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e
                | 0x2060..=0x206f | 0x3164 | 0xe000..=0xf8ff | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
                | 0x1_bca0..=0x1_bca3 | 0x1_d173..=0x1_d17a | 0xe_0000..=0x10_ffff
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_seen_is_written_by_its_number() {
        for (text, shown) in [
            ("card declined: 김치 🙂", "card declined: 김치 🙂"),
            ("a\nb\u{0}\u{1b}[31m", "a\\u{a}b\\u{0}\\u{1b}[31m"),
            ("\u{202e}abc\u{200b}", "\\u{202e}abc\\u{200b}"),
            ("\u{e0041}", "\\u{e0041}"),
            ("\u{85}\u{2028}", "\\u{85}\\u{2028}"),
        ] {
            assert_eq!(visible(text, 400), shown);
        }
    }

    #[test]
    fn a_long_text_is_cut_with_its_length() {
        assert_eq!(visible(&"x".repeat(50), 10), "xxxxxxxxxx… (40 more bytes)");
        assert_eq!(visible(&"한".repeat(5), 4), "한한… (9 more bytes)");
        assert_eq!(
            visible(&"\n".repeat(1_000_000), 10).len(),
            "\\u{a}\\u{a}… (999998 more bytes)".len()
        );
    }

    #[test]
    fn links_stay_whole_and_metadata_is_one_text() {
        let link = format!("/sagas/{}", "x".repeat(100));
        let value = json!({"page": link, "metadata": as_text(&json!({"page": "y".repeat(100)}))});
        let clean = cleaned(&value, 10);
        assert_eq!(clean["page"], link);
        assert_eq!(clean["metadata"], r#"{"page":"y… (101 more bytes)"#);
    }

    #[test]
    fn what_is_not_given_is_left_out() {
        let from = json!({"a": 1, "b": null, "c": [], "d": {}, "e": false});
        assert_eq!(
            Value::Object(pick(&from, &["a", "b", "c", "d", "e", "f"])),
            json!({"a": 1, "e": false})
        );
    }
}
