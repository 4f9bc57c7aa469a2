//! What dead letters are grouped and searched by: their cause, the order that their bytes name, and words.
//!
//! Rule of thumb: everything here follows from what is kept of a letter, so it can be computed again, and is for letters that
//! were kept before it was.

use std::collections::BTreeSet;

use saga_types::{
    OrderId, Timestamp,
    avro::{PartialEvent, decode_single_object},
    fold::failure_fingerprint,
};

/// Letters of one reason, of one message but for what differs from letter to letter, and of one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterCause {
    /// Its name; none for letters that have not got theirs yet.
    pub name: Option<String>,
    /// The reason.
    pub reason: String,
    /// The message of one of them.
    pub message: String,
    /// The service that says it has written them.
    pub producer: Option<String>,
    /// How many wait.
    pub waiting: u64,
    /// How many of those were replayed without success.
    pub failed_again: u64,
    /// How many were replayed.
    pub replayed: u64,
    /// How many were dismissed.
    pub dismissed: u64,
    /// When the first of them was put on its topic.
    pub first: Timestamp,
    /// When the last of them was put on its topic.
    pub last: Timestamp,
}

/// What a letter is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LetterIndex {
    pub(super) cause: String,
    pub(super) order_id: Option<String>,
    /// Whether the order was read from bytes that are broken, or of a schema that was assumed.
    pub(super) order_is_partial: bool,
    pub(super) words: BTreeSet<String>,
}

/// What of a letter says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexed<'a> {
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) producer: Option<&'a str>,
    pub(super) saga_id: Option<&'a str>,
    pub(super) event_id: Option<&'a str>,
    pub(super) value: Option<&'a [u8]>,
}

/// The most words of a letter.
const WORDS: usize = 60;

/// The most characters of a word; ids have up to 100.
const WORD_CHARS: usize = 100;

/// The most words that are searched for at once.
const SEARCHED: usize = 6;

/// The fewest characters of a word that is searched for.
const LEAST_CHARS: usize = 3;

impl LetterIndex {
    pub(super) fn of(letter: &Indexed<'_>) -> Self {
        let (order_id, order_is_partial) = letter.value.and_then(order_id).unzip();
        let texts = [
            letter.saga_id,
            order_id.as_deref(),
            letter.event_id,
            letter.producer,
            Some(letter.reason),
            Some(letter.message),
        ];
        let mut words = BTreeSet::new();
        for word in texts.into_iter().flatten().flat_map(words_of) {
            if words.len() < WORDS {
                words.insert(word);
            }
        }
        Self {
            cause: cause(letter.reason, letter.message, letter.producer),
            words,
            order_id,
            order_is_partial: order_is_partial.unwrap_or_default(),
        }
    }
}

/// A short name of a cause: the same reason, the same message but for what differs from letter to letter, the same producer.
fn cause(reason: &str, message: &str, producer: Option<&str>) -> String {
    let message = failure_fingerprint(message);
    let is_known = [u8::from(producer.is_some())];
    let parts = [
        reason.as_bytes(),
        message.as_bytes(),
        &is_known,
        producer.unwrap_or_default().as_bytes(),
    ];
    // FNV-1a: those who can write letters may make two causes one, and gain nothing by it.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.into_iter().flat_map(|part| part.iter().chain([&0xff])) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// The order that a value names, be it an event or not, and whether it was read from broken bytes or by an assumed schema.
fn order_id(value: &[u8]) -> Option<(String, bool)> {
    if let Ok(event) = decode_single_object(value) {
        return Some((event.order_id.into(), false));
    }
    let partial = PartialEvent::read(value)?;
    let order_id = OrderId::new(partial.value("orderId")?).ok()?;
    Some((order_id.into(), !partial.is_whole()))
}

/// The words of a text, in lower case: what is between spaces as a whole, and its parts.
fn words_of(text: &str) -> Vec<String> {
    let is_edge = |character: char| !character.is_alphanumeric();
    let mut words = Vec::new();
    for whole in text.split_whitespace().map(|word| word.trim_matches(is_edge)) {
        words.push(whole);
        let parts = whole.split(is_edge);
        words.extend(parts.filter(|part| part.len() < whole.len()));
    }
    let is_word = |word: &&str| word.chars().nth(LEAST_CHARS - 1).is_some();
    let cut = |word: &str| word.to_lowercase().chars().take(WORD_CHARS).collect();
    words.into_iter().filter(is_word).map(cut).collect()
}

/// What a text searches for: words that must all be there, each as the beginning of one.
///
/// # Errors
///
/// What the text should be.
pub fn searched_words(text: &str) -> Result<Vec<String>, String> {
    let is_edge = |character: char| !character.is_alphanumeric();
    let words = text.split_whitespace().map(|word| word.trim_matches(is_edge));
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().chars().take(WORD_CHARS).collect())
        .collect();
    let is_short = |word: &String| word.chars().nth(LEAST_CHARS - 1).is_none();
    match words.len() {
        0 => Err("must have a word".to_owned()),
        1..=SEARCHED if !words.iter().any(is_short) => Ok(words),
        1..=SEARCHED => Err(format!(
            "must have words of at least {LEAST_CHARS} characters each"
        )),
        _ => Err(format!("must have at most {SEARCHED} words")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter<'a>(message: &'a str, producer: Option<&'a str>) -> Indexed<'a> {
        Indexed {
            reason: "INVALID_NAME",
            message,
            producer,
            saga_id: Some("Saga-1"),
            event_id: None,
            value: None,
        }
    }

    #[test]
    fn a_cause_is_the_same_whatever_differs_from_letter_to_letter() {
        let cause = |message: &str, producer| LetterIndex::of(&letter(message, producer)).cause;
        let one = cause("step has 106 characters, at most 100", Some("payment-service"));
        assert_eq!(one.len(), 16);
        assert_eq!(
            one,
            cause("step has 107 characters, at most 100", Some("payment-service"))
        );
        assert_ne!(one, cause("step is empty", Some("payment-service")));
        assert_ne!(
            one,
            cause("step has 106 characters, at most 100", Some("stock-service"))
        );
        assert_ne!(cause("x", None), cause("x", Some("")));
    }

    #[test]
    fn words_are_whole_and_in_parts() {
        let words = LetterIndex::of(&letter("orderId 'ORD-20261128-03915' is 주문번호 no", None)).words;
        for word in [
            "ord-20261128-03915",
            "20261128",
            "주문번호",
            "saga-1",
            "orderid",
            "invalid_name",
        ] {
            assert!(words.contains(word), "{word} in {words:?}");
        }
        assert!(!words.contains("is"), "{words:?}");
        let many: String = (0..1_000).map(|number| format!("word{number} ")).collect();
        assert_eq!(LetterIndex::of(&letter(&many, None)).words.len(), WORDS);
    }

    #[test]
    fn a_search_has_a_few_words_that_are_long_enough() {
        assert_eq!(
            searched_words(" Card  'declined' ORD-1 "),
            Ok(vec!["card".to_owned(), "declined".to_owned(), "ord-1".to_owned()])
        );
        for text in ["", "'!'", "ab", "card of", "one two three four five six seven"] {
            assert!(searched_words(text).is_err(), "{text}");
        }
    }
}
