//! A letter as people see it, in REST and on the command line.

use saga_types::{
    SagaEvent, SagaId, Timestamp,
    topic::{dead_letter_headers as dead, headers},
};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    partial_view::PartialView,
    read::{CAUSE_FQCN, OWN_KINDS},
};
use crate::redaction::{REDACTED, Redaction};
use saga_store::{LetterState, StoredLetter};

/// How much of a payload is shown.
const SHOWN_BYTES: usize = 1024;

/// Message of a letter whose content was erased.
const ERASED: &str = "its content was erased";

/// A letter as people see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LetterView {
    /// Names it.
    pub id: i64,
    /// Whether it waits.
    pub state: LetterState,
    /// The kind of error.
    pub reason: String,
    /// The error in words.
    pub message: String,
    /// When it was put on the dead letter topic.
    pub dead_since: Timestamp,
    /// Where it lies there.
    pub topic: String,
    /// The partition there.
    pub partition: i32,
    /// The offset there.
    pub offset: i64,
    /// Where the record was before.
    pub origin: OriginView,
    /// The saga, by the event or, where that cannot be read, by what can be read of it, or by the key.
    pub saga_id: Option<String>,
    /// The event, where it could be read.
    pub event_id: Option<String>,
    /// The service that says it has written the record.
    pub producer_service: Option<String>,
    /// The event, where it can be read today.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub event: Option<Box<RawValue>>,
    /// Why it cannot.
    pub undecodable: Option<String>,
    /// What can be read of a value that is no event; null where it is one, where nothing can be read, or where some of it may be
    /// hidden.
    pub partial: Option<PartialView>,
    /// The record's key.
    pub key: Option<Bytes>,
    /// The record's value.
    pub payload: Option<Bytes>,
    /// All headers.
    pub headers: Vec<HeaderView>,
    /// How often it was replayed.
    pub attempts: u32,
    /// What came of it the last time.
    pub last_attempt: Option<AttemptView>,
    /// That it was dismissed; null when it was not, or was restored.
    pub dismissal: Option<DismissalView>,
    /// When its content was erased, as a person's data; null when it was not.
    pub erased_at: Option<Timestamp>,
}

/// Where a record was before, as far as its headers say.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OriginView {
    /// The topic.
    pub topic: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// The offset.
    pub offset: Option<i64>,
    /// The record's time.
    pub timestamp: Option<Timestamp>,
    /// The consumer group that gave up on it.
    pub consumer_group: Option<String>,
}

/// A header of a record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HeaderView {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<Bytes>,
}

/// That a letter was dismissed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DismissalView {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub note: Option<String>,
}

/// What came of replaying a letter.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttemptView {
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// `REPLAYED`, `ALREADY_STORED`, or why it failed.
    pub result: String,
}

/// The beginning of some bytes: as text where they are text, else in hex; neither where some of it may be hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bytes {
    /// How many there are in all.
    pub bytes: u64,
    /// Their beginning as text.
    pub text: Option<String>,
    /// Their beginning in hex.
    pub hex: Option<String>,
}

impl Bytes {
    fn new(kept: &[u8], bytes: u64) -> Self {
        let shown = &kept[..kept.len().min(SHOWN_BYTES)];
        let text = as_text(shown);
        let hex = || shown.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            bytes,
            hex: text.is_none().then(hex),
            text,
        }
    }

    /// Bytes of which nothing may be shown.
    const fn hidden(bytes: u64) -> Self {
        Self {
            bytes,
            text: None,
            hex: None,
        }
    }

    fn whole(bytes: &[u8]) -> Self {
        Self::new(bytes, bytes.len() as u64)
    }
}

