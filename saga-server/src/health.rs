//! Whether the parts of the collector work right now, as they last said themselves.

use std::{collections::BTreeMap, sync::RwLock};

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
    /// The collector follows the topic.
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
    Up,
    /// It does not.
    Down {
        /// What is known, in words for an operator; holds no secrets.
        reason: String,
    },
}

/// The states of all parts; shared by those who report and those who ask.
#[derive(Debug)]
pub struct Health {
    states: RwLock<BTreeMap<Component, State>>,
}

impl Health {
    /// All of the given parts are down until they report.
    #[must_use]
    pub fn starting(components: &[Component]) -> Self {
        let starting = State::Down {
            reason: "starting".to_owned(),
        };
        let states = components
            .iter()
            .map(|component| (*component, starting.clone()))
            .collect();
        Self {
            states: RwLock::new(states),
        }
    }

    /// The part works. Says whether it did not before.
    pub fn up(&self, component: Component) -> bool {
        self.set(component, State::Up)
    }

    /// The part does not work. Says whether it did before.
    pub fn down(&self, component: Component, reason: impl Into<String>) -> bool {
        self.set(
            component,
            State::Down {
                reason: reason.into(),
            },
        )
    }

    /// All states.
    #[must_use]
    pub fn states(&self) -> BTreeMap<Component, State> {
        self.states
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Whether every part works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.states().values().all(|state| *state == State::Up)
    }

    fn set(&self, component: Component, state: State) -> bool {
        let mut states = self
            .states
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let was_up = states.get(&component) == Some(&State::Up);
        let is_up = state == State::Up;
        states.insert(component, state);
        was_up != is_up
    }
}
