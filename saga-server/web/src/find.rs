//! Anything by a text that somebody has at hand, for REST and the search field of the pages.
//!
//! Rule of thumb: first what is exactly so, then what begins so, then other spellings; the first of them that finds something
//! answers. What is found is of the caller's types, and what was looked for is said.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use saga_store::{
    FindPlace, FindQuery, Found, FoundSaga, LetterFilter, LetterQuery, LetterState, Named, StoredLetter,
};
use saga_types::{SagaId, SagaStatus, SagaType, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    auth::Role,
    http::{ApiError, address::encoded},
    scoped::{NoSaga, Reader},
};

/// The longest text, in characters; longer than any id.
pub(crate) const MAX_CHARS: usize = 200;

/// A shorter text is the beginning of too much.
const LEAST_CHARS: usize = 3;

/// How many sagas and dead letters of each kind an answer has.
const MOST: u32 = 20;

/// At how many keys of the metadata a value is looked for, the most frequent ones.
const KEYS: usize = 16;

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
    /// The dead letters, at most 20 of each place; none for those who are no operators.
    pub(crate) dead_letters: Vec<LetterFound>,
    /// The page of what was found, if it is one thing, or if one list has all of it.
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
    /// Of sagas that left the database.
    RemovedSagaId,
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
    const ALL: [Self; 3] = [Self::Exact, Self::Prefix, Self::OtherCase];

    fn spellings(self, text: &str) -> Vec<String> {
        match self {
            Self::Exact | Self::Prefix => vec![text.to_owned()],
            Self::OtherCase => {
                let others = BTreeSet::from([text.to_lowercase(), text.to_uppercase()]);
                others.into_iter().filter(|other| other != text).collect()
            }
        }
    }
}

/// What a text finds.
pub(crate) async fn find(reader: &Reader, text: &str) -> Result<Findings, ApiError> {
    let text = named_by(text);
    let keys = match text.is_empty() {
        true => Vec::new(),
        false => reader.words().await?.keys.iter().take(KEYS).cloned().collect(),
    };
    let mut findings = Findings {
        matched: None,
        searched: Vec::new(),
        sagas: Vec::new(),
        dead_letters: Vec::new(),
        page: None,
        text,
    };
    for how in Match::ALL {
        let spellings = how.spellings(&findings.text);
        let is_too_short = how != Match::Exact && findings.text.chars().count() < LEAST_CHARS;
        if findings.text.is_empty() || spellings.is_empty() || is_too_short {
            continue;
        }
        let mut stage = Stage {
            reader,
            how,
            spellings,
            keys: &keys,
            searched: Vec::new(),
        };
        stage.sagas(&mut findings).await?;
        stage.letters(&mut findings).await?;
        let is_found = stage.searched.iter().any(|searched| searched.found > 0);
        if is_found || how == Match::Exact {
            findings.searched = stage.searched;
        } else {
            // Nothing was found yet: whether everything was looked at is a matter of all stages.
            for (all, new) in findings.searched.iter_mut().flat_map(|all| {
                let new = stage.searched.iter().find(|new| new.place == all.place);
                new.map(|new| (all, new))
            }) {
                all.found_is_exact &= new.found_is_exact;
            }
        }
        if is_found {
            findings.matched = Some(how);
            findings.page = page(&findings);
            break;
        }
    }
    Ok(findings)
}

/// One way to look.
struct Stage<'a> {
    reader: &'a Reader,
    how: Match,
    spellings: Vec<String>,
    keys: &'a [String],
    searched: Vec<Searched>,
}

