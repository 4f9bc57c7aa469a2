//! Items of jobs: one saga or dead letter each, and what became of it.

use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::texts::texts;

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ItemResult {
    /// The job changed it.
    Changed,
    /// It already was as it should be.
    Unchanged,
    /// It may not be changed as it is now.
    Refused,
    /// The attempt failed.
    Failed,
}

texts!(ItemResult: Changed = "CHANGED", Unchanged = "UNCHANGED", Refused = "REFUSED", Failed = "FAILED");

/// A saga or a dead letter of a job to be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewItem {
    /// The saga; of a letter as far as it is known.
    pub saga_id: Option<String>,
    /// The saga's type, as far as it is known.
    pub saga_type: Option<String>,
    /// The letter.
    pub letter_id: Option<i64>,
    /// The status of the saga, or the state of the letter.
    pub before: Option<String>,
    /// What it is to be.
    pub target: Option<String>,
}

/// Which items of a job.
#[derive(Debug, Clone)]
pub struct JobItemQuery {
    /// The job.
    pub job: i64,
    /// With this result, or with none yet; any if not given.
    pub result: Option<Option<ItemResult>>,
    /// Only those with a greater number.
    pub after: i64,
    /// How many at most.
    pub size: u32,
}

/// An item of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobItem {
    /// Its place in the job, from 1.
    pub number: i64,
    /// The saga; of a letter as far as it is known.
    pub saga_id: Option<String>,
    /// The saga's type, as far as it is known.
    pub saga_type: Option<String>,
    /// The letter.
    pub letter_id: Option<i64>,
    /// The status of the saga, or the state of the letter: when the job was created, and, once it was changed, just before that.
    pub before: Option<String>,
    /// What it is to be.
    pub target: Option<String>,
    /// What it was after that.
    pub after: Option<String>,
    /// What became of it.
    pub result: Option<ItemResult>,
    /// Why, in words.
    pub message: Option<String>,
    /// When.
    pub done_at: Option<Timestamp>,
}

/// Results of some items of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStep {
    /// The job.
    pub job: i64,
    /// When.
    pub at: Timestamp,
    /// The results.
    pub done: Vec<DoneItem>,
}

/// The result of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoneItem {
    /// The item.
    pub number: i64,
    /// What became of it.
    pub result: ItemResult,
    /// Why, in words.
    pub message: Option<String>,
    /// What it was just before, where that is known better than when the job was created.
    pub before: Option<String>,
    /// What it is now.
    pub after: Option<String>,
}
