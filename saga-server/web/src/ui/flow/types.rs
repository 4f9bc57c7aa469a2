//! The types that are offered as links.

use std::{cmp::Reverse, collections::BTreeMap};

use saga_store::Statistics;
use saga_types::SagaType;

use crate::scoped::Reader;

pub(super) struct TypeLink {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) count: String,
    pub(super) is_current: bool,
}

/// How many types are offered as links, the most frequent ones; any other one is typed in.
const TYPES: usize = 24;

/// Those that occur in the period, the most frequent first, then those that are only defined.
pub(super) fn types(reader: &Reader, by_type: &BTreeMap<SagaType, Statistics>) -> Vec<(SagaType, u64)> {
    let mut types: Vec<(SagaType, u64)> = by_type
        .iter()
        .map(|(saga_type, statistics)| (saga_type.clone(), statistics.total))
        .collect();
    types.sort_by_key(|(_, total)| Reverse(*total));
    for definition in reader.definitions().iter() {
        if !by_type.contains_key(&definition.saga_type) {
            types.push((definition.saga_type.clone(), 0));
        }
    }
    types
}

/// The most frequent ones and the one that is shown, and how many more there are.
pub(super) fn shown_types(types: Vec<(SagaType, u64)>, shown: &SagaType) -> (Vec<(SagaType, u64)>, usize) {
    let all = types.len();
    let types = types.into_iter().enumerate();
    let kept = types.filter(|(place, (saga_type, _))| *place < TYPES || saga_type == shown);
    let kept: Vec<_> = kept.map(|(_, counted)| counted).collect();
    let more = all - kept.len();
    (kept, more)
}
