//! The table of transitions, and the transition that is selected.

use std::{cmp::Reverse, collections::BTreeSet};

use saga_store::{Flow, Outcome, Transition, TransitionRow};

use super::address::FlowAddress;
use crate::{
    http::ApiError,
    scoped::Reader,
    ui::{
        humanize::{Clock, length, number, percent},
        row::SagaRow,
    },
};

/// How many transitions the table has, the most frequent ones.
pub(super) const TRANSITIONS: usize = 150;

/// The transition that was selected.
pub(super) struct Picked {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) is_all: bool,
    /// The list of all that have the step it leads to.
    pub(super) path: String,
}

/// A transition in the table of all of them.
pub(super) struct Line {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) kind: Kind,
    pub(super) sagas: String,
    pub(super) share: String,
    pub(super) median: String,
    pub(super) p95: String,
    pub(super) path: String,
    pub(super) is_picked: bool,
}

/// What a transition leads to, never by colour alone.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) words: &'static str,
}

impl From<Outcome> for Kind {
    fn from(outcome: Outcome) -> Self {
        let (class, sign, words) = match outcome {
            Outcome::Continues => ("forward", "→", "continues"),
            Outcome::Fails => ("failing", "✕", "fails"),
            Outcome::Compensates => ("compensating", "↺", "compensates"),
        };
        Self { class, sign, words }
    }
}

/// Sagas that made the selected transition.
pub(super) async fn picked(
    reader: &Reader,
    address: &FlowAddress,
    flow: &Flow,
    clock: Clock,
) -> Result<(Option<Picked>, Vec<SagaRow>), ApiError> {
    let Some(transition) = &address.shown.transition else {
        return Ok((None, Vec::new()));
    };
    let saga_ids: BTreeSet<_> = flow.named.iter().cloned().collect();
    let mut sagas = reader.sagas(&saga_ids).await?;
    sagas.sort_by_key(|saga| Reverse(saga.started_at));
    let taken = flow.transition(transition).map_or(0, |row| row.sagas);
    let picked = Picked {
        from: from(transition),
        to: transition.to.to_string(),
        is_all: flow.sample.is_all() && taken <= sagas.len() as u64,
        path: address.with_step("step", &transition.to),
    };
    let rows = sagas
        .into_iter()
        .map(|saga| saga.map_state(|state| reader.redaction.saga(state)))
        .map(|saga| SagaRow::new(saga, clock));
    Ok((Some(picked), rows.collect()))
}

pub(super) fn from(transition: &Transition) -> String {
    transition
        .from
        .as_ref()
        .map_or_else(|| "Start".to_owned(), ToString::to_string)
}

pub(super) fn line(flow: &Flow, row: &TransitionRow, address: &FlowAddress) -> Line {
    let took = |millis: Option<i64>| millis.map_or_else(|| "–".to_owned(), length);
    Line {
        from: from(&row.transition),
        to: row.transition.to.to_string(),
        kind: row.outcome.into(),
        sagas: number(row.sagas),
        share: percent(flow.share(row.sagas)),
        median: took(row.times.map(|times| times.p50_ms)),
        p95: took(row.times.map(|times| times.p95_ms)),
        path: address.transition(&row.transition),
        is_picked: address.shown.transition.as_ref() == Some(&row.transition),
    }
}
