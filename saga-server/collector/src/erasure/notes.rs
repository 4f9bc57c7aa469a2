//! Notes of jobs and acknowledgements, selections of jobs, and saved views that name a person.
//!
//! Rule of thumb: a filter names a person by the same key and value; text, when the value is a word of it. A short value, which may be a
//! word by chance, counts in text only beside its key.

use reqwest::Url;
use saga_store::{MetadataValue, Note, NotePlace};
use serde_json::Value;

use super::{ErasureError, ErasurePlace, Next, Run};

/// How many are read at once. The selection of a job may name many sagas.
const PAGE: u32 = 100;

/// From so many characters on a value counts by itself in text.
const LONG: usize = 4;

impl Run<'_> {
    /// Some notes, in one transaction.
    pub(super) async fn notes(&mut self, after: NotePlace) -> Result<Next, ErasureError> {
        let store = &self.erasures.store;
        let page = store.notes(&after, PAGE).await?;
        let Some(last) = page.last().map(|note| note.place.clone()) else {
            return Ok(Next::Done);
        };
        let value = &self.order.value;
        let named = page.into_iter().filter(|note| names(note, value));
        let places: Vec<NotePlace> = named.map(|note| note.place).collect();
        self.report.notes += if self.order.dry_run || places.is_empty() {
            places.len() as u64
        } else {
            store.erase_notes(&places, &self.erasure).await?
        };
        Ok(Next::GoOn(ErasurePlace::Notes(last)))
    }
}

fn names(note: &Note, value: &MetadataValue) -> bool {
    let in_query = match &note.place {
        NotePlace::View(_) => names_in_address(&note.query, value),
        NotePlace::Job(_) | NotePlace::Acknowledgement(_) => {
            let selection: Value = serde_json::from_str(&note.query).unwrap_or_default();
            names_in_selection("", &selection, value)
        }
    };
    in_query || is_word_of(&note.text, value)
}

fn names_in_address(query: &str, value: &MetadataValue) -> bool {
    let address = Url::parse(&format!("http://list/?{query}"));
    address.is_ok_and(|address| {
        let mut parameters = address.query_pairs();
        parameters.any(|(name, text)| filters_by(&name, &text, value))
    })
}

fn names_in_selection(name: &str, selection: &Value, value: &MetadataValue) -> bool {
    match selection {
        Value::String(text) => filters_by(name, text, value),
        Value::Array(items) => items.iter().any(|item| names_in_selection(name, item, value)),
        Value::Object(fields) => {
            let mut fields = fields.iter();
            fields.any(|(name, field)| names_in_selection(name, field, value))
        }
        _ => false,
    }
}

/// Whether a parameter of a list filters by the value, or has it in a text.
fn filters_by(name: &str, text: &str, value: &MetadataValue) -> bool {
    let key = name.split_once("metadata.").map(|(_, key)| key);
    key == Some(value.key()) && text == value.value() || is_word_of(text, value)
}

fn is_word_of(text: &str, value: &MetadataValue) -> bool {
    let is_long = value.value().chars().count() >= LONG || text.contains(value.key());
    is_long
        && text.match_indices(value.value()).any(|(at, found)| {
            let before = text[..at].chars().next_back();
            let after = text[at + found.len()..].chars().next();
            !before.into_iter().chain(after).any(char::is_alphanumeric)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> MetadataValue {
        MetadataValue::new("customerId", text).unwrap()
    }

    fn note(place: NotePlace, text: &str, query: &str) -> Note {
        Note {
            place,
            text: text.to_owned(),
            query: query.to_owned(),
        }
    }

    #[test]
    fn a_text_names_a_person_when_the_value_is_a_word_of_it() {
        let names = |text: &str, of: &str| names(&note(NotePlace::Acknowledgement(1), text, ""), &value(of));
        assert!(
            names("called C-17, again", "C-17") && names("C-17", "C-17") && names("(주문 17)", "주문 17")
        );
        assert!(!names("called C-170", "C-17") && !names("AC-17", "C-17") && !names("", "C-17"));
        assert!(!names("3 of 17 are done", "17"));
        assert!(names("of the customerId 17", "17"));
    }

    #[test]
    fn a_view_names_a_person_by_its_filter_its_search_or_its_name() {
        let names = |name: &str, query: &str, of: &str| {
            names(&note(NotePlace::View(name.to_owned()), name, query), &value(of))
        };
        assert!(names("a", "status=FAILED&metadata.customerId=17", "17"));
        assert!(names("a", "metadata.customerId=%EC%A3%BC+%2B", "주 +"));
        assert!(names("a", "q=failed%20C-17", "C-17") && names("of C-17", "", "C-17"));
        assert!(!names("a", "metadata.customerId=170&metadata.other=17", "17"));
    }

    #[test]
    fn a_job_names_a_person_by_what_it_selected() {
        let names = |selection: &str, of: &str| names(&note(NotePlace::Job(1), "", selection), &value(of));
        assert!(names(
            r#"{"filter":{"metadata.customerId":"17","status":"FAILED"}}"#,
            "17"
        ));
        assert!(names(r#"{"filter":{"a.metadata.customerId":["17"]}}"#, "17"));
        assert!(names(
            r#"{"filter":{"failureReason":"no money of C-17"}}"#,
            "C-17"
        ));
        assert!(!names(
            r#"{"filter":{"metadata.customerId":"170"},"sagaIds":["s-17"]}"#,
            "17"
        ));
        assert!(!names("no JSON 17", "17"));
    }
}
