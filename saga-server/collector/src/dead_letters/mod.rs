//! Dead letters: brought from their topic into the database, shown, and replayed.
//!
//! | part | what |
//! | --- | --- |
//! | `write` | from a consumer that rejects a record to the topic, or to the database |
//! | `collect` | follows the dead letter topic, as ingest follows the other one |
//! | `letter_log` | their lines in the log, at a bounded rate |
//! | `read` | from a record, ours or Spring's, to a letter |
//! | `view`, `partial_view` | a letter as people see it, and what can be read of one that is no event |
//! | `reader` | the event of a letter by the current schemas, rules and mappings, or why there is none |
//! | `replay` | stores the events of letters as ingest would |
//! | `replay_report` | what became of each |
//! | `isolation` | which of them the database does not take |
//!
//! Rule of thumb: a letter stays until its event is in the store. Reading the topic again, replaying again, dying half-way:
//! none of it loses a letter or stores an event twice.

mod collect;
mod isolation;
pub(crate) mod letter_log;
mod partial_view;
pub(crate) mod read;
mod reader;
mod replay;
mod replay_report;
mod view;
pub(crate) mod write;

use std::sync::Arc;

use saga_types::SagaEvent;
use tokio::sync::Mutex;

pub use collect::{CollectParts, collect};
pub use partial_view::{PartialFieldView, PartialView};
pub use reader::LetterSource;
pub use replay::ReplayOrder;
pub use replay_report::{ReplayError, ReplayOutcome, ReplayReport, ReplayStatus, Replayed};
pub use view::{AttemptView, Bytes, DismissalView, HeaderView, LetterView, OriginView};

use self::reader::Reader;
use crate::{ingest::RegistryConfig, metrics::Metrics, redaction::Redaction};
use saga_store::{Store, StoredLetter};

/// Shows and replays what is in the database.
pub struct DeadLetters {
    store: Arc<dyn Store>,
    reader: Mutex<Reader>,
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
            reader: Mutex::new(Reader::new(registry)),
            metrics,
            redaction,
        }
    }

    /// The same, which makes events of what these sources could not map.
    #[must_use]
    pub fn with_sources(self, sources: Vec<LetterSource>) -> Self {
        let reader = self.reader.into_inner().with_sources(sources);
        Self {
            reader: Mutex::new(reader),
            ..self
        }
    }

    /// Letters as people see them, with their events where they can be read today.
    pub async fn views(&self, letters: Vec<StoredLetter>) -> Vec<LetterView> {
        let mut reader = self.reader.lock().await;
        // A registry that is unavailable hides the events of its writers, and nothing else.
        let (events, away) = reader.read(&letters).await;
        let views = letters.into_iter().zip(events).map(|(stored, event)| {
            LetterView::new(
                stored,
                event.map_err(|rejection| rejection.reason),
                away.as_deref(),
                &self.redaction,
            )
        });
        views.collect()
    }

    /// The events that the values of letters are, where they can be read today. A record of a source is none.
    pub(crate) async fn events(&self, letters: &[StoredLetter]) -> Vec<Option<SagaEvent>> {
        self.reader.lock().await.decode(letters).await
    }
}

fn values(letters: &[StoredLetter]) -> impl Iterator<Item = &[u8]> + Send {
    letters.iter().filter_map(|stored| stored.letter.value.as_deref())
}
