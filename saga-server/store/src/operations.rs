//! The port for what operators do: changes, each with its entry in the log of operations, and the log.
//!
//! Rule of thumb: what an operator changes is changed by a method of this port alone, and none of them can be called without
//! saying who asks. The entry is written by the transaction that makes the change, so there is neither one without the other.

use std::sync::Arc;

use async_trait::async_trait;
use saga_types::{SagaEvent, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AppendError, Appended, Attempt, JobStep, Scope, StoreError, texts::texts};

/// What operators do, and the log of it.
#[async_trait]
pub trait OperationStore: Send + Sync {
    /// As [`Store::append`](crate::Store::append), and in the same transaction writes down what `conclude` makes of the
    /// outcome. It may be called several times, as the transaction may have to start over.
    ///
    /// # Errors
    ///
    /// As [`Store::append`](crate::Store::append). Then nothing is written down either.
    async fn append_by(&self, batch: Arc<[SagaEvent]>, conclude: Conclude) -> Result<Appended, AppendError>;

    /// A page of the log, newest first.
    async fn operations(&self, query: &OperationQuery) -> Result<OperationPage, StoreError>;

    /// Removes operations before a moment, the oldest first, some at a time; how many.
    async fn remove_operations(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// What is written down once it is known what became of a batch.
pub type Conclude = Arc<dyn Fn(&Appended) -> Conclusion + Send + Sync>;

/// What is written down in the transaction of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// What replaying did to dead letters. One that was replayed before stays as it is.
    pub attempts: Vec<Attempt>,
    /// Entries of the log.
    pub operations: Vec<Operation>,
    /// Results of items, when it is a part of a job. When one of the items has a result already, nothing is written at all.
    pub job: Option<JobStep>,
    /// The batch did not come upon what its caller had seen: nothing is stored, neither the batch nor this.
    pub is_abandoned: bool,
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The name of their token, or that given on the command line.
    pub name: String,
    /// The role that lets them; none on the command line, where access to the database does.
    pub role: Option<String>,
    /// By which way.
    pub way: Way,
    /// From where the request came; none on the command line.
    pub address: Option<String>,
}

/// By which way something was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Way {
    /// A program.
    Rest,
    /// A page.
    Page,
    /// The command line.
    CommandLine,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OperationKind {
    /// The status of a saga was set by hand.
    Correction,
    /// A dead letter was replayed.
    Replay,
    /// A person's data was erased.
    Erasure,
    /// A dead letter was dismissed.
    Dismissal,
    /// A dead letter that was dismissed waits again.
    Restoration,
    /// A view was saved, renamed or removed.
    SavedView,
    /// Somebody takes care of a saga, a dead letter or a group of failures.
    Acknowledgement,
    /// An acknowledgement was taken back.
    Withdrawal,
    /// A job was created or stopped.
    Job,
}

texts!(Way: Rest = "REST", Page = "PAGE", CommandLine = "COMMAND_LINE");
texts!(OperationKind: Correction = "CORRECTION", Replay = "REPLAY", Erasure = "ERASURE", Dismissal = "DISMISSAL", Restoration = "RESTORATION",
    SavedView = "SAVED_VIEW", Acknowledgement = "ACKNOWLEDGEMENT", Withdrawal = "WITHDRAWAL", Job = "JOB");

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub kind: OperationKind,
    /// The saga that was touched.
    pub saga_id: Option<String>,
    /// Its type.
    pub saga_type: Option<String>,
    /// The dead letter that was touched.
    pub letter_id: Option<i64>,
    /// The saga's status before; none when it was not changed, or was not there.
    pub before: Option<String>,
    /// The saga's status after; none when it was not changed.
    pub after: Option<String>,
    /// What came of it, in a word.
    pub result: String,
    /// Why it was done, or why it failed.
    pub detail: Option<String>,
}

impl Operation {
    /// An entry that names neither a saga nor a dead letter.
    pub(crate) fn of(kind: OperationKind, actor: Actor, at: Timestamp, result: &str) -> Self {
        Self {
            at,
            actor,
            kind,
            saga_id: None,
            saga_type: None,
            letter_id: None,
            before: None,
            after: None,
            result: result.to_owned(),
            detail: None,
        }
    }
}

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOperation {
    /// Names it.
    pub id: i64,
    /// What it says.
    pub operation: Operation,
    /// The job that it was a part of.
    pub job_id: Option<i64>,
}

/// Which entries. Filters add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationFilter {
    /// Only of sagas of types that the reader may see.
    pub scope: Scope,
    /// By this one.
    pub actor: Option<String>,
    /// Of this kind.
    pub kind: Option<OperationKind>,
    /// Of this saga.
    pub saga_id: Option<String>,
    /// Of this job.
    pub job_id: Option<i64>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// At this moment or earlier.
    pub to: Option<Timestamp>,
}

/// A page of the log, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationQuery {
    /// Which.
    pub filter: OperationFilter,
    /// Only those that come after this place in the list.
    pub after: Option<OperationPlace>,
    /// How many at most.
    pub size: u32,
}

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OperationPlace {
    /// When the operation was.
    pub at: Timestamp,
    /// The operation.
    pub id: i64,
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationPage {
    /// The entries.
    pub operations: Vec<StoredOperation>,
    /// Where the next page begins, when there is one.
    pub next: Option<OperationPlace>,
}

impl OperationPage {
    /// From one entry more than the page has, if there is one.
    pub(super) fn of(mut operations: Vec<StoredOperation>, size: u32) -> Self {
        let has_more = operations.len() > size as usize;
        operations.truncate(size as usize);
        let last = operations.last().filter(|_| has_more);
        let next = last.map(|last| OperationPlace {
            at: last.operation.at,
            id: last.id,
        });
        Self { operations, next }
    }
}
