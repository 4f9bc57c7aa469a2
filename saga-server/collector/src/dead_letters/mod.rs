//! Dead letters: brought from their topic into the database, shown, and replayed.
//!
//! | part | what |
//! | --- | --- |
//! | `write` | from a consumer that rejects a record to the topic, or to the database |
//! | `collect` | follows the dead letter topic, as ingest follows the other one |
//! | `read` | from a record, ours or Spring's, to a letter |
//! | `view`, `partial_view` | a letter as people see it, and what can be read of one that is no event |
//! | `replay` | decodes letters with today's rules, and stores their events as ingest would |
//! | `replay_report` | what became of each |
//! | `isolation` | which of them the database does not take |
//!
//! Rule of thumb: a letter stays until its event is in the store. Reading the topic again, replaying again, dying half-way:
//! none of it loses a letter or stores an event twice.

mod collect;
mod isolation;
mod partial_view;
pub(crate) mod read;
mod replay;
mod replay_report;
mod view;
pub(crate) mod write;

use std::sync::Arc;

use saga_types::SagaEvent;
use tokio::sync::Mutex;

pub use collect::{Collect, CollectParts};
pub use partial_view::{PartialFieldView, PartialView};
pub use replay::ReplayOrder;
pub use replay_report::{ReplayError, ReplayOutcome, ReplayReport, ReplayStatus, Replayed};
pub use view::{AttemptView, Bytes, DismissalView, HeaderView, LetterView, OriginView};

use crate::{
    ingest::{RegistryConfig, decode::Decoder},
    metrics::Metrics,
    redaction::Redaction,
};
use saga_store::{Store, StoredLetter};

/// Shows and replays what is in the database.
pub struct DeadLetters {
    store: Arc<dyn Store>,
    decoder: Mutex<Decoder>,
    metrics: Arc<Metrics>,
    redaction: Arc<Redaction>,
}

impl DeadLetters {
    /// On a store, reading letters as ingest would with this registry.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        registry: Option<RegistryConfig>,
        metrics: Arc<Metrics>,
        redaction: Arc<Redaction>,
    ) -> Self {
        Self {
            store,
            decoder: Mutex::new(Decoder::new(registry)),
            metrics,
            redaction,
        }
    }

    /// Letters as people see them, with their events where they can be read today.
    pub async fn views(&self, letters: Vec<StoredLetter>) -> Vec<LetterView> {
        let mut decoder = self.decoder.lock().await;
        // A registry that is away hides the events of its writers, and nothing else.
        let away = decoder.prepare_now(values(&letters)).await.err();
        let views = letters.into_iter().map(|stored| {
            let value = stored.letter.value.as_deref().unwrap_or_default();
            let event = decoder.decode_value(value);
            LetterView::new(
                stored,
                event.map_err(|rejection| rejection.reason),
                away.as_deref(),
                &self.redaction,
            )
        });
        views.collect()
    }

    /// The events of letters, where they can be read today.
    pub(crate) async fn events(&self, letters: &[StoredLetter]) -> Vec<Option<SagaEvent>> {
        let mut decoder = self.decoder.lock().await;
        // A registry that is away hides the events of its writers, and nothing else.
        let _ = decoder.prepare_now(values(letters)).await;
        let events = letters.iter().map(|stored| {
            let value = stored.letter.value.as_deref().unwrap_or_default();
            decoder.decode_value(value).ok()
        });
        events.collect()
    }
}

fn values(letters: &[StoredLetter]) -> impl Iterator<Item = &[u8]> + Send {
    letters.iter().filter_map(|stored| stored.letter.value.as_deref())
}
