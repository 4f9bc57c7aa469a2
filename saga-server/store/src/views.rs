//! The port for saved views: lists of sagas that a team gave a name.
//!
//! Rule of thumb: a view says which sagas, never more than its reader may see of them. One whose query asks for a type is for
//! readers of that type; any other one is for readers of all types.

use async_trait::async_trait;
use saga_types::{SagaType, Timestamp};

use super::{Actor, Scope, StoreError};

/// The part of a store that keeps saved views.
#[async_trait]
pub trait ViewStore: Send + Sync {
    /// The views that a reader may see, by name.
    async fn views(&self, scope: &Scope) -> Result<Vec<SavedView>, StoreError>;

    /// Saves, renames or removes a view and writes an entry of the log, in one transaction.
    async fn change_view(&self, order: &ViewOrder) -> Result<ViewOutcome, StoreError>;
}

/// A list of sagas with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedView {
    /// Names it.
    pub name: String,
    /// The parameters of the list, as they stand in an address.
    pub query: String,
    /// The type that the query asks for.
    pub saga_type: Option<SagaType>,
    /// When it was saved or renamed last.
    pub changed_at: Timestamp,
    /// By whom.
    pub changed_by: String,
}

impl SavedView {
    /// How many views a database keeps.
    pub const MOST: u32 = 100;
}

/// Who changes a view, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewOrder {
    /// The types that the operator may see; views of others do not exist for them.
    pub scope: Scope,
    /// The view.
    pub name: String,
    /// What is done.
    pub change: ViewChange,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
}

/// What is done to a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewChange {
    /// It is saved under a name that no view has.
    Save {
        /// The parameters of the list.
        query: String,
        /// The type that they ask for.
        saga_type: Option<SagaType>,
    },
    /// It gets another name, that no view has.
    Rename(String),
    /// It is removed.
    Remove,
}

/// What came of it. Only [`ViewOutcome::Done`] changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewOutcome {
    /// It was done.
    Done,
    /// There is no such view, or none that the operator may see.
    Unknown,
    /// Another view has the name; perhaps one that the operator may not see.
    Taken,
    /// There are [`SavedView::MOST`] views.
    TooMany,
}
