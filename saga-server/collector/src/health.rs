//! Whether the parts of the collector work right now, as they last said themselves.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;
use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A part of the collector that can be down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Component {
    /// The database takes batches.
    Db,
    /// The broker answers the consumer and takes dead letters.
    Kafka,
    /// What is on the collector's partitions is being stored, or there is nothing to store.
    Ingest,
    /// The schema registry answers, as far as it was needed.
    SchemaRegistry,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ComponentState)]
#[serde(tag = "status", rename_all = "UPPERCASE")]
pub enum State {
    /// It works.
    #[schema(title = "ComponentUp")]
    Up,
    /// It does not.
    #[schema(title = "ComponentDown")]
    Down {
        /// What is known, in words for an operator; holds no secrets.
        reason: String,
    },
}

impl State {
    /// Nothing is known yet.
    fn starting() -> Self {
        Self::Down {
            reason: "starting".to_owned(),
        }
    }
}

/// Something that an operator should know of, while everything works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Concern {
    /// Files of definitions are wrong: those that were loaded before stay in force.
    Definitions,
    /// The broker lets the collector read no dead letters, so that the list lacks those of others.
    DeadLetterRead,
    /// The broker lets the collector write no dead letters, which are kept in the database only.
    DeadLetterWrite,
    /// The database does not take dead letters, which wait on their topic.
    DeadLetterStore,
    /// A job makes no progress.
    Jobs,
    /// What webhooks are to be sent is not delivered.
    Webhooks,
    /// Sagas of the archive cannot be shown.
    Archive,
    /// Collectors on the same database run with other definitions, redaction or tables.
    Collectors,
}

/// How a source is: a topic that exists already, whose records become events. None of them makes the collector unready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceHealth {
    /// Its topic.
    pub topic: String,
    /// Whether its records are being processed, or there are none.
    pub status: SourceStatus,
    /// Why not, in words for an operator; null while it works.
    pub reason: Option<String>,
    /// How many records of this instance's partitions are not processed; null when that is not known.
    pub records_behind: Option<u64>,
    /// Everything that was on this instance's partitions at this moment is processed; null when that is not known.
    pub as_of: Option<Timestamp>,
}

/// Whether a source works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SourceStatus {
    /// It does.
    Up,
    /// It does not.
    Down,
}

/// Outages that last, each by an id of its own.
#[derive(Debug, Default)]
struct Outages {
    reasons: BTreeMap<(Component, u64), String>,
    next: u64,
}

/// A part is down as long as this exists. For who meets an outage at work, beside who looks from time to time whether the part
/// answers: a disk that is full answers, and takes nothing.
#[derive(Debug)]
#[must_use = "the outage ends when this is dropped"]
pub struct Outage {
    health: Arc<Health>,
    id: (Component, u64),
}

impl Outage {
    /// Begins one.
    pub fn begin(health: &Arc<Health>, component: Component, reason: impl Into<String>) -> Self {
        let mut outages = health.outages.write();
        let id = (component, outages.next);
        outages.next += 1;
        outages.reasons.insert(id, reason.into());
        Self {
            health: Arc::clone(health),
            id,
        }
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        self.health.outages.write().reasons.remove(&self.id);
    }
}

/// The states of all parts; shared by those who report and those who ask.
#[derive(Debug)]
pub struct Health {
    states: RwLock<BTreeMap<Component, State>>,
    outages: RwLock<Outages>,
    warnings: RwLock<BTreeMap<Concern, String>>,
    sources: RwLock<BTreeMap<String, SourceHealth>>,
}

impl Health {
    /// All of the given parts are down until they report.
    #[must_use]
    pub fn starting(components: &[Component]) -> Self {
        let states = components
            .iter()
            .map(|component| (*component, State::starting()))
            .collect();
        Self {
            states: RwLock::new(states),
            outages: RwLock::default(),
            warnings: RwLock::default(),
            sources: RwLock::default(),
        }
    }

    /// The part works. Says whether that is news.
    pub fn up(&self, component: Component) -> bool {
        self.set(component, State::Up)
    }

    /// The part does not work. Says whether that is news: it did before, or this is the first report.
    pub fn down(&self, component: Component, reason: impl Into<String>) -> bool {
        self.set(
            component,
            State::Down {
                reason: reason.into(),
            },
        )
    }

    /// All states. A part with an [`Outage`] is down, whatever else was reported.
    #[must_use]
    pub fn states(&self) -> BTreeMap<Component, State> {
        let mut states = self.states.read().clone();
        for ((component, _), reason) in &self.outages.read().reasons {
            let reason = reason.clone();
            states.insert(*component, State::Down { reason });
        }
        states
    }

    /// Whether the part is down.
    #[must_use]
    pub fn is_down(&self, component: Component) -> bool {
        let states = self.states();
        states.get(&component).is_some_and(|state| *state != State::Up)
    }

    /// Whether every part works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.states().values().all(|state| *state == State::Up)
    }

    /// Warns of something in words for an operator, or no longer; says whether that is news.
    pub fn warn(&self, concern: Concern, reason: Option<String>) -> bool {
        let mut warnings = self.warnings.write();
        let before = match reason.clone() {
            Some(reason) => warnings.insert(concern, reason),
            None => warnings.remove(&concern),
        };
        before != reason
    }

    /// What an operator should know of; everything works nevertheless.
    #[must_use]
    pub fn warnings(&self) -> BTreeMap<Concern, String> {
        self.warnings.read().clone()
    }

    /// How a source is, by its name. Says whether it is another status than before.
    pub fn set_source(&self, name: &str, source: SourceHealth) -> bool {
        let status = source.status;
        let before = self.sources.write().insert(name.to_owned(), source);
        before.is_none_or(|before| before.status != status)
    }

    /// How all sources are.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, SourceHealth> {
        self.sources.read().clone()
    }

    fn set(&self, component: Component, state: State) -> bool {
        let mut states = self.states.write();
        let is_up = state == State::Up;
        let before = states.insert(component, state);
        before.is_none_or(|before| (before == State::Up) != is_up || before == State::starting())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_until_it_ends_whatever_others_report() {
        let health = Arc::new(Health::starting(&[Component::Db]));
        health.up(Component::Db);
        let first = Outage::begin(&health, Component::Db, "the disk is full");
        health.up(Component::Db);
        assert!(health.is_down(Component::Db) && !health.is_ready());
        let second = Outage::begin(&health, Component::Db, "the disk is still full");
        drop(first);
        let reason = "the disk is still full".to_owned();
        assert_eq!(health.states()[&Component::Db], State::Down { reason });
        drop(second);
        assert!(health.is_ready());
    }
}
