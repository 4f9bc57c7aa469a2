//! From the outbox to the topic.
//!
//! Nothing is marked before the broker has acknowledged it, and nothing overtakes an event of its saga.

use std::{
    collections::HashSet,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use saga_types::avro;
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use super::{
    dead_letter::DeadLetter,
    error::OutboxError,
    options::RelayOptions,
    saga_backoff::SagaBackoffs,
    store::{Backlog, OutboxPool, Row},
};
use crate::{
    ConnectError, DropReason, PublishMode, RecordError, Recording, SagaConfig, SagaTrackerClient,
    backoff::Backoff, deadline::LONGEST_WAIT, log_throttle::LogThrottle,
};

/// How much time lies between two clean-ups at least.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(60);

/// Publishes what is in the outbox. Any number may run at once, in any number of processes: one works, the others stand
/// by.
pub struct Relay<P: OutboxPool> {
    pool: P,
    client: Arc<dyn SagaTrackerClient>,
    /// The relay made the client, and so closes it.
    owns_client: bool,
    options: RelayOptions,
    owner: String,
    failures: LogThrottle,
    dead_letter_log: LogThrottle,
    saga_backoffs: Mutex<SagaBackoffs>,
}

/// The result of a round.
enum Round {
    /// There is probably more.
    Full,
    /// Nothing is left, or another relay is at work.
    Idle,
    /// Something was not published, or the database refused.
    Failed,
}

/// What became of a batch. An acknowledged event is published unless one before it of the same saga is not.
#[derive(Default)]
struct Outcome {
    published: Vec<i64>,
    /// What can never be published, and why.
    dead: Vec<(i64, String)>,
    first_error: Option<String>,
}

impl Outcome {
    fn is_without_progress(&self) -> bool {
        self.published.is_empty() && self.dead.is_empty()
    }
}

impl<P: OutboxPool> Relay<P> {
    /// A relay with a Kafka client of its own, in synchronous mode. With a disabled configuration it does nothing.
    /// [`run`](Self::run) closes the client at its end, so such a relay runs once.
    ///
    /// It waits for the broker as long as `deliveryTimeout`, not `syncTimeout`: an event that the producer still
    /// retries keeps its place, one that has expired may be overtaken.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] as [`connect`](crate::connect).
    pub fn connect(pool: P, config: &SagaConfig) -> Result<Self, ConnectError> {
        let mut config = config.clone().mode(PublishMode::Synchronous);
        config.sync_timeout = config.delivery_timeout;
        let client = crate::connect(&config)?;
        Ok(Self {
            owns_client: true,
            ..Self::new(pool, client)
        })
    }

    /// A relay that publishes through a client. Its recordings must complete when the event is stored, as those of the
    /// synchronous mode do; with an asynchronous one events can be lost.
    #[must_use]
    pub fn new(pool: P, client: Arc<dyn SagaTrackerClient>) -> Self {
        Self {
            pool,
            client,
            owns_client: false,
            options: RelayOptions::default(),
            owner: Uuid::now_v7().to_string(),
            failures: LogThrottle::default(),
            dead_letter_log: LogThrottle::default(),
            saga_backoffs: Mutex::default(),
        }
    }

    /// Sets how it works.
    #[must_use]
    pub fn options(mut self, options: RelayOptions) -> Self {
        self.options = options;
        self
    }

    /// How much waits, and for how long.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn backlog(&self) -> Result<Backlog, OutboxError> {
        Ok(self.pool.backlog().await?)
    }

    /// What was set aside because it can never be published, the oldest first.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, OutboxError> {
        Ok(self.pool.dead_letters(limit).await?)
    }

    /// Puts dead letters back by their positions, after the row was repaired or the topic takes larger events; how many.
    /// They are published before what was written after them, and after what has been published meanwhile.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn put_back(&self, positions: &[i64]) -> Result<u64, OutboxError> {
        Ok(self.pool.put_back(positions).await?)
    }

    /// Works until the future is ready, then publishes what is left if that takes no longer than `drain`, and gives the
    /// lease up. To stop at once, drop it: nothing is lost.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        if !self.client.is_enabled() {
            return shutdown.await;
        }
        let (end, is_ending) = watch::channel(false);
        let mut work = pin!(self.work(is_ending));
        tokio::select! {
            () = &mut work => {}
            () = shutdown => {
                end.send_replace(true);
                let _ = timeout(self.options.drain, work).await;
            }
        }
        if let Err(error) = self.pool.release(&self.owner).await {
            tracing::debug!(%error, "lease of the saga outbox not released, it will expire");
        }
        if self.owns_client {
            // What it has not published is not marked, and so will be published again.
            let _ = self.client.close(Duration::ZERO).await;
        }
    }

    /// Publishes what is in the outbox until nothing is pending, or the time is up, and returns what is left; for tests and
    /// for programs that end. With a disabled client it does nothing. While another relay is at work it waits for that one.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn drain(&self, within: Duration) -> Result<Backlog, OutboxError> {
        let within = within.min(LONGEST_WAIT);
        let deadline = tokio::time::Instant::now() + within;
        let mut no_clean_up = Instant::now() + within + CLEAN_UP_INTERVAL;
        loop {
            let round = match self.client.is_enabled() {
                true => self.try_round(&mut no_clean_up).await?,
                false => Round::Idle,
            };
            let backlog = self.pool.backlog().await?;
            let is_over = tokio::time::Instant::now() >= deadline || !self.client.is_enabled();
            if backlog.pending == 0 || is_over {
                self.pool.release(&self.owner).await?;
                return Ok(backlog);
            }
            if !matches!(round, Round::Full) {
                tokio::time::sleep(self.options.poll_interval).await;
            }
        }
    }

    /// Round after round, until one that began after the shutdown leaves nothing to do.
    async fn work(&self, mut is_ending: watch::Receiver<bool>) {
        let mut backoff = Backoff::new(self.options.first_back_off);
        let mut next_clean_up = Instant::now();
        loop {
            let is_last = *is_ending.borrow();
            let round = self.round(&mut next_clean_up).await;
            if is_last && !matches!(round, Round::Full) {
                return;
            }
            if !matches!(round, Round::Failed) {
                backoff.reset();
            }
            let pause = match round {
                Round::Full => Duration::ZERO,
                Round::Idle => self.options.poll_interval,
                Round::Failed => backoff.next(self.options.longest_back_off),
            };
            if !is_last {
                // The end cuts the pause short.
                let _ = timeout(pause, is_ending.wait_for(|is_ending| *is_ending)).await;
            }
        }
    }

    async fn round(&self, next_clean_up: &mut Instant) -> Round {
        let worked = self.try_round(next_clean_up).await;
        worked.unwrap_or_else(|error| {
            self.log_throttled(&error);
            Round::Failed
        })
    }

    async fn try_round(&self, next_clean_up: &mut Instant) -> Result<Round, sqlx::Error> {
        if !self.pool.lease(&self.owner, self.options.lease).await? {
            return Ok(Round::Idle);
        }
        let waiting = self.saga_backoffs(|sagas| sagas.waiting(Instant::now()));
        let rows = self.pool.pending(self.options.batch, &waiting).await?;
        let outcome = self.publish(&rows).await;
        self.mark(&outcome).await?;
        if *next_clean_up <= Instant::now() {
            self.pool.clean_up(self.options.retention).await?;
            *next_clean_up = Instant::now() + CLEAN_UP_INTERVAL;
        }
        Ok(match rows.len() {
            // One event that the broker refuses does not slow down the others.
            rows if outcome.is_without_progress() && rows > 0 => Round::Failed,
            rows if rows == self.options.batch as usize => Round::Full,
            _ => Round::Idle,
        })
    }

    fn log_throttled(&self, error: &dyn std::fmt::Display) {
        if let Some(occurrences) = self.failures.count() {
            tracing::warn!(occurrences, %error, "saga outbox not published, retrying");
        }
    }

    /// Sends everything before it waits for the first acknowledgement, so that events share batches.
    async fn publish(&self, rows: &[Row]) -> Outcome {
        let sent: Vec<_> = self
            .to_send(rows)
            .into_iter()
            .map(|row| (row, self.send(row)))
            .collect();
        let (mut outcome, mut blocked) = (Outcome::default(), HashSet::new());
        for (row, recording) in sent {
            let acknowledged = match recording {
                Ok(recording) => recording.await,
                Err(undecodable) => {
                    self.forget(row);
                    outcome.dead.push((row.position, undecodable));
                    continue;
                }
            };
            if blocked.contains(row.saga_id.as_str()) {
                continue;
            }
            match acknowledged {
                Ok(()) => {
                    self.forget(row);
                    outcome.published.push(row.position);
                }
                Err(error) if self.is_dead(row, &error) => {
                    self.forget(row);
                    outcome.dead.push((row.position, error.to_string()));
                    blocked.insert(row.saga_id.as_str());
                }
                Err(error) => {
                    outcome.first_error.get_or_insert_with(|| error.to_string());
                    blocked.insert(row.saga_id.as_str());
                }
            }
        }
        outcome
    }

    /// Of a saga whose last event was refused only that one: those behind it would be sent again with every retry.
    fn to_send<'a>(&self, rows: &'a [Row]) -> Vec<&'a Row> {
        let mut retried = HashSet::new();
        self.saga_backoffs(|sagas| {
            let mut sent: Vec<&Row> = rows.iter().collect();
            sent.retain(|row| !sagas.is_refused(&row.saga_id) || retried.insert(row.saga_id.as_str()));
            sent
        })
    }

    /// Counts a refusal of the event; whether it is the last one.
    fn is_dead(&self, row: &Row, error: &RecordError) -> bool {
        if !is_fault_of_event(error) {
            return false;
        }
        let (first, longest) = (self.options.first_back_off, self.options.longest_back_off);
        let refused = |sagas: &mut SagaBackoffs| sagas.refused(&row.saga_id, first, longest, Instant::now());
        let refusals = self.saga_backoffs(refused);
        is_too_large(error) && refusals >= self.options.max_attempts
    }

    fn forget(&self, row: &Row) {
        self.saga_backoffs(|sagas| sagas.forget(&row.saga_id));
    }

    /// Writes down what became of a batch.
    async fn mark(&self, outcome: &Outcome) -> Result<(), sqlx::Error> {
        if let Some(error) = &outcome.first_error {
            self.log_throttled(error);
        }
        for (position, failure) in &outcome.dead {
            self.pool.set_aside(*position, failure).await?;
            if let Some(events) = self.dead_letter_log.count() {
                tracing::warn!(
                    events,
                    position,
                    failure,
                    "saga events set aside in the outbox as dead letters"
                );
            }
        }
        if !outcome.published.is_empty() {
            self.pool.mark_published(&outcome.published).await?;
        }
        Ok(())
    }

    fn saga_backoffs<T>(&self, work: impl FnOnce(&mut SagaBackoffs) -> T) -> T {
        work(&mut self.saga_backoffs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The event is enqueued when this returns.
    fn send(&self, row: &Row) -> Result<Recording, String> {
        let decoded = avro::decode_single_object(&row.event);
        let event = decoded.map_err(|error| format!("row {}: {error}", row.position))?;
        Ok(self.client.relay_event(event, row.trace.clone()))
    }
}

/// Whether the topic would have accepted another event.
fn is_fault_of_event(error: &RecordError) -> bool {
    matches!(
        error,
        RecordError::NotSent {
            reason: DropReason::Refused | DropReason::TooLarge,
            ..
        }
    )
}

fn is_too_large(error: &RecordError) -> bool {
    matches!(
        error,
        RecordError::NotSent {
            reason: DropReason::TooLarge,
            ..
        }
    )
}

impl<P: OutboxPool> std::fmt::Debug for Relay<P> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Relay")
            .field("owner", &self.owner)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
