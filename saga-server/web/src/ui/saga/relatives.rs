//! The sagas that a saga has to do with: its parents, its children and the others of its order, on one line of time.

use std::collections::HashSet;

use saga_store::StoredSaga;
use saga_types::{SagaId, fold::SagaState};

use super::{
    address::Address,
    waterfall::{Scale, Tick},
};
use crate::{
    family::{AncestorsEnd, Family},
    ui::{
        humanize::{Clock, length, number, short},
        links::{encoded, saga_path},
        page::Badge,
        row::WhatNow,
    },
};

/// What the page shows of them.
pub(super) struct Relatives {
    pub(super) rows: Vec<Relative>,
    pub(super) ticks: Vec<Tick>,
    pub(super) whole: String,
    /// How the list of ancestors ends, unless it is complete.
    pub(super) end: Option<String>,
    /// How many children there are, when there are any.
    pub(super) children: Option<String>,
    /// All of them as a list; none when they are shown here.
    pub(super) all_children: Option<String>,
    /// How many children failed, and those of them that are FAILED as a list.
    pub(super) failed: Option<(String, String)>,
}

pub(super) struct Relative {
    pub(super) relation: &'static str,
    pub(super) badge: Badge,
    pub(super) saga_id: String,
    pub(super) short_id: String,
    pub(super) path: String,
    pub(super) saga_type: String,
    pub(super) what_now: WhatNow,
    /// In thousandths of the width.
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) title: String,
    /// The page of the saga with this one beside it; none for itself.
    pub(super) compare: Option<String>,
}

impl Relatives {
    pub(super) fn of(
        saga: &StoredSaga,
        family: &Family,
        of_the_order: &[StoredSaga],
        clock: Clock,
        address: &Address,
    ) -> Self {
        let mut shown: HashSet<&SagaId> = HashSet::new();
        let mut sagas: Vec<(&'static str, &StoredSaga)> = Vec::new();
        let parents = family.ancestors_sagas.iter().enumerate().rev();
        let parents = parents.map(|(place, parent)| (if place == 0 { "Parent" } else { "Ancestor" }, parent));
        let children = family.children_sagas.iter().map(|child| ("Child", child));
        let others = of_the_order.iter().map(|other| ("Same order", other));
        for (relation, other) in parents.chain([("This saga", saga)]).chain(children).chain(others) {
            if shown.insert(&other.saga_id) {
                sagas.push((relation, other));
            }
        }
        let begin = sagas.iter().map(|(_, saga)| saga.started_at).min();
        let end = sagas.iter().map(|(_, saga)| saga.updated_at).max();
        let scale = Scale::linear(begin.unwrap_or(saga.started_at), end.unwrap_or(saga.updated_at));
        let rows = sagas
            .iter()
            .map(|(relation, other)| Relative::of(relation, other, &scale, clock, address));
        Self {
            rows: rows.collect(),
            ticks: scale.ticks(),
            whole: scale.whole(),
            end: end_of(family),
            children: (family.children_total > 0)
                .then(|| count(family.children_total, family.children_total_is_exact)),
            all_children: (family.children_total > family.children_sagas.len() as u64)
                .then(|| children_path(saga, "")),
            failed: failed(family).map(|words| (words, children_path(saga, "&status=FAILED"))),
        }
    }

    /// Whether the saga is alone.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2 && self.end.is_none()
    }
}

impl Relative {
    fn of(relation: &'static str, saga: &StoredSaga, scale: &Scale, clock: Clock, address: &Address) -> Self {
        /// However short a saga is, it is seen.
        const LEAST: i64 = 4;
        let badge = Badge::from(saga.current_status);
        let to = scale.x(saga.updated_at).max(LEAST);
        Self {
            relation,
            badge,
            short_id: short(saga.saga_id.as_str()),
            path: saga_path(saga.saga_id.as_str()),
            saga_type: saga.saga_type.to_string(),
            what_now: WhatNow::of(saga, clock),
            from: scale.x(saga.started_at).min(to - LEAST),
            to,
            title: format!(
                "{} {} from {} to {}, {}",
                saga.saga_id,
                badge.name,
                saga.started_at,
                saga.updated_at,
                length(saga.updated_at.millis_since(saga.started_at))
            ),
            compare: (relation != "This saga")
                .then(|| format!("{}#time", address.with("compare", Some(saga.saga_id.as_str())))),
            saga_id: saga.saga_id.to_string(),
        }
    }
}

fn children_path(saga: &SagaState, more: &str) -> String {
    format!("/sagas?parentSagaId={}{more}", encoded(saga.saga_id.as_str()))
}

fn end_of(family: &Family) -> Option<String> {
    let saga_id = family.ancestors_end_at.as_ref();
    let saga_id = saga_id.map_or("", |saga_id| saga_id.as_str());
    match family.ancestors_end {
        AncestorsEnd::Root => None,
        AncestorsEnd::Missing => Some(format!(
            "{saga_id} is neither in the database nor in the archive: its events have not arrived, or it was removed."
        )),
        AncestorsEnd::NoAnswer => Some(format!(
            "{saga_id} is not in the database, and the archive, which may have it, does not answer."
        )),
        AncestorsEnd::Loop => Some(format!(
            "The parents form a loop: {saga_id} is above itself. A service names the wrong parentSagaId."
        )),
        AncestorsEnd::More => Some(format!("{saga_id} and more are above.")),
    }
}

/// A saga that is compensated has failed, too.
fn failed(family: &Family) -> Option<String> {
    let failed = family.children_failed + family.children_compensated;
    let all = count(family.children_total, family.children_total_is_exact);
    let compensated = match family.children_compensated {
        0 => String::new(),
        compensated => format!(", {} of them compensated", number(compensated)),
    };
    (failed > 0).then(|| format!("{} of {all} children failed{compensated}", number(failed)))
}

fn count(total: u64, is_exact: bool) -> String {
    let more = if is_exact { "" } else { "more than " };
    format!("{more}{}", number(total))
}
