//! The port for texts of operators that may name a person: notes of jobs and acknowledgements, what a job selected, saved
//! views. Texts about one saga or dead letter are erased with it ([`ErasureStore`](super::ErasureStore)).

use async_trait::async_trait;

use super::{Erasure, StoreError};

/// The part of a store that erases notes.
#[async_trait]
pub trait NoteStore: Send + Sync {
    /// Notes in the order of their places, after one of them.
    async fn notes(&self, after: &NotePlace, limit: u32) -> Result<Vec<Note>, StoreError>;

    /// Takes the note and the selection out of these jobs and the note out of these acknowledgements, removes these views, and writes
    /// an entry of the log for each, in one transaction; how many there were.
    async fn erase_notes(&self, places: &[NotePlace], erasure: &Erasure) -> Result<u64, StoreError>;
}

/// What has a note.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotePlace {
    /// The job with this id.
    Job(i64),
    /// The acknowledgement with this id.
    Acknowledgement(i64),
    /// The saved view with this name.
    View(String),
}

impl NotePlace {
    /// Before all others.
    pub const FIRST: Self = Self::Job(0);
}

/// What was written by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: NotePlace,
    /// The note; of a view its name.
    pub text: String,
    /// What a job selected, as JSON, or the parameters of a view's list, as they stand in an address.
    pub query: String,
}
