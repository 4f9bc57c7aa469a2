//! Which job is worked on, and until when.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use saga_store::{Job, JobAction, JobItem, JobItemQuery, JobState, JobStep, Store};
use saga_types::Timestamp;
use tokio_util::sync::CancellationToken;

use super::JobError;
use crate::{
    dead_letters::DeadLetters,
    maintenance::lease::{Lease, LeasedWork, Turn},
    metrics::Metrics,
};

const LEASE_NAME: &str = "jobs";

/// How long a collector that was killed keeps the others from it.
const LEASE: Duration = Duration::from_secs(20);

/// How often it is looked for new jobs.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many jobs are read at once.
const JOBS_AT_ONCE: u32 = 100;

/// How many items are done by one transaction. The bytes of a dead letter may be 256 KiB.
const SAGAS_AT_ONCE: u32 = 100;
const LETTERS_AT_ONCE: u32 = 50;

/// Works on jobs while it holds the lease.
#[derive(Clone)]
pub struct JobRunner {
    pub(super) store: Arc<dyn Store>,
    pub(super) letters: Arc<DeadLetters>,
    pub(super) metrics: Arc<Metrics>,
    lease: Duration,
    interval: Duration,
    /// The job that was worked on last. The next turn goes on behind it, so that no job waits for those before it to succeed.
    last: i64,
}

impl JobRunner {
    /// On a store, with what replays its dead letters.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, letters: Arc<DeadLetters>, metrics: Arc<Metrics>) -> Self {
        Self {
            store,
            letters,
            metrics,
            lease: LEASE,
            interval: INTERVAL,
            last: 0,
        }
    }

    /// Sets how long a runner that ended without giving the lease back keeps the others from it, 20 s, and how often it is looked
    /// for jobs, 1 s.
    #[must_use]
    pub fn with_times(self, lease: Duration, interval: Duration) -> Self {
        Self {
            lease,
            interval,
            ..self
        }
    }

    /// Works on jobs, or waits for the lease, until cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let lease = Lease::new(self.store.clone(), LEASE_NAME, self.lease);
        let interval = self.interval;
        lease.run(interval, stop, self).await;
    }

    /// Works on all jobs in turn, until none has anything to do or the time is over.
    async fn work(&mut self, until: Instant, stop: &CancellationToken) {
        let mut failed = BTreeSet::new();
        // Since the oldest job was passed. A turn that begins among the others has not passed it.
        let mut has_worked = self.last > 0;
        loop {
            let jobs = match self.store.active_jobs(self.last, JOBS_AT_ONCE).await {
                Ok(jobs) => jobs,
                Err(error) => {
                    tracing::warn!(%error, "jobs not read, retrying");
                    return;
                }
            };
            for job in &jobs {
                if stop.is_cancelled() || Instant::now() >= until {
                    return;
                }
                self.last = job.id;
                if failed.contains(&job.id) {
                    continue;
                }
                match self.some(job).await {
                    Ok(()) => has_worked = true,
                    Err(error) => {
                        tracing::warn!(%error, job = job.id, "items of a job not done, retrying");
                        failed.insert(job.id);
                    }
                }
            }
            if jobs.len() < JOBS_AT_ONCE as usize {
                self.last = 0;
                if !std::mem::take(&mut has_worked) {
                    return;
                }
            }
        }
    }

    /// Some items of a job, or its end.
    async fn some(&self, job: &Job) -> Result<(), JobError> {
        let items = match job.state {
            JobState::Waiting => {
                self.store.start_job(job.id, Timestamp::now()).await?;
                tracing::info!(
                    job = job.id,
                    action = job.action.as_str(),
                    items = job.items,
                    "job begun"
                );
                self.pending(job).await?
            }
            JobState::Running => self.pending(job).await?,
            _ => Vec::new(),
        };
        if items.is_empty() {
            if self.store.end_job(job.id, Timestamp::now()).await? {
                tracing::info!(
                    job = job.id,
                    action = job.action.as_str(),
                    changed = job.changed,
                    unchanged = job.unchanged,
                    refused = job.refused,
                    failed = job.failed,
                    "job ended"
                );
            }
            return Ok(());
        }
        match job.action {
            JobAction::Correct => self.correct(job, items).await,
            JobAction::Acknowledge => self.acknowledge(job, items).await,
            JobAction::Replay => self.replay(job, items).await,
            _ => self.dispose(job, items).await,
        }
    }

    async fn pending(&self, job: &Job) -> Result<Vec<JobItem>, JobError> {
        let query = JobItemQuery {
            job: job.id,
            result: Some(None),
            after: 0,
            size: match job.action {
                JobAction::Correct | JobAction::Acknowledge => SAGAS_AT_ONCE,
                _ => LETTERS_AT_ONCE,
            },
        };
        Ok(self.store.job_items(&query).await?)
    }

    /// Stores results of items for which nothing was changed.
    pub(super) async fn record(&self, job: &Job, done: Vec<saga_store::DoneItem>) -> Result<(), JobError> {
        if done.is_empty() {
            return Ok(());
        }
        self.metrics.jobs.done(job.action, &done);
        let step = JobStep {
            job: job.id,
            at: Timestamp::now(),
            done,
        };
        Ok(self.store.record_items(&step).await?)
    }
}

impl LeasedWork for JobRunner {
    async fn turn(&mut self, turn: Turn, stop: &CancellationToken) {
        match turn {
            // Half of the lease is left for the items in hand.
            Turn::Ours(until) => {
                let until = until.checked_sub(self.lease / 2).unwrap_or(until);
                self.work(until, stop).await;
            }
            Turn::Others => {}
            Turn::Unknown(error) => tracing::debug!(%error, "lease of jobs not held, retrying"),
        }
    }
}
