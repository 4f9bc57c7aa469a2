//! From the outbox to the topic.
//!
//! Rule of thumb: nothing is marked before the broker has acknowledged it, and nothing overtakes an event of its saga.

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
    saga_backoff::SagaBackoffs,
    store::{Backlog, OutboxPool, Row},
};
use crate::{
    ConnectError, DropReason, PublishMode, RecordError, Recording, SagaConfig, SagaTrackerClient,
    backoff::Backoff, log_throttle::LogThrottle,
};

/// How a relay works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayOptions {
    /// How many events are published at once; 500.
    pub batch: u32,
    /// How long to wait when there is nothing to do; 200 ms.
    pub poll_interval: Duration,
    /// How long a relay that was killed keeps the others waiting; 10 s. A batch that takes longer is published by
    /// another one too, so its events come twice.
    pub lease: Duration,
    /// How long to wait at most after a failure, doubled with each further one; 200 ms. The wait itself is random, so that
    /// replicas do not retry together.
    pub first_back_off: Duration,
    /// How long to wait after failures at most; 10 s.
    pub longest_back_off: Duration,
    /// How long published events are kept; a day.
    pub retention: Duration,
    /// How long the relay may go on publishing when it is to end; 5 s.
    pub drain: Duration,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            batch: 500,
            poll_interval: Duration::from_millis(200),
            lease: Duration::from_secs(10),
            first_back_off: Duration::from_millis(200),
            longest_back_off: Duration::from_secs(10),
            retention: Duration::from_hours(24),
            drain: Duration::from_secs(5),
        }
    }
}

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
    pub async fn backlog(&self) -> Result<Backlog, super::OutboxError> {
        Ok(self.pool.backlog().await?)
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
        let published = self.publish(&rows).await;
        if !published.is_empty() {
            self.pool.mark_published(&published).await?;
        }
        if *next_clean_up <= Instant::now() {
            self.pool.clean_up(self.options.retention).await?;
            *next_clean_up = Instant::now() + CLEAN_UP_INTERVAL;
        }
        Ok(match rows.len() {
            // One event that the broker refuses does not slow down the others.
            rows if published.is_empty() && rows > 0 => Round::Failed,
            rows if rows == self.options.batch as usize => Round::Full,
            _ => Round::Idle,
        })
    }

    fn log_throttled(&self, error: &dyn std::fmt::Display) {
        if let Some(occurrences) = self.failures.count() {
            tracing::warn!(occurrences, %error, "saga outbox not published, retrying");
        }
    }

    /// Sends everything before it waits for the first acknowledgement, so that events share batches. Returns the positions
    /// of those acknowledged events that have no unacknowledged one of the same saga before them.
    async fn publish(&self, rows: &[Row]) -> Vec<i64> {
        let recordings: Vec<_> = rows.iter().map(|row| (row, self.send(row))).collect();
        let mut published = Vec::with_capacity(rows.len());
        let mut blocked: HashSet<&str> = HashSet::new();
        let mut first_error = None;
        for (row, recording) in recordings {
            let result = match recording {
                Ok(recording) => recording
                    .await
                    .map_err(|error| (is_fault_of_event(&error), error.to_string())),
                Err(error) => Err((true, error)),
            };
            let is_blocked = blocked.contains(row.saga_id.as_str());
            match result {
                Ok(()) if is_blocked => {}
                Ok(()) => {
                    published.push(row.position);
                    self.saga_backoffs(|sagas| sagas.published(&row.saga_id));
                }
                Err((is_fault_of_event, error)) => {
                    first_error.get_or_insert(error);
                    blocked.insert(&row.saga_id);
                    if is_fault_of_event && !is_blocked {
                        let (first, longest) = (self.options.first_back_off, self.options.longest_back_off);
                        self.saga_backoffs(|sagas| {
                            sagas.refused(&row.saga_id, first, longest, Instant::now());
                        });
                    }
                }
            }
        }
        if let Some(error) = first_error {
            self.log_throttled(&error);
        }
        published
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

impl<P: OutboxPool> std::fmt::Debug for Relay<P> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Relay")
            .field("owner", &self.owner)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
