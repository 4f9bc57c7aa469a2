//! What has been in the database long enough is removed: sagas, into the archive if there is one,
//! dead letters, operations and jobs.
//!
//! Rule of thumb: nothing is deleted before it was read back from the archive, and everything may be killed at any moment.
//! What is being archived stands in the database as a plan, so that the next run finishes it; only the attempt that
//! took the plan over last can.

mod batch;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use saga_types::Timestamp;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::{
    RetentionPeriods,
    lease::{Lease, Turn},
};
use crate::{
    archive::{Archive, ArchiveError},
    metrics::Metrics,
};
use saga_store::{Expired, ExpiredBefore, Removed, Store, StoreError};

/// Of several collectors one does it.
const LEASE: &str = "retention";

/// How long a collector that was killed keeps the others from it; more than a batch takes.
const LEASE_PERIOD: Duration = Duration::from_secs(5 * 60);

/// How often it is looked for what has been there long enough.
const INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How long removals are remembered, so that late events are known: as long as the archive is meant to be kept.
const MEMORY: Duration = Duration::from_secs(365 * 24 * 3600);

/// The most sagas of a batch, by default.
pub const DEFAULT_BATCH: u32 = 1_000;

/// The most dead letters of one transaction, each of which may hold 256 KiB, or operations.
const AT_ONCE: u32 = 500;

/// The most jobs of one transaction, each of which may have 100,000 items.
const JOBS_AT_ONCE: u32 = 2;

/// Why retention did not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// The database does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something cannot be archived.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// What removes sagas, dead letters and operations.
#[derive(Clone)]
pub struct Retention {
    store: Arc<dyn Store>,
    archive: Option<Archive>,
    periods: RetentionPeriods,
    batch: u32,
    /// None when it does not ask for one.
    lease: Option<Lease>,
}

/// Rows that leave one by one.
#[derive(Debug, Clone, Copy)]
enum Rows {
    DeadLetters,
    Operations,
    Jobs,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many sagas left the database.
    pub removed: u64,
    /// How many of them are in the archive.
    pub archived: u64,
    /// How many dead letters were removed.
    pub dead_letters: u64,
    /// How many operations were removed from their log.
    pub operations: u64,
}

