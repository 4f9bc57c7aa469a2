//! What was found by a text, and the page that shows it.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use saga_store::{FoundSaga, LetterState, StoredLetter};
use saga_types::{SagaId, SagaStatus, SagaType, Timestamp, fold::SagaState};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::address::encoded;

/// What a text finds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Findings {
    /// What was looked for: the text without quotation marks and spaces around it, or the id of the page whose address it is.
    pub(crate) text: String,
    /// How it was found; null when nothing was.
    pub(crate) matched: Option<Match>,
    /// Where the text was looked for, and how much was found there.
    pub(crate) searched: Vec<Searched>,
    /// The sagas, at most 20 of each place, those that started last first.
    pub(crate) sagas: Vec<FoundView>,
    /// Those of them that are in the archive.
    #[serde(skip)]
    pub(crate) archived: Vec<SagaState>,
    /// The dead letters, at most 20 of each place; none for those who are no operators.
    pub(crate) dead_letters: Vec<LetterFound>,
    /// The page of what was found, if that is one saga or dead letter, or if one list has all of it.
    pub(crate) page: Option<String>,
}

/// How a text was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Match {
    /// It is an id, or a value of metadata.
    Exact,
    /// An id begins with it.
    Prefix,
    /// In lower or upper case it is an id or a value, or the beginning of an id.
    OtherCase,
}

/// Where a text was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Place {
    SagaId,
    /// Of sagas that left the database and are in no archive that is asked.
    RemovedSagaId,
    /// Of sagas that left the database for the archive.
    ArchivedSagaId,
    /// Of the same sagas.
    ArchivedOrderId,
    OrderId,
    TraceId,
    EventId,
    /// The values at the most frequent keys. With SQLite, of the newest 5,000 steps.
    Metadata,
    DeadLetterId,
    DeadLetterSagaId,
    DeadLetterEventId,
}

/// What was found in one place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Searched {
    pub(crate) place: Place,
    pub(crate) found: u64,
    /// Whether there are no more, and everything was looked at in time.
    pub(crate) found_is_exact: bool,
}

/// A saga that was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FoundSaga)]
pub(crate) struct FoundView {
    #[schema(value_type = SagaId)]
    pub(crate) saga_id: String,
    pub(crate) saga_type: SagaType,
    pub(crate) current_status: SagaStatus,
    pub(crate) started_at: Timestamp,
    /// The place where it was found first.
    pub(crate) place: Place,
    /// The id that was found, or the key of the metadata.
    pub(crate) matched: String,
}

/// A dead letter that was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FoundDeadLetter)]
pub(crate) struct LetterFound {
    pub(crate) id: i64,
    pub(crate) reason: String,
    pub(crate) state: LetterState,
    pub(crate) saga_id: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) dead_since: Timestamp,
    pub(crate) place: Place,
}

impl Match {
    pub(super) const ALL: [Self; 3] = [Self::Exact, Self::Prefix, Self::OtherCase];

    pub(super) fn spellings(self, text: &str) -> Vec<String> {
        match self {
            Self::Exact | Self::Prefix => vec![text.to_owned()],
            Self::OtherCase => {
                let others = BTreeSet::from([text.to_lowercase(), text.to_uppercase()]);
                others.into_iter().filter(|other| other != text).collect()
            }
        }
    }
}

