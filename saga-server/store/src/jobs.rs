//! The port for jobs: one operation on many sagas or dead letters.
//!
//! Rule of thumb: what a job is about is stored when it is created, and never asked for again. An item gets its result by the
//! transaction that changes its saga or letter and writes the log of operations, and only while it has none; so however many runners work on a job
//! at the same time, each item is done once.

use async_trait::async_trait;
use saga_types::{SagaId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Acknowledged, Actor, Disposal, JobItem, JobItemQuery, JobStep, Judged, LetterFilter, LetterState,
    NewItem, Scope, StoreError, texts::texts,
};

/// What stores and reads jobs.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Stores a job with its items, and an entry of the log of operations. A request that was made before gives the job that it made.
    async fn create_job(&self, job: &NewJob) -> Result<Creation, StoreError>;

    /// Stores a job that takes back what another one changed and no earlier reverting job has taken back. Its action is the opposite
    /// one; see [`JobAction::opposite`].
    async fn revert_job(&self, job: i64, order: &NewJob) -> Result<Reversion, StoreError>;

    /// The job that a request of this caller made, by the token of its preview or by the caller's own key.
    async fn job_of_request(&self, keys: &RequestKeys) -> Result<Option<Job>, StoreError>;

    /// A job that a reader may see: all its sagas are of types in the scope.
    async fn job(&self, id: i64, scope: &Scope) -> Result<Option<Job>, StoreError>;

    /// A page of jobs, newest first.
    async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StoreError>;

    /// The items of a job after a number, in the order of their numbers.
    async fn job_items(&self, query: &JobItemQuery) -> Result<Vec<JobItem>, StoreError>;

    /// Ends a job: at once when it waits, after the items in hand when it runs. Writes an entry of the log when that changes
    /// something. None when there is no such job, or the reader may not see it.
    async fn stop_job(
        &self,
        id: i64,
        scope: &Scope,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<Option<Job>, StoreError>;

    /// Jobs that have not ended and are younger than one, the oldest first, at most so many; those of an action that only a newer
    /// version knows are left out.
    async fn active_jobs(&self, after: i64, limit: u32) -> Result<Vec<Job>, StoreError>;

    /// How many jobs have not ended, and which of them did nothing for the longest time.
    async fn job_activity(&self) -> Result<JobActivity, StoreError>;

    /// A job that waits runs from now on.
    async fn start_job(&self, id: i64, at: Timestamp) -> Result<(), StoreError>;

    /// A job that is to stop has stopped, and one whose items are all done is done. Says whether it has ended.
    async fn end_job(&self, id: i64, at: Timestamp) -> Result<bool, StoreError>;

    /// Stores results of items for which nothing was changed. Items that have a result keep it.
    async fn record_items(&self, step: &JobStep) -> Result<(), StoreError>;

    /// Dismisses or restores the letters of items as [`DismissalStore::dispose`](crate::DismissalStore::dispose) does, with the
    /// results of the items in the same transaction. Letters to which it cannot be done are left; the numbers of the others are given.
    async fn dispose_items(&self, order: &JobDisposal) -> Result<Vec<i64>, StoreError>;

    /// Acknowledges the sagas of items as [`AcknowledgementStore::acknowledge`](crate::AcknowledgementStore::acknowledge) does, with the
    /// results of those that were in the same transaction; what became of each, by its number.
    async fn acknowledge_items(
        &self,
        order: &JobAcknowledgement,
    ) -> Result<Vec<(i64, Acknowledged)>, StoreError>;

    /// Letters that match a filter, as far as a job needs them, newest first, at most so many.
    async fn select_letters(
        &self,
        filter: &LetterFilter,
        limit: u32,
    ) -> Result<Vec<SelectedLetter>, StoreError>;

    /// Removes jobs that ended before a moment, with their items, at most so many; how many.
    async fn remove_jobs(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// The most items of a job.
pub const MAX_JOB_ITEMS: u32 = 100_000;

/// What a job does to each of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum JobAction {
    /// The status of a saga is set.
    Correct,
    /// A dead letter is replayed.
    Replay,
    /// A dead letter that waits is dismissed.
    Dismiss,
    /// A dead letter that was dismissed is restored.
    Restore,
    /// Somebody takes care of a saga.
    Acknowledge,
}

impl JobAction {
    /// What takes it back; none when nothing does.
    #[must_use]
    pub const fn opposite(self) -> Option<Self> {
        match self {
            Self::Correct => Some(Self::Correct),
            Self::Dismiss => Some(Self::Restore),
            Self::Restore => Some(Self::Dismiss),
            // It ends by itself, or is withdrawn by who takes care.
            Self::Replay | Self::Acknowledge => None,
        }
    }

    /// Whether it is about dead letters, and not about sagas.
    #[must_use]
    pub const fn is_of_letters(self) -> bool {
        !matches!(self, Self::Correct | Self::Acknowledge)
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// No collector has begun it.
    Waiting,
    /// A collector works on it, or the next one will.
    Running,
    /// It ends after the items in hand.
    Stopping,
    /// It ended before all items were done.
    Stopped,
    /// All items are done.
    Done,
}

impl JobState {
    /// Whether nothing will be done any more.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Stopped | Self::Done)
    }
}

texts!(JobAction: Correct = "CORRECT", Replay = "REPLAY", Dismiss = "DISMISS", Restore = "RESTORE", Acknowledge = "ACKNOWLEDGE");
texts!(JobState: Waiting = "WAITING", Running = "RUNNING", Stopping = "STOPPING", Stopped = "STOPPED", Done = "DONE");
/// By which a request that comes again is known. Both are compared among the requests of one caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestKeys {
    /// The name of the caller.
    pub actor: String,
    /// The token of the preview.
    pub token: Option<String>,
    /// The caller's own key.
    pub key: Option<String>,
}

