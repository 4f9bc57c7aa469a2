//! The port for finding sagas by an id or a value of metadata, and for reading all sagas of a list.
//!
//! Rule of thumb: a text is looked up in an index, as a whole or by its beginning, and no more than [`Found::LOOKED_AT`] entries
//! of the index are read for it. What other spellings are worth a try, the caller says.

use async_trait::async_trait;
use saga_types::{SagaStatus, SagaType, Timestamp};

use super::{PageStart, SagaQuery, Scope, StoreError, StoredSaga};

/// The part of a store that finds sagas.
#[async_trait]
pub trait FindStore: Send + Sync {
    /// The sagas that a text names, those that started last first.
    async fn find(&self, query: &FindQuery) -> Result<Found, StoreError>;

    /// As [`Store::search`](super::Store::search), without the total: for those who read a list to its end.
    async fn list(&self, query: &SagaQuery) -> Result<Stretch, StoreError>;
}

/// What to look for, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindQuery {
    /// Only sagas of types that the reader may see.
    pub scope: Scope,
    /// Where the text may be.
    pub place: FindPlace,
    /// The text, and other spellings of it: any of them is found.
    pub texts: Vec<String>,
    /// Whether an id may go on behind the text. Traces and metadata are found as a whole only.
    pub is_beginning: bool,
    /// How many sagas at most.
    pub size: u32,
}

/// Where a text may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindPlace {
    /// The saga's id.
    SagaId,
    /// Any business key that an event of the saga names.
    OrderId,
    /// The trace of any event.
    TraceId,
    /// The id of any event, overrides and replayed events included.
    EventId,
    /// The metadata of any event, at one of these keys. SQLite has no index of metadata and looks at the newest
    /// [`FindPlace::RECENT_STEPS`] steps.
    Metadata(Vec<String>),
}

impl FindPlace {
    /// How many of the newest steps are looked at where no index has their metadata.
    pub const RECENT_STEPS: u32 = 5_000;
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The sagas, each once.
    pub sagas: Vec<FoundSaga>,
    /// Whether these are all. Otherwise there are more, or it took too long to look at everything.
    pub is_all: bool,
}

impl Found {
    /// How many entries are looked at for each spelling.
    pub const LOOKED_AT: u32 = 1_000;
}

/// A saga that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSaga {
    /// The saga.
    pub saga_id: String,
    /// Its type.
    pub saga_type: SagaType,
    /// Its status.
    pub status: SagaStatus,
    /// When it started.
    pub started_at: Timestamp,
    /// The id that was found, or the key of the metadata.
    pub matched: String,
}

/// Sagas of a list, and where it goes on.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// The sagas.
    pub sagas: Vec<StoredSaga>,
    /// Where the list goes on; none at its end.
    pub next: Option<PageStart>,
}