impl Retention {
    /// Removes what has been in the database for longer than these periods; sagas go into the archive, if there is one.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, archive: Option<Archive>, periods: RetentionPeriods) -> Self {
        Self {
            store,
            archive,
            periods,
            batch: DEFAULT_BATCH,
            lease: None,
        }
    }

    /// Sets the most sagas of a batch.
    #[must_use]
    pub fn batch(mut self, sagas: u32) -> Self {
        self.batch = sagas.max(1);
        self
    }

    /// Does nothing while another collector holds the lease. Without it two may do the same work, of which only
    /// one counts.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.lease = Some(Lease::new(self.store.clone(), LEASE, LEASE_PERIOD));
        self
    }

    /// How many sagas a run would remove now.
    ///
    /// # Errors
    ///
    /// [`RetentionError::Store`] when the database does not answer.
    pub async fn due(&self) -> Result<u64, RetentionError> {
        let before = self.expired_before();
        let mut due = 0;
        let mut last = None;
        loop {
            let page = self.store.expired(before, last.as_ref(), self.batch).await?;
            due += page.len() as u64;
            last = match page.into_iter().next_back() {
                Some(saga) => Some(saga),
                None => return Ok(due),
            };
        }
    }

    /// Removes everything whose time is over, batch by batch, or until cancelled. Between batches the database has
    /// as much time for others as the batch took.
    ///
    /// # Errors
    ///
    /// [`RetentionError`]; what was done until then stays done.
    pub async fn run(&self, stop: &CancellationToken) -> Result<Summary, RetentionError> {
        let result = self.run_batches(stop).await;
        if let Some(lease) = &self.lease {
            lease.release().await;
        }
        result
    }

    async fn run_batches(&self, stop: &CancellationToken) -> Result<Summary, RetentionError> {
        let RetentionPeriods {
            dead_letters,
            operations,
            ..
        } = self.periods;
        // Before the sagas, so that an archive that is unavailable does not let them pile up.
        let mut summary = Summary {
            dead_letters: self.remove_rows(Rows::DeadLetters, dead_letters, stop).await?,
            operations: self.remove_rows(Rows::Operations, operations, stop).await?,
            ..Summary::default()
        };
        self.remove_acknowledgements(stop).await?;
        // What they did stands in the log of operations.
        self.remove_rows(Rows::Jobs, operations, stop).await?;
        self.remove_sagas(&mut summary, stop).await?;
        self.forget(stop).await?;
        Ok(summary)
    }

    /// Removes what is older than a period, some rows at a time; how many.
    async fn remove_rows(
        &self,
        rows: Rows,
        period: Option<Duration>,
        stop: &CancellationToken,
    ) -> Result<u64, RetentionError> {
        let Some(before) = period.map(ago) else {
            return Ok(0);
        };
        let mut all = 0;
        while !stop.is_cancelled() && self.is_mine().await? {
            let began = Instant::now();
            let (removed, most) = match rows {
                Rows::DeadLetters => (self.store.remove_letters(before, AT_ONCE).await?, AT_ONCE),
                Rows::Operations => (self.store.remove_operations(before, AT_ONCE).await?, AT_ONCE),
                Rows::Jobs => (self.store.remove_jobs(before, JOBS_AT_ONCE).await?, JOBS_AT_ONCE),
            };
            all += removed;
            if removed < u64::from(most) {
                break;
            }
            pause(began.elapsed(), stop).await;
        }
        Ok(all)
    }

    /// Those that were over so long ago that nobody looks for them; none of them has been in force since its time was over.
    async fn remove_acknowledgements(&self, stop: &CancellationToken) -> Result<(), RetentionError> {
        while !stop.is_cancelled() && self.is_mine().await? {
            let removed = self.store.remove_acknowledgements(ago(INTERVAL), AT_ONCE).await?;
            if removed < u64::from(AT_ONCE) {
                break;
            }
        }
        Ok(())
    }

    async fn remove_sagas(
        &self,
        summary: &mut Summary,
        stop: &CancellationToken,
    ) -> Result<(), RetentionError> {
        let before = self.expired_before();
        let mut last: Option<Expired> = None;
        if let Some(archive) = &self.archive
            && self.is_mine().await?
        {
            self.index(archive).await?;
            summary.add(self.finish_plan(archive).await?);
        }
        while !stop.is_cancelled() && self.is_mine().await? {
            let began = Instant::now();
            let page = self.store.expired(before, last.as_ref(), self.batch).await?;
            let (batch, is_full) = self.batch_of(page);
            let Some(end) = batch.last() else { break };
            last = Some(end.clone());
            if !is_full && self.grows(end, before) {
                continue;
            }
            summary.add(self.let_go(&batch).await?);
            pause(began.elapsed(), stop).await;
        }
        Ok(())
    }

    fn expired_before(&self) -> ExpiredBefore {
        ExpiredBefore {
            ended: self.periods.ended.map_or(Timestamp::MIN, ago),
            unfinished: self.periods.unfinished.map_or(Timestamp::MIN, ago),
        }
    }

    async fn is_mine(&self) -> Result<bool, StoreError> {
        let Some(lease) = &self.lease else { return Ok(true) };
        match lease.hold().await {
            Turn::Ours(_) => Ok(true),
            Turn::Others => Ok(false),
            Turn::Unknown(error) => Err(error),
        }
    }

    /// Markers of sagas that left long ago.
    async fn forget(&self, stop: &CancellationToken) -> Result<(), RetentionError> {
        let before = ago(MEMORY);
        while !stop.is_cancelled() && self.is_mine().await? {
            let began = Instant::now();
            if self.store.forget_removals(before, self.batch).await? == 0 {
                break;
            }
            pause(began.elapsed(), stop).await;
        }
        Ok(())
    }
}

impl Summary {
    fn of(removed: &Removed, is_archived: bool) -> Self {
        let removed = match removed {
            Removed::Sagas(gone) => gone.len() as u64,
            Removed::Overtaken => 0,
        };
        Self {
            removed,
            archived: if is_archived { removed } else { 0 },
            ..Self::default()
        }
    }

    fn add(&mut self, other: Self) {
        self.removed += other.removed;
        self.archived += other.archived;
        self.dead_letters += other.dead_letters;
        self.operations += other.operations;
    }
}

async fn pause(period: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(period) => {}
        () = stop.cancelled() => {}
    }
}

fn ago(age: Duration) -> Timestamp {
    Timestamp::now().saturating_sub(age)
}

/// Runs again and again until cancelled.
pub async fn keep(retention: Retention, metrics: Arc<Metrics>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match retention.run(&stop).await {
            Ok(summary) => {
                metrics.retention.ran(summary.removed, summary.archived);
                metrics
                    .retention
                    .dead_letters_removed
                    .inc_by(summary.dead_letters);
                if summary != Summary::default() {
                    tracing::info!(
                        removed = summary.removed,
                        archived = summary.archived,
                        dead_letters = summary.dead_letters,
                        operations = summary.operations,
                        "sagas, dead letters and operations left the database at the end of their retention period"
                    );
                }
            }
            Err(error) => {
                metrics.retention.failures.inc();
                tracing::error!(%error, "retention failed, retrying");
            }
        }
        pause(INTERVAL, &stop).await;
    }
}
