//! The port for dead letters: kept once each, listed, and marked with what became of them.
//!
//! Rule of thumb: the topic keeps a dead letter byte for byte, the database keeps what people ask of it and what a replay
//! needs. Reading the topic again, from wherever, changes nothing.

use std::sync::Arc;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use saga_types::{SagaEvent, Timestamp};
use serde::Serialize;
use sqlx::error::BoxDynError;
use utoipa::ToSchema;

use super::{AppendError, Appended, LetterCause, Scope, StoreError};

/// Dead letters, beside the sagas.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Keeps letters, in one transaction. A letter that is known by its identity stays as it is.
    ///
    /// Says how many were new.
    ///
    /// # Errors
    ///
    /// As [`Store::append`](super::Store::append).
    async fn keep_letters(&self, letters: Vec<NewLetter>) -> Result<u64, AppendError>;

    /// A page of letters, newest first.
    async fn letters(&self, query: &LetterQuery) -> Result<LetterPage, StoreError>;

    /// How many letters there are of each reason.
    async fn letter_groups(&self, filter: &LetterFilter) -> Result<LetterCounts<LetterGroup>, StoreError>;

    /// How many letters there are of each cause.
    async fn letter_causes(&self, filter: &LetterFilter) -> Result<LetterCounts<LetterCause>, StoreError>;

    /// Gives letters that were kept by an earlier version their cause and words, some at a time; how many.
    async fn index_letters(&self, limit: u32) -> Result<u64, StoreError>;

    /// How many letters of these types are waiting.
    async fn letters_waiting(&self, scope: &Scope) -> Result<u64, StoreError>;

    /// How many letters there are, whatever became of them.
    async fn letters_stored(&self) -> Result<u64, StoreError>;

    /// Removes letters that were put on their topic before a moment, the oldest first, some at a time; how many.
    async fn remove_letters(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// Says what [`Store::append`](super::Store::append) would do to a batch, by the same rules and in the same way,
    /// and stores nothing.
    ///
    /// # Errors
    ///
    /// As [`Store::append`](super::Store::append).
    async fn append_dry_run(&self, batch: Arc<[SagaEvent]>) -> Result<Appended, AppendError>;
}

/// A record of the dead letter topic, as it is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLetter {
    /// A hash of where the record came from and of its bytes.
    pub identity: [u8; 32],
    /// What is known of it.
    pub letter: Letter,
}

/// A header's name and value.
pub type RawHeader = (String, Option<Vec<u8>>);

/// What is known of a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The dead letter topic.
    pub topic: String,
    /// The partition of that topic.
    pub partition: i32,
    /// The offset in that partition.
    pub offset: i64,
    /// When it was put there.
    pub dead_since: Timestamp,
    /// Where the record was before.
    pub origin: Origin,
    /// The kind of error, such as `INVALID_NAME`, or the name of a JVM exception.
    pub reason: String,
    /// The error in words.
    pub message: String,
    /// The saga, by the event or, where that cannot be read, by what can be read of it, or by the key.
    pub saga_id: Option<String>,
    /// The type that the event names, where it can be read.
    pub saga_type: Option<String>,
    /// The event, where it can be read.
    pub event_id: Option<String>,
    /// The service that says it has written the record.
    pub producer: Option<String>,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The beginning of the record's value; all of it when it may be an event.
    pub value: Option<Vec<u8>>,
    /// How long the whole value is.
    pub value_bytes: u64,
    /// The record's headers and those of the dead letter.
    pub headers: Vec<RawHeader>,
}

/// Where a record was before it became a dead letter; as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The topic.
    pub topic: Option<String>,
    /// The partition.
    pub partition: Option<i32>,
    /// The offset.
    pub offset: Option<i64>,
    /// The record's time.
    pub time: Option<Timestamp>,
    /// The consumer group that gave up on it.
    pub group: Option<String>,
}

/// That a letter was dismissed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dismissal {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub note: Option<String>,
}

/// A letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLetter {
    /// Names it.
    pub id: i64,
    /// What is known of it.
    pub letter: Letter,
    /// Whether it waits.
    pub state: LetterState,
    /// How often it was replayed.
    pub attempts: u32,
    /// The last time that was tried.
    pub last_attempt: Option<LastAttempt>,
    /// That it was dismissed, while it is.
    pub dismissal: Option<Dismissal>,
    /// When a person's data was erased from it.
    pub erased_at: Option<Timestamp>,
}

/// What became of the last replay of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// `REPLAYED`, `ALREADY_STORED`, or why it failed.
    pub result: String,
}

