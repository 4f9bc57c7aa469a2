//! What the outbox needs from a database. Times are the database's own, so that replicas need not agree on theirs.

use std::time::Duration;

use async_trait::async_trait;

use super::dead_letter::DeadLetter;
use crate::{TraceContext, deadline::LONGEST_WAIT};

/// The connection of an open transaction: sqlx's `PgConnection` or `SqliteConnection`.
#[async_trait]
pub trait OutboxConnection: sealed::Sealed + Send {
    /// Whether a transaction that sqlx began is open.
    fn is_in_transaction(&self) -> bool;

    /// Writes an encoded event, with the trace that it was recorded in.
    ///
    /// # Errors
    ///
    /// The database's.
    async fn insert(
        &mut self,
        saga_id: &str,
        event: &[u8],
        trace: Option<&TraceContext>,
    ) -> Result<(), sqlx::Error>;
}

/// A pool of connections: sqlx's `PgPool` or `SqlitePool`.
#[async_trait]
pub trait OutboxPool: sealed::Sealed + Clone + Send + Sync + 'static {
    /// Creates the tables where they are missing, or brings them up to date.
    ///
    /// # Errors
    ///
    /// The database's; so for all methods.
    async fn migrate(&self) -> Result<(), sqlx::Error>;

    /// Takes the lease, or holds it for longer; whether the owner has it now.
    async fn lease(&self, owner: &str, duration: Duration) -> Result<bool, sqlx::Error>;

    /// Gives the lease up, if the owner has it.
    async fn release(&self, owner: &str) -> Result<(), sqlx::Error>;

    /// What is to be published, the oldest first, leaving out some sagas.
    async fn pending(&self, limit: u32, without_sagas: &[String]) -> Result<Vec<Row>, sqlx::Error>;

    /// Marks rows as published.
    async fn mark_published(&self, positions: &[i64]) -> Result<(), sqlx::Error>;

    /// Deletes some of what was published longer ago than this; how many rows.
    async fn clean_up(&self, older_than: Duration) -> Result<u64, sqlx::Error>;

    /// How much waits, and for how long.
    async fn backlog(&self) -> Result<Backlog, sqlx::Error>;

    /// Sets a row aside, with the reason.
    async fn set_aside(&self, position: i64, failure: &str) -> Result<(), sqlx::Error>;

    /// What was set aside, the oldest first.
    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, sqlx::Error>;

    /// Puts dead letters back, to be published in their place; how many.
    async fn put_back(&self, positions: &[i64]) -> Result<u64, sqlx::Error>;
}

/// A row to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// Its place in the order of insertion.
    pub position: i64,
    /// Whose event it is.
    pub saga_id: String,
    /// The encoded event.
    pub event: Vec<u8>,
    /// The trace that it was recorded in.
    pub trace: Option<TraceContext>,
}

/// A row as the databases give it.
pub(super) type Columns = (i64, String, Vec<u8>, Option<String>, Option<String>);

impl From<Columns> for Row {
    fn from((position, saga_id, event, traceparent, tracestate): Columns) -> Self {
        Self {
            position,
            saga_id,
            event,
            trace: traceparent.and_then(|parent| TraceContext::parse(&parent, tracestate.as_deref())),
        }
    }
}

/// How much waits in the outbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// How many events are not published yet.
    pub pending: u64,
    /// How long the oldest of them has waited; zero without any.
    pub oldest_age: Duration,
    /// How many can never be published and were set aside; not pending.
    pub dead_letters: u64,
}

impl Backlog {
    pub(super) fn new((pending, oldest_age_ms, dead_letters): (i64, i64, i64)) -> Self {
        Self {
            pending: u64::try_from(pending).unwrap_or_default(),
            // Never negative but for a database's clock that was set back.
            oldest_age: Duration::from_millis(u64::try_from(oldest_age_ms).unwrap_or_default()),
            dead_letters: u64::try_from(dead_letters).unwrap_or_default(),
        }
    }

    /// The backlog as Prometheus text: the gauges `saga_outbox_pending`, `saga_outbox_oldest_age_seconds` and
    /// `saga_outbox_dead_letters`.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        format!(
            "# HELP saga_outbox_pending Events in the outbox that are not published yet\n\
             # TYPE saga_outbox_pending gauge\n\
             saga_outbox_pending {}\n\
             # HELP saga_outbox_oldest_age_seconds How long the oldest of them has waited\n\
             # TYPE saga_outbox_oldest_age_seconds gauge\n\
             saga_outbox_oldest_age_seconds {}\n\
             # HELP saga_outbox_dead_letters Events in the outbox that can never be published\n\
             # TYPE saga_outbox_dead_letters gauge\n\
             saga_outbox_dead_letters {}\n",
            self.pending,
            self.oldest_age.as_secs_f64(),
            self.dead_letters
        )
    }
}

/// The columns by which it is seen which migrations have run, in their order.
pub(super) const MIGRATED_COLUMNS: [&str; 3] = ["position", "traceparent", "failed_at"];

/// How many rows one clean-up deletes at most, so that no transaction is long.
pub(super) const CLEAN_UP_ROWS: i64 = 5_000;

/// For a time that the database adds to its clock.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.min(LONGEST_WAIT).as_millis()).expect("a century has fewer milliseconds")
}

mod sealed {
    /// Only the types of sqlx that this crate knows.
    pub trait Sealed {}
    #[cfg(feature = "outbox-postgres")]
    impl Sealed for sqlx::PgConnection {}
    #[cfg(feature = "outbox-postgres")]
    impl Sealed for sqlx::PgPool {}
    #[cfg(feature = "outbox-sqlite")]
    impl Sealed for sqlx::SqliteConnection {}
    #[cfg(feature = "outbox-sqlite")]
    impl Sealed for sqlx::SqlitePool {}
}
