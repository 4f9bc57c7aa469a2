//! The results of a replay, or why there are none: as callers get them, and as they are stored.

use saga_types::{SagaStatus, Timestamp, fold::failure_fingerprint};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use crate::ingest::rejection::Rejection;
use saga_store::{
    Actor, Attempt, LetterPlace, LetterState, Operation, OperationKind, StoreError, StoredLetter,
};

/// The longest result that is written down, in characters.
const MAX_RESULT_CHARS: usize = 1_000;

/// Why nothing was replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry is unavailable, and some letters need it.
    #[error("the schema registry is unavailable: {0}")]
    RegistryAway(String),
    /// Names of events that more letters have than are replayed at once.
    #[error(
        "the events have more than {0} dead letters, the most that are replayed at once: name fewer events"
    )]
    TooMany(u32),
    /// The database gave no answer for letters that it was to store, and has accepted no other events since. What is written of letters of
    /// a page is written together or not at all.
    #[error("the database gave no answer while letters were stored, and has accepted nothing since: {0}")]
    Unanswered(String),
}

/// What became of a letter, or would become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReplayStatus {
    /// Its event is stored now.
    Replayed,
    /// Its event was stored before.
    AlreadyStored,
    /// It was replayed before.
    AlreadyReplayed,
    /// It was dismissed, and would have to be restored first.
    Dismissed,
    /// It waits on, and the message says why.
    Failed,
    /// There is no such letter.
    NotFound,
}

impl ReplayStatus {
    /// Whether the event is in the store.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Replayed | Self::AlreadyStored | Self::AlreadyReplayed)
    }

    /// As callers read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replayed => "REPLAYED",
            Self::AlreadyStored => "ALREADY_STORED",
            Self::AlreadyReplayed => "ALREADY_REPLAYED",
            Self::Dismissed => "DISMISSED",
            Self::Failed => "FAILED",
            Self::NotFound => "NOT_FOUND",
        }
    }
}

/// What became of one letter.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// The event, where it can be read.
    pub event_id: Option<String>,
    /// What became of it.
    pub status: ReplayStatus,
    /// Why it failed.
    pub message: Option<String>,
    /// The letter.
    pub dead_letter_id: Option<i64>,
    /// Its saga, where it is known.
    pub saga_id: Option<String>,
    /// The type of its event, where it can be read.
    #[serde(skip)]
    pub saga_type: Option<String>,
    /// The saga's status before all of this; none when the saga was not there.
    pub before: Option<SagaStatus>,
    /// The saga's status after all of this.
    pub after: Option<SagaStatus>,
}

impl Replayed {
    pub(super) fn not_found(event_id: Option<String>, dead_letter_id: Option<i64>) -> Self {
        Self {
            event_id,
            status: ReplayStatus::NotFound,
            message: Some("there is no such dead letter".to_owned()),
            dead_letter_id,
            saga_id: None,
            saga_type: None,
            before: None,
            after: None,
        }
    }

    pub(super) fn of(stored: &StoredLetter, status: ReplayStatus, message: Option<String>) -> Self {
        Self {
            event_id: stored.letter.event_id.clone(),
            status,
            message,
            dead_letter_id: Some(stored.id),
            saga_id: stored.letter.saga_id.clone(),
            saga_type: stored.letter.saga_type.clone(),
            before: None,
            after: None,
        }
    }
}

/// Letters of which the same became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOutcome {
    /// What became of them.
    pub status: ReplayStatus,
    /// Why they failed, but for the numbers, ids and quoted values in it.
    pub message: Option<String>,
    /// The status of their sagas before all of this.
    pub before: Option<SagaStatus>,
    /// The status of their sagas after all of this.
    pub after: Option<SagaStatus>,
    /// How many letters.
    pub letters: usize,
}

impl ReplayOutcome {
    fn of(results: &[Replayed]) -> Vec<Self> {
        let mut outcomes: Vec<Self> = Vec::new();
        for result in results {
            let message = result.message.as_deref().map(failure_fingerprint);
            let (status, before, after) = (result.status, result.before, result.after);
            let is_same = |outcome: &&mut Self| {
                (outcome.status, outcome.before, outcome.after) == (status, before, after)
                    && outcome.message == message
            };
            match outcomes.iter_mut().find(is_same) {
                Some(outcome) => outcome.letters += 1,
                None => outcomes.push(Self {
                    status,
                    message,
                    before,
                    after,
                    letters: 1,
                }),
            }
        }
        outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.letters));
        outcomes
    }
}

/// What became of the letters of an order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayReport {
    /// How many letters were meant.
    pub requested: usize,
    /// Of how many the event is in the store.
    pub successful: usize,
    /// How many still wait, or do not exist.
    pub failed: usize,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The letters grouped by what became of them and of their sagas, the most frequent first.
    pub outcomes: Vec<ReplayOutcome>,
    /// Each letter.
    pub results: Vec<Replayed>,
    /// Where the letters that match begin that were not replayed.
    #[serde(skip)]
    pub next: Option<LetterPlace>,
    /// Why these letters were not tried, when there was no answer for them.
    #[serde(skip)]
    pub ended_by: Option<ReplayError>,
}

impl ReplayReport {
    pub(super) fn new(
        results: Vec<Replayed>,
        dry_run: bool,
        next: Option<LetterPlace>,
        ended_by: Option<ReplayError>,
    ) -> Self {
        let successful = results.iter().filter(|result| result.status.is_success()).count();
        Self {
            requested: results.len(),
            successful,
            failed: results.len() - successful,
            dry_run,
            outcomes: ReplayOutcome::of(&results),
            results,
            next,
            ended_by,
        }
    }
}

impl Replayed {
    pub(super) fn attempt(&self, id: i64, at: Timestamp, by: &Actor) -> Attempt {
        let said = self.message.as_deref().unwrap_or(self.status.as_str());
        Attempt {
            id,
            state: match self.status.is_success() {
                true => LetterState::Replayed,
                false => LetterState::Waiting,
            },
            at,
            by: by.name.clone(),
            result: said.chars().take(MAX_RESULT_CHARS).collect(),
        }
    }

    pub(super) fn operation(&self, id: i64, at: Timestamp, by: &Actor) -> Operation {
        let text = |status: SagaStatus| status.as_str().to_owned();
        let detail = self.message.as_deref();
        Operation {
            at,
            actor: by.clone(),
            kind: OperationKind::Replay,
            saga_id: self.saga_id.clone(),
            saga_type: self.saga_type.clone(),
            letter_id: Some(id),
            before: self.before.map(text),
            after: self.after.map(text),
            result: self.status.as_str().to_owned(),
            detail: detail.map(|detail| detail.chars().take(MAX_RESULT_CHARS).collect()),
        }
    }

    pub(super) fn fail(&mut self, rejection: Rejection) {
        self.status = ReplayStatus::Failed;
        self.message = Some(format!("{}: {}", rejection.kind, rejection.reason));
    }
}
