//! Keeps the way to the topic open, on a thread of its own: asks the schema registry, and replaces a producer that has
//! failed for good.
//!
//! Rule of thumb: it may take as long as it takes. Those who record never wait for it, and their events wait in the
//! room no longer than they may.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rdkafka::producer::{Producer as _, PurgeConfig};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
    time::sleep,
};

use super::{
    link::{Kafka, Link},
    mode::Mode,
};
use crate::schema_registry::{SchemaRegistry, Trouble};

/// How often those that wait too long are looked for.
const LOOK: Duration = Duration::from_millis(50);

/// How long to wait after a failure, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// How long at most between two questions to a registry that does not answer, and between two new producers.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long at most between two questions to a registry that says no: somebody has to change something there.
const LONGEST_PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// How long a failed producer may take to learn what became of the events it had sent.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The thread, until it is told to stop.
pub(super) struct Keeper {
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    pub(super) fn start<M: Mode>(link: Arc<Link<M>>) -> io::Result<Self> {
        let (stop, mut is_stopped) = watch::channel(false);
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = is_stopped.wait_for(|is_stopped| *is_stopped) => {}
                    () = keep(&link) => {}
                }
            });
            end(runtime);
        };
        let thread = thread::Builder::new()
            .name("saga-keeper".to_owned())
            .spawn(work)?;
        Ok(Self {
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends it, and blocks until it has ended: at once, or when it has dropped a producer.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// A look-up of a host's name cannot be cut short: whoever stops the keeper need not wait for it.
fn end(runtime: Runtime) {
    runtime.shutdown_background();
}

async fn keep<M: Mode>(link: &Link<M>) {
    let mut pace = Pace::default();
    loop {
        tokio::select! {
            () = reopen(link, &mut pace) => {}
            () = expire(link) => {}
        }
        link.shared.trouble.notified().await;
    }
}

async fn expire<M: Mode>(link: &Link<M>) {
    loop {
        sleep(LOOK).await;
        link.expire();
    }
}

/// Does whatever it takes until nothing waits.
async fn reopen<M: Mode>(link: &Link<M>, pace: &mut Pace) {
    loop {
        if is_dead(&link.kafka()) {
            replace_producer(link, pace).await;
        } else if let (true, Some(registry)) = (link.needs_schema(), &link.registry) {
            link.set_schema(ask(registry).await);
        } else if link.open_if_nothing_waits() {
            return;
        } else {
            link.wait();
            link.hand_over_some();
            // A place to be stopped at, when events come as fast as they are handed over.
            tokio::task::yield_now().await;
        }
    }
}

fn is_dead<M: Mode>(kafka: &Kafka<M>) -> bool {
    kafka.context().is_dead() || kafka.client().fatal_error().is_some()
}

async fn ask(registry: &SchemaRegistry) -> u32 {
    let mut pause = FIRST_PAUSE;
    loop {
        let longest = match registry.schema_id().await {
            Ok(id) => return id,
            Err(Trouble::Away) => LONGEST_PAUSE,
            Err(Trouble::Refused) => LONGEST_PAUSE_AFTER_REFUSAL,
        };
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

/// The failed producer gets its last answers, and hands back what is without one; then another takes its place.
async fn replace_producer<M: Mode>(link: &Link<M>, pace: &mut Pace) {
    let failed = link.wait();
    let cause = failed.client().fatal_error();
    let cause = cause.map_or_else(String::new, |(code, reason)| format!("{code}: {reason}"));
    tracing::warn!(%cause, "the saga tracker's Kafka producer failed for good: making a new one, nothing needs to be done");
    pace.next().await;
    answered(&failed, LAST_ANSWERS).await;
    failed.purge(PurgeConfig::default().queue().inflight());
    answered(&failed, LAST_ANSWERS).await;
    drop(failed);
    if let Err(error) = link.replace_producer() {
        link.shared.ledger.say(&error);
    }
}

async fn answered<M: Mode>(kafka: &Kafka<M>, at_most: Duration) {
    let begun = Instant::now();
    while kafka.in_flight_count() > 0 && begun.elapsed() < at_most {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Time between new producers: one whose successors fail, too, is replaced more and more slowly.
#[derive(Default)]
struct Pace {
    pause: Duration,
    last: Option<Instant>,
}

impl Pace {
    async fn next(&mut self) {
        let is_calm = self.last.is_none_or(|last| last.elapsed() > 2 * LONGEST_PAUSE);
        self.pause = match is_calm {
            true => Duration::ZERO,
            false => (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE),
        };
        sleep(self.pause).await;
        self.last = Some(Instant::now());
    }
}