impl RequestKeys {
    pub(crate) fn token(&self) -> Option<String> {
        self.of_actor(self.token.as_deref())
    }

    pub(crate) fn key(&self) -> Option<String> {
        self.of_actor(self.key.as_deref())
    }

    /// A name has no control characters, so that no two pairs give the same text.
    fn of_actor(&self, key: Option<&str>) -> Option<String> {
        key.map(|key| format!("{}\n{key}", self.actor))
    }
}

/// A job to be stored.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What it does.
    pub action: JobAction,
    /// The status that all sagas are given.
    pub target: Option<String>,
    /// Who asks for it.
    pub actor: Actor,
    /// Which saga types they may see and change.
    pub scope: Scope,
    /// Why.
    pub note: Option<String>,
    /// Who takes care of the sagas, where they are acknowledged.
    pub care: Option<JobCare>,
    /// What was asked for, as JSON.
    pub selection: String,
    /// By which the request is known when it comes again.
    pub keys: RequestKeys,
    /// A hash of what was asked for: a key that is used for something else is refused.
    pub request: String,
    /// When.
    pub at: Timestamp,
    /// What it is about, in the order in which it is done.
    pub items: Vec<NewItem>,
}

/// What came of storing a job.
#[derive(Debug, Clone)]
pub enum Creation {
    /// It is new.
    Created(Job),
    /// The request came before, and made this job.
    Known(Job),
    /// The key was used before for something else.
    KeyReused,
}

/// What came of reverting a job.
#[derive(Debug, Clone)]
pub enum Reversion {
    /// The job that does it.
    Created(Job),
    /// The request came before, and made this job.
    Known(Job),
    /// The key was used before for something else.
    KeyReused,
    /// There is no such job, or the caller may not see it.
    NotFound,
    /// The job has not ended.
    NotEnded,
    /// What it does cannot be taken back.
    Irreversible,
    /// Another job is reverting it.
    Reverting(i64),
    /// It changed nothing that was not taken back.
    NothingLeft,
}

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Names it.
    pub id: i64,
    /// What it does.
    pub action: JobAction,
    /// How far it is.
    pub state: JobState,
    /// The status that sagas are given, where it is the same for all of them.
    pub target: Option<String>,
    /// Why.
    pub note: Option<String>,
    /// Who takes care of the sagas, where they are acknowledged.
    pub care: Option<JobCare>,
    /// As it was asked for, as JSON.
    pub selection: String,
    /// A hash of what was asked for.
    pub request: String,
    /// Who asked for it.
    pub actor: Actor,
    /// Which saga types they may see and change.
    pub scope: Scope,
    /// The job that it reverts.
    pub reverts: Option<i64>,
    /// The last job that reverts it.
    pub reverted_by: Option<i64>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the first collector began it.
    pub started_at: Option<Timestamp>,
    /// When it last did something.
    pub moved_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How many items it has.
    pub items: u64,
    /// How many of them it changed.
    pub changed: u64,
    /// How many already were as they should be.
    pub unchanged: u64,
    /// How many might not be changed.
    pub refused: u64,
    /// How many attempts failed.
    pub failed: u64,
}

impl Job {
    /// How many items have a result.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.changed + self.unchanged + self.refused + self.failed
    }
}

/// Jobs that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobActivity {
    /// How many.
    pub active: u64,
    /// The one that did nothing for the longest time, and since when.
    pub idlest: Option<(i64, Timestamp)>,
}

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobQuery {
    /// Only jobs of whose sagas the reader may see every type.
    pub scope: Scope,
    /// In this state.
    pub state: Option<JobState>,
    /// Only those older than this one.
    pub before: Option<i64>,
    /// How many at most.
    pub size: u32,
}

/// Letters of a job to be dismissed or restored.
#[derive(Debug, Clone)]
pub struct JobDisposal {
    /// The job.
    pub job: i64,
    /// Items, each by its number and its letter.
    pub items: Vec<(i64, i64)>,
    /// Only letters of types that the one who asked may see.
    pub scope: Scope,
    /// What is done.
    pub disposal: Disposal,
    /// When.
    pub at: Timestamp,
    /// Who asked.
    pub actor: Actor,
    /// Why.
    pub note: Option<String>,
}

/// Who takes care of the sagas of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobCare {
    /// Who.
    pub assignee: String,
    /// Until when, at the latest.
    pub until: Timestamp,
    /// What was due before this was late when the job was created.
    pub late_before: Timestamp,
}

/// Sagas of a job to be acknowledged.
#[derive(Debug, Clone)]
pub struct JobAcknowledgement {
    /// The job.
    pub job: i64,
    /// Items, each by its number and its saga.
    pub items: Vec<(i64, SagaId)>,
    /// Only sagas of types that the one who asked may see.
    pub scope: Scope,
    /// By when it is judged what is seen.
    pub judged: Judged,
    /// Who takes care of them.
    pub care: JobCare,
    /// What they do, or know.
    pub note: String,
    /// Who asked.
    pub actor: Actor,
}

/// A letter as far as a job needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedLetter {
    /// Names it.
    pub id: i64,
    /// Its saga, as far as it is known.
    pub saga_id: Option<String>,
    /// The type of its event, as far as it is known.
    pub saga_type: Option<String>,
    /// Whether it waits.
    pub state: LetterState,
    /// Whether its content was erased.
    pub is_erased: bool,
}