/// The page that shows what was found.
pub(super) fn page(findings: &Findings) -> Option<String> {
    let found = |place: Place| {
        let searched = findings.searched.iter().find(|searched| searched.place == place);
        searched.map_or(0, |searched| searched.found)
    };
    let text = encoded(&findings.text);
    let is_exact = findings.matched == Some(Match::Exact);
    if found(Place::RemovedSagaId) + found(Place::ArchivedSagaId) > 0 || is_exact && found(Place::SagaId) == 1
    {
        return Some(format!("/sagas/{text}"));
    }
    let letters = findings.dead_letters.as_slice();
    match findings.sagas.as_slice() {
        [] => match letters {
            [only] => Some(format!("/dead-letters/{}", only.id)),
            _ if is_exact
                && letters
                    .iter()
                    .all(|letter| letter.place == Place::DeadLetterSagaId) =>
            {
                Some(format!("/dead-letters?sagaId={text}"))
            }
            _ => None,
        },
        _ if !letters.is_empty() => None,
        [only] => Some(format!("/sagas/{}", encoded(&only.saga_id))),
        [first, ..] if is_exact && findings.sagas.iter().all(|saga| saga.place == first.place) => {
            let key = &first.matched;
            let is_one_key = findings.sagas.iter().all(|saga| saga.matched == *key);
            match first.place {
                Place::OrderId => Some(format!("/sagas?orderId={text}")),
                Place::TraceId => Some(format!("/sagas?traceId={text}")),
                Place::Metadata if is_one_key => Some(format!("/sagas?metadata.{}={text}", encoded(key))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What a text names: the id of a page whose address it is, or the text without what was copied along with it.
pub(super) fn named_by(text: &str) -> String {
    const AROUND: [char; 12] = ['"', '\'', '`', '“', '”', '‘', '’', '<', '>', '(', ')', ','];
    let is_around = |character: char| character.is_whitespace() || AROUND.contains(&character);
    let text = text.trim_matches(is_around);
    let is_address = text.starts_with("http://") || text.starts_with("https://");
    let of_page = text.split_once("/sagas/").filter(|_| is_address);
    let id = of_page.and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let id = id.and_then(|id| percent_decode_str(id).decode_utf8().ok());
    match id.filter(|id| !id.is_empty()) {
        Some(id) => id.into_owned(),
        None => text.to_owned(),
    }
}

impl FoundView {
    pub(super) fn archived(saga: &SagaState, place: Place, matched: &str) -> Self {
        Self {
            saga_id: saga.saga_id.to_string(),
            saga_type: saga.saga_type.clone(),
            current_status: saga.current_status,
            started_at: saga.started_at,
            place,
            matched: matched.to_owned(),
        }
    }

    pub(super) fn new(saga: FoundSaga, place: Place) -> Self {
        Self {
            saga_id: saga.saga_id,
            saga_type: saga.saga_type,
            current_status: saga.status,
            started_at: saga.started_at,
            place,
            matched: saga.matched,
        }
    }
}

impl LetterFound {
    pub(super) fn new(stored: StoredLetter, place: Place) -> Self {
        Self {
            id: stored.id,
            reason: stored.letter.reason,
            state: stored.state,
            saga_id: stored.letter.saga_id,
            event_id: stored.letter.event_id,
            dead_since: stored.letter.dead_since,
            place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_along_with_an_id_is_left_out() {
        for (text, id) in [
            (
                "https://tracker.example/sagas/saga%201?rows=services#event-3",
                "saga 1",
            ),
            ("http://localhost:8086/sagas/saga-1/events.json", "saga-1"),
            ("<https://tracker.example/sagas/saga-1>,", "saga-1"),
            ("https://tracker.example/sagas/", "https://tracker.example/sagas/"),
            ("https://tracker.example/flow", "https://tracker.example/flow"),
            ("/sagas/saga-1", "/sagas/saga-1"),
            (" \"ORD-1\"\t\n", "ORD-1"),
            ("“주문-1”", "주문-1"),
            ("`a b`", "a b"),
            ("", ""),
            ("\"", ""),
        ] {
            assert_eq!(named_by(text), id);
        }
    }

    #[test]
    fn other_spellings_are_others() {
        assert_eq!(Match::OtherCase.spellings("Ord-1"), ["ORD-1", "ord-1"]);
        assert_eq!(Match::OtherCase.spellings("ORD-1"), ["ord-1"]);
        assert!(Match::OtherCase.spellings("17").is_empty());
        assert_eq!(Match::Prefix.spellings("Ord-1"), ["Ord-1"]);
    }
}
