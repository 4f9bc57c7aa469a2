//! A job as callers see it.

use saga_collector::redaction::{REDACTED, Redaction};
use saga_store::{Job, JobAction, JobState, Way};
use saga_types::{SagaStatus, Timestamp, keys};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobsPage {
    pub(crate) content: Vec<JobView>,
    pub(crate) next_cursor: Option<String>,
}

/// One operation on many sagas or dead letters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub(crate) struct JobView {
    pub(crate) id: i64,
    pub(crate) action: JobAction,
    pub(crate) state: JobState,
    /// What the sagas shall be; null for other actions, and where each saga becomes what it was.
    #[schema(value_type = Option<SagaStatus>)]
    pub(crate) status: Option<String>,
    pub(crate) note: Option<String>,
    /// Who takes care of the sagas; null for other actions than ACKNOWLEDGE.
    pub(crate) assignee: Option<String>,
    /// Until when, at the latest; null for other actions than ACKNOWLEDGE.
    pub(crate) until: Option<Timestamp>,
    /// As it was asked for: sagaIds, deadLetterIds, filter or, of a job that reverts another one, jobId.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub(crate) selection: Value,
    /// Who asked for it.
    pub(crate) actor: String,
    pub(crate) role: Option<String>,
    pub(crate) way: Way,
    /// The job that it reverts.
    pub(crate) reverts: Option<i64>,
    /// The last job that reverts it.
    pub(crate) reverted_by: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    /// When it last did something.
    pub(crate) moved_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    /// How many sagas or dead letters it has.
    pub(crate) items: u64,
    /// How many have a result.
    pub(crate) done: u64,
    pub(crate) changed: u64,
    pub(crate) unchanged: u64,
    pub(crate) refused: u64,
    pub(crate) failed: u64,
}

impl JobView {
    pub(crate) fn new(job: Job, redaction: &Redaction) -> Self {
        // The note of a correction also stands in the metadata of its events, where its key may be hidden.
        let is_hidden = job.action == JobAction::Correct && redaction.hides(keys::REASON);
        Self {
            done: job.done(),
            id: job.id,
            action: job.action,
            state: job.state,
            status: job.target,
            note: job.note.map(|note| match is_hidden {
                true => REDACTED.to_owned(),
                false => note,
            }),
            until: job.care.as_ref().map(|care| care.until),
            assignee: job.care.map(|care| care.assignee),
            selection: serde_json::from_str(&job.selection).unwrap_or_default(),
            actor: job.actor.name,
            role: job.actor.role,
            way: job.actor.way,
            reverts: job.reverts,
            reverted_by: job.reverted_by,
            created_at: job.created_at,
            started_at: job.started_at,
            moved_at: job.moved_at,
            finished_at: job.finished_at,
            items: job.items,
            changed: job.changed,
            unchanged: job.unchanged,
            refused: job.refused,
            failed: job.failed,
        }
    }
}
