//! From what was stored, here and by others, to what clients are sent.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle};

use super::{Live, Reset};
use saga_store::{Announcement, Changes, Store};

/// Changes of one saga within this time are sent as one.
const PACE: Duration = Duration::from_millis(100);

/// The shortest interval of resets, at which clients load everything again.
const RESET_PACE: Duration = Duration::from_secs(2);

/// How long to wait before listening again.
const PAUSE: Duration = Duration::from_secs(2);

impl Live {
    /// Sends what was stored to the clients and to other collectors, until it is stopped.
    pub async fn run(self: Arc<Self>, store: Arc<dyn Store>) {
        let name = uuid::Uuid::now_v7().to_string();
        let mut listener = ChangeListener::open(store.clone());
        let mut pace = tokio::time::interval(PACE);
        let mut resets = Resets::default();
        loop {
            tokio::select! {
                _ = pace.tick() => {}
                () = self.stop.cancelled() => return,
            }
            let mut changes = store.changed().take();
            if !changes.is_none() {
                announce(&name, changes.clone(), store.clone());
            }
            changes.add(listener.received(&name, &store));
            if self.clients() > 0 {
                self.send_all(changes, store.as_ref(), &mut resets).await;
            }
        }
    }

    async fn send_all(&self, changes: Changes, store: &dyn Store, resets: &mut Resets) {
        match changes {
            Changes::Sagas(wanted) if wanted.is_empty() => {}
            Changes::Sagas(wanted) => match store.sagas(&wanted).await {
                Ok(sagas) => sagas.into_iter().for_each(|saga| self.send(saga.state)),
                Err(error) => {
                    tracing::debug!(%error, "changed sagas could not be read");
                    resets.is_owed = true;
                }
            },
            Changes::Many => resets.is_owed = true,
        }
        if resets.is_due() {
            self.reset(Reset::Many);
        }
    }
}

/// Under load more changes with every tick than can be sent, and clients must not load everything as often.
#[derive(Default)]
struct Resets {
    is_owed: bool,
    last: Option<Instant>,
}

impl Resets {
    /// Whether clients are to be reset now.
    fn is_due(&mut self) -> bool {
        let is_due = self.is_owed && self.last.is_none_or(|last| last.elapsed() >= RESET_PACE);
        if is_due {
            self.is_owed = false;
            self.last = Some(Instant::now());
        }
        is_due
    }
}

/// Not waited for: a database that is slow must not hold up our own clients.
fn announce(name: &str, changes: Changes, store: Arc<dyn Store>) {
    let from = name.to_owned();
    tokio::spawn(async move {
        if let Err(error) = store.announce(&Announcement { from, changes }).await {
            tracing::debug!(%error, "changes not announced to other collectors");
        }
    });
}

/// Receives what other collectors announce.
struct ChangeListener {
    announcements: mpsc::Receiver<Announcement>,
    listening: JoinHandle<()>,
}

impl ChangeListener {
    fn open(store: Arc<dyn Store>) -> Self {
        let (sender, announcements) = mpsc::channel(1_000);
        let listening = tokio::spawn(async move {
            if let Err(error) = store.listen(sender).await {
                tracing::warn!(%error, "not listening for changes of other collectors, retrying");
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self {
            announcements,
            listening,
        }
    }

    /// What others stored since the last time. When listening has ended, it begins anew.
    fn received(&mut self, own_name: &str, store: &Arc<dyn Store>) -> Changes {
        let mut changes = Changes::none();
        if self.listening.is_finished() {
            *self = Self::open(store.clone());
            changes = Changes::Many;
        }
        while let Ok(announcement) = self.announcements.try_recv() {
            if announcement.from != own_name {
                changes.add(announcement.changes);
            }
        }
        changes
    }
}

impl Drop for ChangeListener {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