impl Stage<'_> {
    async fn sagas(&mut self, findings: &mut Findings) -> Result<(), ApiError> {
        let places = [
            (Place::SagaId, FindPlace::SagaId, true),
            (Place::OrderId, FindPlace::OrderId, true),
            (Place::TraceId, FindPlace::TraceId, false),
            (Place::EventId, FindPlace::EventId, true),
            (Place::Metadata, FindPlace::Metadata(self.keys.to_vec()), false),
        ];
        for (place, at, has_beginnings) in places {
            if self.how == Match::Prefix && !has_beginnings {
                continue;
            }
            let query = FindQuery {
                // The reader's own.
                scope: saga_store::Scope::All,
                place: at,
                texts: self.spellings.clone(),
                is_beginning: self.how != Match::Exact && has_beginnings,
                size: MOST,
            };
            let Found { sagas, is_all } = self.reader.find(&query).await?;
            self.note(place, sagas.len(), is_all);
            for saga in sagas {
                if !findings.sagas.iter().any(|other| other.saga_id == saga.saga_id) {
                    findings.sagas.push(FoundView::new(saga, place));
                }
            }
            if place == Place::SagaId && self.how == Match::Exact {
                self.removed(findings).await?;
            }
        }
        Ok(())
    }

    /// The page of a saga that was removed says when, and where it is.
    async fn removed(&mut self, findings: &Findings) -> Result<(), ApiError> {
        let Ok(saga_id) = SagaId::new(&findings.text) else {
            return Ok(());
        };
        if findings.sagas.is_empty() {
            let is_removed = match self.reader.saga(&saga_id).await {
                Ok(_) | Err(NoSaga::Unknown(..)) => false,
                Err(NoSaga::Removed(..)) => true,
                Err(error @ NoSaga::Store(_)) => return Err(error.into()),
            };
            self.note(Place::RemovedSagaId, usize::from(is_removed), true);
        }
        Ok(())
    }

    async fn letters(&mut self, findings: &mut Findings) -> Result<(), ApiError> {
        if self.reader.role() < Role::Operator || self.how == Match::Prefix {
            return Ok(());
        }
        let id: Option<i64> = findings.text.parse().ok().filter(|_| self.how == Match::Exact);
        let named = |named| LetterFilter {
            named: Some(named),
            ..LetterFilter::default()
        };
        if let Some(id) = id {
            let filter = named(Named {
                ids: vec![id],
                event_ids: Vec::new(),
            });
            self.add(findings, Place::DeadLetterId, filter).await?;
        }
        let filter = named(Named {
            ids: Vec::new(),
            event_ids: self.spellings.clone(),
        });
        self.add(findings, Place::DeadLetterEventId, filter).await?;
        for saga_id in self.spellings.clone() {
            let filter = LetterFilter {
                saga_id: Some(saga_id),
                ..LetterFilter::default()
            };
            self.add(findings, Place::DeadLetterSagaId, filter).await?;
        }
        Ok(())
    }

    async fn add(
        &mut self,
        findings: &mut Findings,
        place: Place,
        filter: LetterFilter,
    ) -> Result<(), ApiError> {
        let query = LetterQuery {
            filter,
            after: None,
            size: MOST,
        };
        let page = self.reader.letters(&query).await?;
        self.note(place, page.letters.len(), page.next.is_none());
        for letter in page.letters {
            if !findings.dead_letters.iter().any(|other| other.id == letter.id) {
                findings.dead_letters.push(LetterFound::new(letter, place));
            }
        }
        Ok(())
    }

    fn note(&mut self, place: Place, found: usize, found_is_exact: bool) {
        let found = found as u64;
        match self.searched.iter_mut().find(|searched| searched.place == place) {
            Some(searched) => {
                searched.found += found;
                searched.found_is_exact &= found_is_exact;
            }
            None => self.searched.push(Searched {
                place,
                found,
                found_is_exact,
            }),
        }
    }
}

/// The page that shows what was found.
fn page(findings: &Findings) -> Option<String> {
    let found = |place: Place| {
        let searched = findings.searched.iter().find(|searched| searched.place == place);
        searched.map_or(0, |searched| searched.found)
    };
    let text = encoded(&findings.text);
    let is_exact = findings.matched == Some(Match::Exact);
    if found(Place::RemovedSagaId) > 0 || is_exact && found(Place::SagaId) == 1 {
        return Some(format!("/sagas/{text}"));
    }
    let letters = findings.dead_letters.as_slice();
    match findings.sagas.as_slice() {
        [] => match letters {
            [only] => Some(format!("/dead-letters/{}", only.id)),
            _ if is_exact && letters.iter().all(|letter| letter.place == Place::DeadLetterSagaId) => {
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
fn named_by(text: &str) -> String {
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
    fn new(saga: FoundSaga, place: Place) -> Self {
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
    fn new(stored: StoredLetter, place: Place) -> Self {
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
