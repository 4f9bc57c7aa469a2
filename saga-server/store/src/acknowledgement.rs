//! The port for acknowledging: somebody takes care of a saga, a dead letter or a group of failures until a moment.
//!
//! Rule of thumb: an acknowledgement is never ended or changed by what happens to its subject. It keeps what was seen, and each
//! answer compares that with what is now: whether it is over, and whether the subject became worse since. So no
//! delay of a background task hides what became worse.
//!
//! | subject | over, beside its time | worse |
//! | --- | --- | --- |
//! | saga | COMPLETED or COMPENSATED; was FAILED and is not; was late and has gone on | another of its steps failed; it owes more compensations; it was not late and is |
//! | dead letter | does not wait any more | never |
//! | group | none of its sagas is FAILED | has a quarter more sagas, at least one more |
//!
//! Of a group those sagas count that started in the [`Acknowledgement::GROUP_PERIOD`] before, or later.

use std::time::Duration;

use async_trait::async_trait;
use saga_types::{SagaId, SagaType, Timestamp};

use super::{Actor, Scope, StoreError};

/// The part of a store that acknowledges.
#[async_trait]
pub trait AcknowledgementStore: Send + Sync {
    /// Acknowledges a subject, and writes an entry of the log of operations in the same transaction. Of callers at once one does it.
    async fn acknowledge(&self, order: &AcknowledgeOrder) -> Result<Acknowledged, StoreError>;

    /// Takes an acknowledgement back, with an entry of the log in the same transaction.
    async fn withdraw_acknowledgement(&self, order: &WithdrawOrder) -> Result<Withdrawn, StoreError>;

    /// Those that are not over, the newest first.
    async fn acknowledgements(&self, query: &AcknowledgementQuery)
    -> Result<AcknowledgementPage, StoreError>;

    /// Removes those whose time was over before a moment, some at a time; how many.
    async fn remove_acknowledgements(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
}

/// What is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A saga.
    Saga(SagaId),
    /// A dead letter.
    Letter(i64),
    /// The failures of a group.
    FailureGroup {
        /// The name of the group, see [`saga_types::fold::SagaState::failure_group`].
        name: String,
        /// Only sagas of this type; none for all types, which only those may name who see all types.
        saga_type: Option<SagaType>,
    },
}

/// The moments by which it is judged what is over and what is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// The time.
    pub now: Timestamp,
    /// What was due before it is late: the moment up to which everything is stored.
    pub late_before: Timestamp,
}

/// Who takes care of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgeOrder {
    /// Of what.
    pub subject: Subject,
    /// What the caller may see.
    pub scope: Scope,
    /// By when it is judged what is seen.
    pub judged: Judged,
    /// When it ends, at the latest.
    pub until: Timestamp,
    /// Who takes care of it.
    pub assignee: String,
    /// What they do, or know.
    pub note: String,
    /// The acknowledgement that the caller saw and replaces; none when they saw none.
    pub replaces: Option<i64>,
    /// Who says so.
    pub actor: Actor,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acknowledged {
    /// It was done.
    Done(Acknowledgement),
    /// There is no such subject that the caller may see.
    Missing,
    /// There is nothing to take care of: it would be over at once.
    Over,
    /// Somebody else takes care of it already, or does not any more.
    Taken(Option<Acknowledgement>),
}

/// Which acknowledgement is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawOrder {
    /// Of what.
    pub subject: Subject,
    /// What the caller may see.
    pub scope: Scope,
    /// By when it is judged whether there is one.
    pub judged: Judged,
    /// The one that the caller saw; none for whichever there is.
    pub id: Option<i64>,
    /// Who says so.
    pub actor: Actor,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// It was taken back.
    Done(Acknowledgement),
    /// There is none that the caller may see.
    Missing,
    /// There is another one.
    Changed(Acknowledgement),
}

/// That somebody takes care of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Names it. One that replaces it has another id.
    pub id: i64,
    /// Of what.
    pub subject: Subject,
    /// When it began.
    pub at: Timestamp,
    /// Who said so.
    pub by: String,
    /// Who takes care.
    pub assignee: String,
    /// What they do, or know.
    pub note: String,
    /// When it ends, at the latest.
    pub until: Timestamp,
    /// Whether the subject became worse since.
    pub is_worse: bool,
}

impl Acknowledgement {
    /// Of a group those sagas count that started so long before it was acknowledged, or later.
    pub const GROUP_PERIOD: Duration = Duration::from_secs(7 * 24 * 3600);

    /// Of very many sagas of a group these count, the newest.
    pub(crate) const GROUP_SAGAS: i64 = 10_000;

    /// A group is worse from so many sagas on.
    pub(crate) const fn worse_from(seen: i64) -> i64 {
        let quarter = (seen + 3) / 4;
        seen + if quarter > 1 { quarter } else { 1 }
    }
}

/// Which acknowledgements. Filters add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgementQuery {
    /// What the reader may see. Those of a group for all types are for readers who may see all types.
    pub scope: Scope,
    /// By when it is judged what is over, and what became worse.
    pub judged: Judged,
    /// Of these.
    pub of: Subjects,
    /// Only older ones than this.
    pub before: Option<i64>,
    /// How many at most.
    pub size: u32,
}

/// Of which subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subjects {
    /// Of all.
    All,
    /// Of these sagas.
    Sagas(Vec<String>),
    /// Of these letters.
    Letters(Vec<i64>),
    /// Of groups with these names.
    FailureGroups(Vec<String>),
}

/// A page of acknowledgements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcknowledgementPage {
    /// The acknowledgements.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Where the next page begins, when there is one.
    pub next: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_worse_with_a_quarter_more_and_at_least_one() {
        let from = [0, 1, 3, 4, 5, 100].map(Acknowledgement::worse_from);
        assert_eq!(from, [1, 2, 4, 5, 7, 125]);
    }
}
