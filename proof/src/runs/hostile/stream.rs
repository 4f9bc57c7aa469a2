//! The stream of good events, and how long they wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::{
    account::{Account, EventKey},
    generator::Generator,
    sender::Sender,
};
use crate::readiness::{Change, Readiness};

/// Between two events.
const PACE: Duration = Duration::from_millis(50);

/// How often the database is asked.
const LOOK: Duration = Duration::from_millis(200);

/// How long a stall may go unreported: a minute, and what one look takes.
const UNREPORTED: Duration = Duration::from_secs(61);

/// Sends until it is cancelled.
pub(super) struct Stream {
    shared: Arc<Shared>,
    sending: JoinHandle<Result<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ends: AtomicBool,
    pauses: AtomicBool,
}

impl Stream {
    pub(super) fn begin(sender: Sender, mut generator: Generator) -> Self {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let sending = tokio::spawn(async move {
            while !seen.ends.load(Ordering::Acquire) {
                if !seen.pauses.load(Ordering::Acquire) {
                    let event = generator.event("good")?;
                    sender.event(&event)?;
                }
                tokio::time::sleep(PACE).await;
            }
            sender.flush().await
        });
        Self { shared, sending }
    }

    pub(super) fn pause(&self, pauses: bool) {
        self.shared.pauses.store(pauses, Ordering::Release);
    }

    pub(super) async fn end(self) -> Result<()> {
        self.shared.ends.store(true, Ordering::Release);
        self.sending.await.context("the stream panicked")?
    }
}

/// Measures how long events wait to be stored, and whether health says so, until it is dropped.
pub(super) struct WaitProbe(JoinHandle<()>);

impl WaitProbe {
    pub(super) fn begin(
        pool: PgPool,
        account: Arc<Account>,
        readiness: Arc<Readiness>,
        lies: Arc<AtomicBool>,
    ) -> Self {
        Self(tokio::spawn(async move {
            loop {
                look(&pool, &account).await;
                if lies.load(Ordering::Acquire) {
                    compare(&account, &readiness);
                }
                tokio::time::sleep(LOOK).await;
            }
        }))
    }
}

impl Drop for WaitProbe {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn look(pool: &PgPool, account: &Account) {
    let sagas: Vec<String> = account
        .lock()
        .waiting
        .keys()
        .map(|(saga, _)| saga.clone())
        .collect();
    let stored: Result<Vec<EventKey>, _> =
        sqlx::query_as("SELECT saga_id, event_id FROM saga_steps WHERE saga_id = ANY($1)")
            .bind(&sagas)
            .fetch_all(pool)
            .await;
    // The database may be unavailable, as part of the run.
    let Ok(stored) = stored else { return };
    let mut expected = account.lock();
    for key in stored {
        if let Some(since) = expected.waiting.remove(&key) {
            expected.longest_wait = expected.longest_wait.max(since.elapsed());
            expected.stored.insert(key);
        }
    }
}

/// For how long health has said that all is well while an event waited, beyond a minute. What waited through an outage is stored
/// bit by bit after it, and then all is well.
fn compare(account: &Account, readiness: &Readiness) {
    let mut expected = account.lock();
    let Some(oldest) = expected.waiting.values().min() else {
        return;
    };
    let ready = ready_since(&readiness.story(), *oldest, Instant::now());
    expected.longest_lie = expected.longest_lie.max(ready.saturating_sub(UNREPORTED));
}

/// How long it was ready since then.
fn ready_since(story: &[Change], since: Instant, now: Instant) -> Duration {
    let until = story.iter().skip(1).map(|next| next.at).chain([now]);
    story
        .iter()
        .zip(until)
        .filter(|(change, _)| change.is_ready)
        .map(|(change, until)| until.saturating_duration_since(change.at.max(since)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_counts_in_which_health_was_ready_while_an_event_waited() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let change = |seconds, is_ready| Change {
            at: at(seconds),
            is_ready,
            reason: String::new(),
        };
        let story = [change(0, true), change(10, false), change(80, true)];
        let seconds = |since, now| ready_since(&story, at(since), at(now)).as_secs();
        assert_eq!(seconds(5, 82), 7);
        assert_eq!(seconds(20, 82), 2);
        assert_eq!(seconds(20, 70), 0);
        assert_eq!(seconds(90, 95), 5);
    }
}
