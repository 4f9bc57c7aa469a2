//! A saga beside another one, or beside what is usual: their waterfalls as pairs of rows, each from its own beginning.

use std::time::Duration;

use saga_types::{SagaId, Timestamp, definition::SagaDefinition, fold::SagaState};

use super::{
    address::{Address, Grouping},
    waterfall::{Drawing, Grid, Lane, Scale, Tick, lanes},
};
use crate::ui::{
    humanize::{length, short},
    links::saga_path,
    page::Badge,
};
use saga_store::StoredStep;

/// How many differences the first line names.
const MOST_NAMED: usize = 3;

/// What a saga is compared with: another one, or none for what is usual; and its first events.
pub(super) struct Compared {
    pub(super) saga: Option<SagaState>,
    pub(super) steps: Vec<StoredStep>,
}

/// The other saga.
pub(super) struct Other {
    pub(super) saga_id: SagaId,
    pub(super) short_id: String,
    pub(super) path: String,
    pub(super) saga_type: String,
    pub(super) badge: Badge,
}

pub(super) struct Comparison {
    /// None when it is what is usual.
    pub(super) other: Option<Other>,
    /// How long both took, this one first.
    pub(super) wholes: [String; 2],
    /// The greatest differences: step and difference.
    pub(super) named: Vec<(String, String)>,
    pub(super) rows: Vec<Pair>,
    pub(super) ticks: Vec<Tick>,
    pub(super) whole: String,
    /// The page without it.
    pub(super) without: String,
}

/// A step of both.
pub(super) struct Pair {
    pub(super) step: String,
    pub(super) sides: [Option<Side>; 2],
    /// None when one of them has no such step.
    pub(super) difference: Option<String>,
}

pub(super) struct Side {
    pub(super) service: String,
    pub(super) times: Option<usize>,
    pub(super) drawing: Drawing,
    pub(super) wait: String,
}

impl Comparison {
    pub(super) fn of(
        steps: &[StoredStep],
        other: &Compared,
        definitions: [Option<&SagaDefinition>; 2],
        address: &Address,
    ) -> Option<Self> {
        let sides = [steps, &other.steps];
        let begins = [steps.first()?.recorded_at, other.steps.first()?.recorded_at];
        let wholes = [0, 1].map(|side: usize| {
            let last = sides[side].last().map_or(begins[side], |last| last.recorded_at);
            last.millis_since(begins[side])
        });
        let longest = Duration::from_millis(wholes[0].max(wholes[1]).max(1).unsigned_abs());
        let scales = begins.map(|begin: Timestamp| Scale::linear(begin, begin.saturating_add(longest)));
        let ticks = scales[0].ticks();
        let grid = Grid::new(&ticks, None);
        let lanes = [0, 1].map(|side: usize| lanes(sides[side], definitions[side], Grouping::Steps));
        let pairs = paired(&lanes);
        let side = |side: usize, place: Option<usize>| {
            let lane = &lanes[side][place?];
            Some(Side {
                service: lane.service.to_owned(),
                times: Some(lane.events.len()).filter(|times| *times > 1),
                drawing: Drawing::of(lane, &scales[side], &grid),
                wait: length(lane.wait_ms()),
            })
        };
        Some(Self {
            other: other.saga.as_ref().map(Other::of),
            named: named(&lanes, &pairs, wholes[0].max(wholes[1])),
            rows: pairs
                .iter()
                .map(|(step, places)| Pair {
                    step: (*step).to_owned(),
                    sides: [side(0, places[0]), side(1, places[1])],
                    difference: difference(&lanes, *places).map(signed),
                })
                .collect(),
            whole: scales[0].whole(),
            wholes: wholes.map(length),
            ticks,
            without: format!("{}#time", address.alone()),
        })
    }
}

impl Other {
    fn of(saga: &SagaState) -> Self {
        Self {
            short_id: short(saga.saga_id.as_str()),
            path: saga_path(saga.saga_id.as_str()),
            saga_type: saga.saga_type.to_string(),
            badge: saga.current_status.into(),
            saga_id: saga.saga_id.clone(),
        }
    }
}

/// The steps of both with their places: in the order of the first; what only the other has follows what is before it there.
fn paired<'a>(lanes: &'a [Vec<Lane<'a>>; 2]) -> Vec<(&'a str, [Option<usize>; 2])> {
    let name = |lane: &Lane<'a>| lane.step.unwrap_or(lane.service);
    let mut pairs: Vec<(&str, [Option<usize>; 2])> = Vec::new();
    for (place, lane) in lanes[0].iter().enumerate() {
        pairs.push((name(lane), [Some(place), None]));
    }
    let mut after = 0;
    for (place, lane) in lanes[1].iter().enumerate() {
        match pairs.iter().position(|(step, _)| *step == name(lane)) {
            Some(found) => {
                pairs[found].1[1] = Some(place);
                after = found + 1;
            }
            None => {
                pairs.insert(after, (name(lane), [None, Some(place)]));
                after += 1;
            }
        }
    }
    pairs
}

/// By how many milliseconds the first waited longer.
fn difference(lanes: &[Vec<Lane>; 2], places: [Option<usize>; 2]) -> Option<i64> {
    Some(lanes[0][places[0]?].wait_ms() - lanes[1][places[1]?].wait_ms())
}

fn signed(millis: i64) -> String {
    match millis {
        0 => "=".to_owned(),
        1.. => format!("+{}", length(millis)),
        _ => format!("−{}", length(-millis)),
    }
}

/// The greatest differences that are more than a tenth of the longer saga.
fn named(
    lanes: &[Vec<Lane>; 2],
    pairs: &[(&str, [Option<usize>; 2])],
    whole_ms: i64,
) -> Vec<(String, String)> {
    let mut differences: Vec<(&str, i64)> = pairs
        .iter()
        .filter_map(|(step, places)| Some((*step, difference(lanes, *places)?)))
        .filter(|(_, millis)| millis.abs() * 10 >= whole_ms && *millis != 0)
        .collect();
    differences.sort_by_key(|(_, millis)| std::cmp::Reverse(millis.abs()));
    differences
        .into_iter()
        .take(MOST_NAMED)
        .map(|(step, millis)| (step.to_owned(), signed(millis)))
        .collect()
}
