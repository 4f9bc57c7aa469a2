//! One step of a flow in detail: how long sagas waited for it, which versions of a service recorded it, and why it failed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use saga_types::{SagaId, SagaStatus, Step, keys};

use super::{FlowStep, path};
use crate::{Corrupt, Sample, StoreError, Times, metadata::read_back, table::Keyed};

/// A step of the flow, as the first event of it in each saga has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepDetail {
    /// How many sagas were read.
    pub sagas: u64,
    /// How many of them reached the step.
    pub reached: u64,
    /// How many sagas waited at most so many milliseconds and longer than the bar before; bars are twice as long as the one
    /// before, from the first to the last one that is not empty.
    pub waits: Vec<(i64, u64)>,
    /// The sagas that waited longest, and how long in milliseconds.
    pub slowest: Vec<(SagaId, i64)>,
    /// By the version of the service that recorded it, where it names one; the most frequent first.
    pub versions: Vec<(Option<String>, VersionPart)>,
    /// By the reason that it gives for a failure; the most frequent first.
    pub reasons: Vec<(Option<String>, u64)>,
}

/// What one version of a service recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VersionPart {
    /// In how many sagas.
    pub sagas: u64,
    /// The middle one of the waits, in milliseconds.
    pub median_wait_ms: Option<i64>,
}

impl VersionPart {
    /// Of sagas that waited so long.
    pub(super) fn of(sagas: u64, waits_ms: Vec<i64>) -> Self {
        let times = Times::of(waits_ms, Sample::new(sagas, sagas));
        Self {
            sagas,
            median_wait_ms: times.map(|times| times.p50_ms),
        }
    }
}

impl StepDetail {
    /// How many of the slowest sagas are named.
    pub const SLOWEST: usize = 10;

    /// How many versions and reasons are answered.
    pub const PARTS: usize = 100;

    /// Reasons whose first lines begin alike are counted together. Some services give a stack trace.
    const REASON_CHARS: usize = 200;
}

/// The first event of the step in a saga with its metadata, as an adapter reads it.
#[derive(sqlx::FromRow)]
pub(crate) struct StepMetadata {
    saga_id: String,
    status: String,
    metadata: Option<String>,
}

impl Keyed for StepMetadata {
    const NAME: &'static str = "saga_steps";
    const KEY: &'static [&'static str] = &["saga_id"];
}

/// Adds up sagas as they are read.
pub(crate) struct DetailGathering<'a> {
    step: &'a Step,
    sagas: u64,
    waits: BTreeMap<String, i64>,
    reached: BTreeSet<String>,
    versions: BTreeMap<Option<String>, (u64, Vec<i64>)>,
    reasons: BTreeMap<Option<String>, u64>,
}

impl<'a> DetailGathering<'a> {
    pub(crate) fn new(step: &'a Step) -> Self {
        Self {
            step,
            sagas: 0,
            waits: BTreeMap::new(),
            reached: BTreeSet::new(),
            versions: BTreeMap::new(),
            reasons: BTreeMap::new(),
        }
    }

    /// All events of some sagas, saga by saga, each saga's in their order; gives the sagas that reached the step.
    pub(crate) fn add(&mut self, events: &[FlowStep]) -> Result<Vec<String>, StoreError> {
        let mut reached = Vec::new();
        for saga in events.chunk_by(|before, event| before.saga_id == event.saga_id) {
            self.sagas += 1;
            let visits = path::visits(saga)?;
            let Some(place) = visits.iter().position(|visit| visit.step == *self.step) else {
                continue;
            };
            let saga_id = saga[0].saga_id.clone();
            if let Some(before) = place.checked_sub(1).map(|place| &visits[place]) {
                let wait_ms = visits[place].at.millis_since(before.at);
                self.waits.insert(saga_id.clone(), wait_ms);
            }
            self.reached.insert(saga_id.clone());
            reached.push(saga_id);
        }
        Ok(reached)
    }

    /// The first events of the step in these sagas.
    pub(crate) fn add_metadata(&mut self, events: Vec<FirstEvent>) {
        for event in events {
            let part = self.versions.entry(event.version).or_default();
            part.0 += 1;
            part.1.extend(self.waits.get(&event.saga_id));
            if event.has_failed {
                *self.reasons.entry(event.reason).or_default() += 1;
            }
        }
    }

