//! Dead letters that hold a person's data.
//!
//! Rule of thumb: what of a letter can be read is asked as an event is; of bytes that cannot be read, key and value must both
//! occur in them.

use saga_store::{ErasableLetter, Letter, MetadataValue, NotePlace, StoredLetter};
use saga_types::SagaEvent;

use super::{ErasureError, ErasurePlace, Next, Run};

/// How many letters are read at once, each of which may have 256 KiB.
const PAGE: u32 = 50;

impl Run<'_> {
    /// Some letters, in one transaction.
    pub(super) async fn letters(&mut self, after: i64) -> Result<Next, ErasureError> {
        let store = &self.erasures.store;
        let value = &self.order.value;
        let page = store.erasable_letters(value, after, PAGE).await?;
        let Some(last) = page.last().map(|letter| letter.stored.id) else {
            return Ok(Next::GoOn(ErasurePlace::Notes(NotePlace::FIRST)));
        };
        let is_of_saga: Vec<bool> = page.iter().map(|letter| self.is_of_saga(letter)).collect();
        let letters: Vec<StoredLetter> = page.into_iter().map(|letter| letter.stored).collect();
        let events = self.erasures.dead_letters.events(&letters).await;
        let read = letters.iter().zip(&events).zip(is_of_saga);
        let held = read.filter(|((stored, event), is_of_saga)| {
            *is_of_saga || holds(&stored.letter, event.as_ref(), value)
        });
        let ids: Vec<i64> = held.map(|((stored, _), _)| stored.id).collect();
        self.report.dead_letters += if self.order.dry_run || ids.is_empty() {
            ids.len() as u64
        } else {
            store.erase_letters(&ids, &self.erasure).await?
        };
        Ok(Next::GoOn(ErasurePlace::Letters(last)))
    }

    fn is_of_saga(&self, found: &ErasableLetter) -> bool {
        let saga_id = found.stored.letter.saga_id.as_ref();
        found.is_of_saga || saga_id.is_some_and(|saga_id| self.archived.contains(saga_id))
    }
}

/// Whether a letter holds the value under the key: in its event, or in bytes, headers or a message that hold both.
fn holds(letter: &Letter, event: Option<&SagaEvent>, value: &MetadataValue) -> bool {
    let in_value = || match (event, &letter.value) {
        (Some(event), _) => event
            .metadata
            .as_ref()
            .is_some_and(|metadata| value.is_in(metadata)),
        (None, Some(bytes)) => names(bytes, value),
        (None, None) => false,
    };
    let in_headers = || {
        letter.headers.iter().any(|(name, bytes)| {
            let bytes = bytes.as_deref().unwrap_or_default();
            (name.eq_ignore_ascii_case(value.key()) && contains(bytes, value.value().as_bytes()))
                || names(bytes, value)
        })
    };
    let in_key = || letter.key.as_deref().is_some_and(|key| names(key, value));
    in_value() || in_headers() || in_key() || names(letter.message.as_bytes(), value)
}

/// Whether bytes hold both key and value, as they are or as JSON writes them.
fn names(bytes: &[u8], value: &MetadataValue) -> bool {
    either(bytes, value.key()) && either(bytes, value.value())
}

fn either(bytes: &[u8], text: &str) -> bool {
    let json = serde_json::Value::from(text).to_string();
    // Without the quotation marks around it.
    let inner = json.get(1..json.len() - 1).unwrap_or_default();
    let escaped: String = text.chars().map(escape).collect();
    [text, inner, escaped.as_str()]
        .into_iter()
        .any(|text| contains(bytes, text.as_bytes()))
}

/// As JSON in ASCII writes a character.
fn escape(character: char) -> String {
    let mut units = [0; 2];
    match character {
        ' '..='~' => character.to_string(),
        _ => character
            .encode_utf16(&mut units)
            .iter()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect(),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len().max(1)).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use saga_store::Origin;
    use saga_types::{Metadata, Timestamp};

    use super::*;
    use crate::test_events::created;

    fn letter() -> Letter {
        Letter {
            topic: "dlt".to_owned(),
            partition: 0,
            offset: 0,
            dead_since: Timestamp::MIN,
            origin: Origin::default(),
            reason: "UNKNOWN".to_owned(),
            message: String::new(),
            saga_id: None,
            saga_type: None,
            event_id: None,
            producer: None,
            key: None,
            value: None,
            value_bytes: 0,
            headers: Vec::new(),
        }
    }

    fn value(text: &str) -> MetadataValue {
        MetadataValue::new("customerId", text).unwrap()
    }

    fn of_bytes(bytes: &str) -> Letter {
        Letter {
            value: Some(bytes.as_bytes().to_vec()),
            ..letter()
        }
    }

    #[test]
    fn bytes_that_cannot_be_read_must_hold_key_and_value() {
        let holds = |bytes: &str, text: &str| holds(&of_bytes(bytes), None, &value(text));
        assert!(holds(r#"{"customerId":"C-17","broken"#, "C-17"));
        assert!(!holds(r#"{"customer":"C-17","broken"#, "C-17"));
        assert!(!holds(r#"{"customerId":"C-18","broken"#, "C-17"));
        assert!(holds(r#"{"customerId":"주문","#, "주문"));
        assert!(holds(r#"{"customerId":"\uc8fc\ubb38 \ud83d\ude00","#, "주문 😀"));
        assert!(holds(r#"{"customerId":"a \"b\"","#, r#"a "b""#));
        assert!(!holds("", "C-17"));
    }

    #[test]
    fn an_event_that_can_be_read_is_asked_as_any_event() {
        let event =
            |metadata: &str| created("e-1", Timestamp::MIN).with_metadata(Metadata::parse(metadata).unwrap());
        let found = |metadata: &str| {
            let letter = of_bytes(metadata);
            holds(&letter, Some(&event(metadata)), &value("17"))
        };
        assert!(found(r#"{"customerId":17}"#) && found(r#"{"customerId":"17"}"#));
        assert!(
            !found(r#"{"customerId":"170"}"#),
            "it holds both texts, and is of somebody else"
        );
    }

    #[test]
    fn headers_and_messages_are_looked_at() {
        let mut letter = letter();
        letter.headers = vec![("X-Customer".to_owned(), Some(b"C-17".to_vec()))];
        assert!(!holds(&letter, None, &value("C-17")));
        letter.headers = vec![("CUSTOMERID".to_owned(), Some(b"C-17".to_vec()))];
        assert!(holds(&letter, None, &value("C-17")));
        letter.headers.clear();
        letter.message = "cannot read {\"customerId\":\"C-17\"}".to_owned();
        assert!(holds(&letter, None, &value("C-17")));
    }
}
