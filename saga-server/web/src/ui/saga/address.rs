//! The address of a saga's page, with one parameter changed.

use saga_types::SagaId;

use crate::ui::{
    links::{encoded, saga_path},
    query,
};

/// What a row of the waterfall is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    Steps,
    Services,
}

/// The parameters that say with what the saga is compared.
pub(super) const COMPARE: [&str; 2] = ["compare", "against"];

pub(super) struct Address {
    pub(super) path: String,
    /// As it was asked for.
    given: Vec<(String, String)>,
}

impl Address {
    pub(super) fn new(saga_id: &SagaId, given: Vec<(String, String)>) -> Self {
        Self {
            path: saga_path(saga_id.as_str()),
            given,
        }
    }

    /// With a parameter, in place of the one of that name, or without it.
    pub(super) fn with(&self, name: &str, value: Option<&str>) -> String {
        let mut given: Vec<_> = self
            .given
            .iter()
            .filter(|(other, _)| other != name)
            .cloned()
            .collect();
        if let Some(value) = value {
            given.push((name.to_owned(), value.to_owned()));
        }
        query::address(&self.path, &given)
    }

    /// Beside what is usual.
    pub(super) fn beside_usual(&self) -> String {
        let kept = self.kept(&COMPARE).into_iter();
        let usual = ("against".to_owned(), "usual".to_owned());
        let all: Vec<_> = kept.chain(std::iter::once(usual)).collect();
        format!("{}#comparison", query::address(&self.path, &all))
    }

    /// Compared with nothing.
    pub(super) fn alone(&self) -> String {
        query::address(&self.path, &self.kept(&COMPARE))
    }

    /// To one of the events that are shown.
    pub(super) fn to_event(&self, event_id: &str) -> String {
        format!(
            "{}#event-{}",
            query::address(&self.path, &self.given),
            encoded(event_id)
        )
    }

    /// What a form has to keep that asks for something else.
    pub(super) fn kept(&self, asked: &[&str]) -> Vec<(String, String)> {
        let kept = self
            .given
            .iter()
            .filter(|(name, _)| !asked.contains(&name.as_str()));
        kept.cloned().collect()
    }

    pub(super) fn scales(&self, is_folded: bool) -> Vec<(&'static str, String, bool)> {
        vec![
            ("Linear", format!("{}#time", self.with("gaps", None)), !is_folded),
            (
                "Fold gaps",
                format!("{}#time", self.with("gaps", Some("folded"))),
                is_folded,
            ),
        ]
    }

    pub(super) fn groupings(&self, grouping: Grouping) -> Vec<(&'static str, String, bool)> {
        let link = |name, value, of| {
            let path = format!("{}#time", self.with("rows", Some(value)));
            (name, path, grouping == of)
        };
        vec![
            link("Steps", "steps", Grouping::Steps),
            link("Services", "services", Grouping::Services),
        ]
    }
}