/// Whether a letter waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LetterState {
    /// Its event is not in the store, as far as is known.
    Waiting,
    /// Its event is in the store.
    Replayed,
    /// An operator dismissed it, or its content was erased.
    Dismissed,
}

impl LetterState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Replayed, Self::Dismissed];

    /// As the database and callers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Replayed => "REPLAYED",
            Self::Dismissed => "DISMISSED",
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, BoxDynError> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("unknown state {text:?}").into())
    }
}

/// Which letters. Filters add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Only letters of types that the reader may see, and of no saga of another type.
    pub scope: Scope,
    /// Only those that are named.
    pub named: Option<Named>,
    /// Of this reason.
    pub reason: Option<String>,
    /// In this state.
    pub state: Option<LetterState>,
    /// Without those that were dismissed.
    pub without_dismissed: bool,
    /// Waiting and acknowledged at this moment, or, with `false`, not.
    pub acknowledged: Option<(bool, Timestamp)>,
    /// Of this saga.
    pub saga_id: Option<String>,
    /// About this order, by the event or, where that cannot be read, by what can be read of its bytes.
    pub order_id: Option<String>,
    /// Without those whose order was read from bytes that are broken, or of a schema that was assumed: there it may be any part of
    /// them.
    pub without_partial_orders: bool,
    /// Of this cause, by its name in [`LetterCause`].
    pub cause: Option<String>,
    /// With all these words in their message or ids, see [`searched_words`](super::searched_words).
    pub words: Vec<String>,
    /// From this topic.
    pub origin_topic: Option<String>,
    /// Put on its topic at this moment or later.
    pub from: Option<Timestamp>,
    /// Put on its topic at this moment or earlier.
    pub to: Option<Timestamp>,
}

/// Letters by name: those with one of the ids, and those of one of the events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Ids of letters.
    pub ids: Vec<i64>,
    /// Ids of events.
    pub event_ids: Vec<String>,
}

/// A page of letters, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterQuery {
    /// Which.
    pub filter: LetterFilter,
    /// Only those that come after this place in the list.
    pub after: Option<LetterPlace>,
    /// How many at most.
    pub size: u32,
}

/// A place in the list of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterPlace {
    /// When the letter was put on its topic.
    pub dead_since: Timestamp,
    /// The letter.
    pub id: i64,
}

/// A page of letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterPage {
    /// The letters.
    pub letters: Vec<StoredLetter>,
    /// Where the next page begins, when there is one.
    pub next: Option<LetterPlace>,
}

impl LetterPage {
    /// From one letter more than the page has, if there is one.
    pub(super) fn of(mut letters: Vec<StoredLetter>, size: u32) -> Self {
        let has_more = letters.len() > size as usize;
        letters.truncate(size as usize);
        let last = letters.last().filter(|_| has_more);
        let next = last.map(|last| LetterPlace {
            dead_since: last.letter.dead_since,
            id: last.id,
        });
        Self { letters, next }
    }
}

/// Letters of one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterGroup {
    /// The reason.
    pub reason: String,
    /// How many wait.
    pub waiting: u64,
    /// How many were replayed.
    pub replayed: u64,
    /// How many were dismissed.
    pub dismissed: u64,
    /// When the first of them was put on its topic.
    pub first: Timestamp,
    /// When the last of them was put on its topic.
    pub last: Timestamp,
}

/// Letters counted by what they have in common; the most frequent first, at most [`MAX`](Self::MAX).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterCounts<T> {
    /// The groups.
    pub groups: Vec<T>,
    /// Whether every letter was counted; when not, the counts are the least that there are.
    pub is_exact: bool,
}

impl<T> LetterCounts<T> {
    /// The most groups of an answer.
    pub const MAX: u32 = 100;

    /// So many letters of each state of a group are counted, fewer of each of many groups; of letters that a search finds the newest, so
    /// many in all.
    pub const COUNTED: u32 = 10_000;
}

/// What replaying did to a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The letter.
    pub id: i64,
    /// Its state from now on.
    pub state: LetterState,
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// What came of it.
    pub result: String,
}

/// Headers as both databases keep them.
pub(super) fn headers_text(headers: &[RawHeader]) -> Result<String, sqlx::Error> {
    let pairs: Vec<(&str, Option<String>)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref().map(|value| STANDARD.encode(value))))
        .collect();
    serde_json::to_string(&pairs).map_err(|error| sqlx::Error::Encode(error.into()))
}

pub(super) fn read_headers(text: &str) -> Result<Vec<RawHeader>, BoxDynError> {
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(text)?;
    pairs
        .into_iter()
        .map(|(name, value)| Ok((name, value.map(|value| STANDARD.decode(value)).transpose()?)))
        .collect()
}