/// A character that was cut in two at the end does not make text something else.
fn as_text(shown: &[u8]) -> Option<String> {
    let text = match str::from_utf8(shown) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&shown[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_readable = |character: char| !character.is_control() || matches!(character, '\n' | '\r' | '\t');
    text.chars().all(is_readable).then(|| text.to_owned())
}

impl LetterView {
    /// `event` is what the value says today, or why it says nothing; `away` is the registry's trouble.
    pub(super) fn new(
        stored: StoredLetter,
        event: Result<SagaEvent, String>,
        away: Option<&str>,
        redaction: &Redaction,
    ) -> Self {
        let letter = stored.letter;
        let partial = match &event {
            Ok(_) => None,
            Err(_) => letter
                .value
                .as_deref()
                .and_then(|value| PartialView::of(value, redaction)),
        };
        let shown = Shown::of(&letter.headers, redaction);
        let undecodable = event.as_ref().err().map(|reason| match away {
            _ if stored.erased_at.is_some() => ERASED.to_owned(),
            Some(away) => format!("{reason} (the schema registry is unavailable: {away})"),
            None => reason.clone(),
        });
        Self {
            id: stored.id,
            state: stored.state,
            reason: letter.reason,
            message: match shown.message {
                _ if stored.erased_at.is_some() => ERASED.to_owned(),
                true => letter.message,
                false => REDACTED.to_owned(),
            },
            dead_since: letter.dead_since,
            topic: letter.topic,
            partition: letter.partition,
            offset: letter.offset,
            origin: OriginView {
                topic: letter.origin.topic,
                partition: letter.origin.partition,
                offset: letter.origin.offset,
                timestamp: letter.origin.time,
                consumer_group: letter.origin.group,
            },
            saga_id: partial.as_ref().and_then(saga_id).or(letter.saga_id),
            event_id: letter.event_id,
            producer_service: letter.producer,
            event: event.ok().and_then(|event| shown_event(event, redaction)),
            undecodable,
            partial,
            key: letter.key.as_deref().map(Bytes::whole),
            payload: letter.value.map(|value| match redaction.is_off() {
                true => Bytes::new(&value, letter.value_bytes),
                false => Bytes::hidden(letter.value_bytes),
            }),
            headers: letter
                .headers
                .into_iter()
                .map(|header| shown.header(header))
                .collect(),
            attempts: stored.attempts,
            dismissal: stored.dismissal.map(|dismissal| DismissalView {
                at: dismissal.at,
                by: dismissal.by,
                note: dismissal.note,
            }),
            erased_at: stored.erased_at,
            last_attempt: stored.last_attempt.map(|last| AttemptView {
                at: last.at,
                by: last.by,
                result: last.result,
            }),
        }
    }
}

/// The saga that a broken event names, which is not always the key of its record.
fn saga_id(partial: &PartialView) -> Option<String> {
    SagaId::new(partial.value("sagaId")?).ok().map(String::from)
}

/// What of a letter may be shown. Any header may hold what metadata holds, and libraries quote the value that they could
/// not read in their message.
#[derive(Clone, Copy)]
struct Shown {
    everything: bool,
    message: bool,
}

/// Headers whose values are never metadata: those of the SDK, and those that say where a record was.
const HARMLESS: [&str; 14] = [
    headers::TRACEPARENT,
    headers::TRACESTATE,
    headers::PRODUCER,
    headers::PRODUCER_VERSION,
    headers::SEQUENCE,
    headers::PRODUCER_INSTANCE,
    dead::ORIGINAL_TOPIC,
    dead::ORIGINAL_PARTITION,
    dead::ORIGINAL_OFFSET,
    dead::ORIGINAL_TIMESTAMP,
    dead::ORIGINAL_TIMESTAMP_TYPE,
    dead::ORIGINAL_CONSUMER_GROUP,
    dead::EXCEPTION_FQCN,
    CAUSE_FQCN,
];

impl Shown {
    fn of(headers: &[(String, Option<Vec<u8>>)], redaction: &Redaction) -> Self {
        Self {
            everything: redaction.is_off(),
            message: redaction.is_off() || is_ours(headers),
        }
    }

    fn header(self, (name, value): (String, Option<Vec<u8>>)) -> HeaderView {
        let is_shown = self.everything
            || HARMLESS.contains(&name.as_str())
            || (self.message && name == dead::EXCEPTION_MESSAGE);
        let view = |value: &[u8]| match is_shown {
            true => Bytes::whole(value),
            false => Bytes::hidden(value.len() as u64),
        };
        HeaderView {
            value: value.as_deref().map(view),
            name,
        }
    }
}

/// Whether a collector dead-lettered it, whose messages quote no value.
fn is_ours(headers: &[(String, Option<Vec<u8>>)]) -> bool {
    let kind = headers.iter().rfind(|(name, _)| name == dead::EXCEPTION_FQCN);
    kind.and_then(|(_, kind)| kind.as_deref())
        .is_some_and(|kind| kind.starts_with(OWN_KINDS.as_bytes()))
}

/// The metadata as it was written: as a value its numbers would lose digits.
fn shown_event(mut event: SagaEvent, redaction: &Redaction) -> Option<Box<RawValue>> {
    let metadata = event.metadata.take();
    let metadata = metadata
        .as_ref()
        .map_or("null".into(), |metadata| redaction.text(metadata.as_str()));
    let fields = serde_json::to_value(event).ok()?;
    let fields = fields
        .as_object()?
        .iter()
        .map(|(name, value)| match name.as_str() {
            "metadata" => format!("\"metadata\":{metadata}"),
            name => format!("\"{name}\":{value}"),
        });
    let text = fields.collect::<Vec<_>>().join(",");
    RawValue::from_string(format!("{{{text}}}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_text_where_they_are_text() {
        assert_eq!(
            Bytes::whole("주문 1\n".as_bytes()).text.as_deref(),
            Some("주문 1\n")
        );
        assert_eq!(Bytes::whole(&[0xc3, 0x01, 0xff]).hex.as_deref(), Some("c301ff"));
        assert_eq!(Bytes::whole(b"a\0b").hex.as_deref(), Some("610062"));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let text = "주".repeat(1000);
        let shown = Bytes::whole(text.as_bytes());
        assert_eq!(shown.bytes, 3000);
        assert_eq!(shown.text, Some("주".repeat(341)));
    }

    fn headers_of(kind: &str) -> Vec<(String, Option<Vec<u8>>)> {
        [
            (dead::EXCEPTION_FQCN, kind),
            (dead::EXCEPTION_MESSAGE, "the message"),
            (headers::PRODUCER, "shop"),
            ("customer", "4711"),
        ]
        .map(|(name, value)| (name.to_owned(), Some(value.as_bytes().to_vec())))
        .into()
    }

    fn texts(kind: &str, redaction: &Redaction) -> Vec<Option<String>> {
        let headers = headers_of(kind);
        let shown = Shown::of(&headers, redaction);
        let views = headers.into_iter().map(|header| shown.header(header));
        views
            .map(|view| view.value.and_then(|value| value.text))
            .collect()
    }

    #[test]
    fn headers_and_messages_of_others_are_hidden_with_metadata() {
        let hiding = Redaction::of(&["cardNumber"]).unwrap_or_default();
        let some = |text: &str| Some(text.to_owned());
        let spring = "org.springframework.X";
        assert_eq!(texts(spring, &hiding), [some(spring), None, some("shop"), None]);
        let ours = "saga.tracker.EMPTY";
        assert_eq!(
            texts(ours, &hiding),
            [some(ours), some("the message"), some("shop"), None]
        );
        let off = Redaction::default();
        assert_eq!(
            texts(spring, &off),
            [some(spring), some("the message"), some("shop"), some("4711")]
        );
        assert!(!Shown::of(&headers_of(spring), &hiding).message);
        assert!(Shown::of(&headers_of(ours), &hiding).message);
    }
}
