//! Restores the route to Kafka, on a thread of its own: fetches the schema's id, replaces a producer that failed permanently,
//! and waits for a topic that brokers do not know any more.
//!
//! It may be slow, since record calls never wait for it. Their events are in the pending buffer, within
//! its limits.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::producer::{Producer as _, PurgeConfig};
use tokio::{sync::watch, time::sleep};

use super::{
    check,
    clock::Clock,
    mode::Mode,
    transport::{Kafka, Transport},
};
use crate::{
    backoff::Backoff,
    schema_registry::{RegistryError, SchemaRegistry},
};

/// How often pending records are checked for expiry.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(50);

/// The wait until events of a topic that is not known any more are enqueued again.
const TOPIC_WAIT: Duration = Duration::from_millis(500);

/// The longest first wait after a failure.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

/// The longest wait between two requests to a registry that is unavailable, and between two new producers.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// The longest wait after a refusal by the registry, which an operator has to resolve.
const MAX_BACKOFF_AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// How long a failed producer may take to report what became of the events that it had sent.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The supervisor's thread, until it is stopped.
pub(super) struct Supervisor {
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Supervisor {
    pub(super) fn start<M: Mode>(transport: Arc<Transport<M>>, clock: Arc<Clock>) -> io::Result<Self> {
        let (stop, mut is_stopped) = watch::channel(false);
        let work = move || {
            clock.run(async {
                tokio::select! {
                    _ = is_stopped.wait_for(|is_stopped| *is_stopped) => {}
                    () = supervise(&transport) => {}
                    () = check::report(&transport) => {}
                }
            });
        };
        let thread = thread::Builder::new()
            .name("saga-supervisor".to_owned())
            .spawn(work)?;
        Ok(Self {
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Stops it, and blocks until it has stopped: at once, or when it has dropped a producer.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

async fn supervise<M: Mode>(transport: &Transport<M>) {
    let mut replacements = Replacements::default();
    loop {
        tokio::select! {
            () = restore(transport, &mut replacements) => {}
            () = expire(transport) => {}
        }
        transport.shared.wake.notified().await;
    }
}

async fn expire<M: Mode>(transport: &Transport<M>) {
    loop {
        sleep(EXPIRY_INTERVAL).await;
        transport.expire();
    }
}

/// Works until the pending buffer is empty and the route is open.
async fn restore<M: Mode>(transport: &Transport<M>, replacements: &mut Replacements) {
    while let Some(kafka) = transport.kafka() {
        if is_dead(&kafka) {
            replace_producer(transport, kafka, replacements).await;
        } else if let (true, Some(registry)) = (transport.needs_schema(), &transport.registry) {
            transport.set_schema(fetch_schema_id(registry).await);
        } else if transport.shared.topic.is_lost() {
            wait_for_topic(transport).await;
        } else if transport.open_if_drained() {
            return;
        } else {
            transport.start_buffering();
            transport.enqueue_chunk();
            // A point to be stopped at, when records arrive as fast as they are enqueued.
            tokio::task::yield_now().await;
        }
    }
}

/// Librdkafka asks for a missing topic every second. Whether it is there again shows when records are enqueued.
async fn wait_for_topic<M: Mode>(transport: &Transport<M>) {
    transport.start_buffering();
    let topic = &transport.target.topic;
    transport.shared.accounting.log_throttled(&format_args!(
        "the brokers do not know the topic {topic} any more, its events wait"
    ));
    sleep(TOPIC_WAIT).await;
    transport.shared.topic.set_lost(false);
}

fn is_dead<M: Mode>(kafka: &Kafka<M>) -> bool {
    kafka.context().is_dead() || kafka.client().fatal_error().is_some()
}

async fn fetch_schema_id(registry: &SchemaRegistry) -> u32 {
    let mut backoff = Backoff::new(FIRST_BACKOFF);
    loop {
        let limit = match registry.schema_id().await {
            Ok(id) => return id,
            Err(RegistryError::Unavailable) => MAX_BACKOFF,
            Err(RegistryError::Refused) => MAX_BACKOFF_AFTER_REFUSAL,
        };
        sleep(backoff.next(limit)).await;
    }
}

/// The failed producer gets its last acknowledgements and returns what has none; then another one replaces it.
async fn replace_producer<M: Mode>(
    transport: &Transport<M>,
    failed: Arc<Kafka<M>>,
    replacements: &mut Replacements,
) {
    transport.start_buffering();
    let cause = failed.client().fatal_error();
    let cause = cause.map_or_else(String::new, |(code, reason)| format!("{code}: {reason}"));
    tracing::warn!(%cause, "Kafka producer of the saga tracker failed permanently, replacing it; no action is needed");
    replacements.wait().await;
    drained(&failed, DRAIN_TIMEOUT).await;
    failed.purge(PurgeConfig::default().queue().inflight());
    drained(&failed, DRAIN_TIMEOUT).await;
    drop(failed);
    if let Err(error) = transport.replace_producer() {
        transport.shared.accounting.log_throttled(&error);
    }
}

async fn drained<M: Mode>(kafka: &Kafka<M>, timeout: Duration) {
    let begun = Instant::now();
    while kafka.in_flight_count() > 0 && begun.elapsed() < timeout {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits between new producers: the first one comes at once, those that fail soon after it more and more slowly.
struct Replacements {
    backoff: Backoff,
    last: Option<Instant>,
}

impl Default for Replacements {
    fn default() -> Self {
        Self {
            backoff: Backoff::new(FIRST_BACKOFF),
            last: None,
        }
    }
}

impl Replacements {
    async fn wait(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() > 2 * MAX_BACKOFF) {
            self.backoff.reset();
        } else {
            sleep(self.backoff.next(MAX_BACKOFF)).await;
        }
        self.last = Some(Instant::now());
    }
}