    pub(crate) fn finish(self) -> Result<StepDetail, StoreError> {
        let mut slowest: Vec<(&String, i64)> = self.waits.iter().map(|(saga, wait)| (saga, *wait)).collect();
        slowest.sort_by_key(|(saga_id, wait)| (Reverse(*wait), *saga_id));
        let slowest = slowest.into_iter().take(StepDetail::SLOWEST);
        let slowest = slowest.map(|(saga_id, wait)| match saga_id.parse::<SagaId>() {
            Ok(saga_id) => Ok((saga_id, wait)),
            Err(error) => Err(Corrupt::new("saga_steps", "saga_id", saga_id.as_str(), error).into()),
        });
        let versions = self.versions.into_iter();
        let versions = versions.map(|(version, (sagas, waits))| (version, VersionPart::of(sagas, waits)));
        Ok(StepDetail {
            sagas: self.sagas,
            reached: self.reached.len() as u64,
            waits: histogram(self.waits.values().copied()),
            slowest: slowest.collect::<Result<_, StoreError>>()?,
            versions: most_frequent(versions, |part| part.sagas),
            reasons: most_frequent(self.reasons.into_iter(), |sagas| *sagas),
        })
    }
}

/// What is looked at of the first event of the step in a saga. The version and the reason count as far as they are texts.
pub(crate) struct FirstEvent {
    saga_id: String,
    has_failed: bool,
    version: Option<String>,
    reason: Option<String>,
}

impl TryFrom<StepMetadata> for FirstEvent {
    type Error = StoreError;

    fn try_from(row: StepMetadata) -> Result<Self, StoreError> {
        let metadata = row.metadata.map(read_back).transpose();
        let metadata =
            metadata.map_err(|error| Corrupt::new("saga_steps", "metadata", row.saga_id.as_str(), error))?;
        let object = metadata.map(|metadata| metadata.to_object()).unwrap_or_default();
        let text = |key: &str| object.get(key)?.as_str();
        let version = text(keys::SERVICE_VERSION).filter(|version| saga_types::is_name(version));
        let reason = text(keys::FAILURE_REASON);
        let cut = |reason: &str| {
            let line = reason.trim_start().lines().next().unwrap_or_default();
            line.trim_end().chars().take(StepDetail::REASON_CHARS).collect()
        };
        Ok(Self {
            has_failed: row.status == SagaStatus::Failed.as_str(),
            version: version.map(str::to_owned),
            reason: reason.map(cut),
            saga_id: row.saga_id,
        })
    }
}

fn most_frequent<T>(
    counts: impl Iterator<Item = (Option<String>, T)>,
    sagas: impl Fn(&T) -> u64,
) -> Vec<(Option<String>, T)> {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by_key(|(_, count)| Reverse(sagas(count)));
    counts.truncate(StepDetail::PARTS);
    counts
}

/// Bars of 1, 2, 4 … milliseconds, without the empty ones at both ends.
fn histogram(waits_ms: impl Iterator<Item = i64>) -> Vec<(i64, u64)> {
    let mut bars: BTreeMap<i64, u64> = BTreeMap::new();
    for wait_ms in waits_ms {
        let up_to = wait_ms.max(1).cast_unsigned().checked_next_power_of_two();
        *bars.entry(up_to.map_or(i64::MAX, u64::cast_signed)).or_default() += 1;
    }
    let (Some(first), Some(last)) = (bars.keys().next().copied(), bars.keys().last().copied()) else {
        return Vec::new();
    };
    let all = std::iter::successors(Some(first), |up_to| up_to.checked_mul(2));
    all.take_while(|up_to| *up_to <= last)
        .map(|up_to| (up_to, bars.get(&up_to).copied().unwrap_or(0)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_double_and_begin_and_end_with_sagas() {
        let bars = histogram([3, 4, 5, 40].into_iter());
        assert_eq!(bars, [(4, 2), (8, 1), (16, 0), (32, 0), (64, 1)]);
        assert_eq!(histogram([-5, 0, 1].into_iter()), [(1, 3)]);
        assert_eq!(histogram(std::iter::empty()), []);
        assert_eq!(histogram([i64::MAX].into_iter()).len(), 1);
    }
}
