//! One running instance of a service: which of its numbers came, and which are missing.
//!
//! Numbers are evaluated in ranges. A mark is the largest number that came until some moment; all smaller ones were given before
//! it. Once everything is stored that was in the topic a good while after that moment, what is still missing below the mark is
//! possibly lost. Until then it may be on its way, through another partition and another collector.

use std::{collections::VecDeque, error::Error};

use saga_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ProducerObservation, Sequences, Wire, pace::Pace};
use crate::{Corrupt, StoreError};

/// How many gaps of an instance are shown, the last ones.
const MAX_GAPS: usize = 20;

/// More missing events at once are not believed.
const MAX_MISSING: u64 = 100_000_000;

/// How much may be kept of an instance until it is evaluated. It is enough for some million numbers of which every second is
/// missing; when partitions are further apart than that, what lies between is never evaluated.
const MAX_OPEN_BYTES: usize = 512 * 1024;

/// A range of numbers that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// When it was found to be missing.
    pub noticed_at: Timestamp,
}

impl Gap {
    /// How many numbers it has.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// What is shown of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct ProducerInstance {
    /// Its name; none for those that name none.
    pub instance: Option<String>,
    /// The version of its SDK.
    pub sdk_version: Option<String>,
    /// How it writes events.
    pub wire: Option<Wire>,
    /// When its first event came into the topic, as far as is known.
    pub first_seen: Timestamp,
    /// When its last event did.
    pub last_seen: Timestamp,
    /// How many different numbers came.
    pub received: u64,
    /// How many a second recently.
    pub per_second: f64,
    /// How many are missing.
    pub possibly_lost: u64,
    /// The last ranges of those.
    pub gaps: Vec<Gap>,
}

/// The largest number that had come at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    sequence: u64,
    at: Timestamp,
}

/// An instance as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Instance {
    pub(crate) service: String,
    /// Empty for those that name none.
    pub(crate) instance: String,
    detail: Detail,
    /// Numbers above `evaluated` that came.
    open: Sequences,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    sdk_version: Option<String>,
    wire: Option<Wire>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    received: u64,
    lost: u64,
    gaps: VecDeque<Gap>,
    /// Up to here it is known what is missing.
    #[serde(rename = "judged")]
    evaluated: u64,
    /// Whether everything above `evaluated` was seen that came. Otherwise the tracker began to look in the middle, and what it did
    /// not see may have come before.
    is_whole: bool,
    mark: Option<Mark>,
    pace: Pace,
}

fn corrupt(
    column: &str,
    service: &str,
    instance: &str,
    cause: impl Error + Send + Sync + 'static,
) -> StoreError {
    Corrupt::new(
        "producer_instance",
        column,
        format!("{service} {instance}"),
        cause,
    )
    .into()
}

impl Instance {
    /// Before its first observation. It is whole when it began to count after the tracker did.
    pub(super) fn new(observation: &ProducerObservation, is_whole: bool, now: Timestamp) -> Self {
        Self {
            service: observation.service.clone(),
            // Events without an instance are kept under the empty name.
            instance: observation.instance.clone().unwrap_or_default(),
            detail: Detail {
                sdk_version: None,
                wire: None,
                first_seen: observation.first,
                last_seen: observation.last,
                received: 0,
                lost: 0,
                gaps: VecDeque::new(),
                evaluated: 0,
                is_whole,
                mark: None,
                pace: Pace::begin(now),
            },
            open: Sequences::default(),
        }
    }

    /// From the columns of its row.
    pub(crate) fn read(
        service: String,
        instance: String,
        detail: &str,
        open: &[u8],
    ) -> Result<Self, StoreError> {
        let read = Self::read_detail(service, instance, detail)?;
        match Sequences::from_bytes(open) {
            Ok(open) => Ok(Self { open, ..read }),
            Err(error) => Err(corrupt("open", &read.service, &read.instance, error)),
        }
    }

    /// The same to be shown, for which the numbers are not needed.
    pub(super) fn read_detail(service: String, instance: String, detail: &str) -> Result<Self, StoreError> {
        match serde_json::from_str(detail) {
            Ok(detail) => Ok(Self {
                service,
                instance,
                detail,
                open: Sequences::default(),
            }),
            Err(error) => Err(corrupt("detail", &service, &instance, error)),
        }
    }

    pub(crate) fn detail(&self) -> Result<String, sqlx::Error> {
        super::text(&self.detail)
    }

    pub(crate) fn open(&self) -> Vec<u8> {
        self.open.to_bytes()
    }

    pub(crate) fn last_seen(&self) -> Timestamp {
        self.detail.last_seen
    }

    pub(crate) fn lost(&self) -> u64 {
        self.detail.lost
    }

    /// When it may be evaluated next; none when nothing is open.
    pub(crate) fn marked_at(&self) -> Option<Timestamp> {
        self.detail.mark.map(|mark| mark.at)
    }

    pub(super) fn last_gap(&self) -> Option<Gap> {
        self.detail.gaps.back().copied()
    }

    /// Takes in what a batch showed.
    pub(super) fn see(&mut self, observation: &ProducerObservation, now: Timestamp) {
        let detail = &mut self.detail;
        if observation.last >= detail.last_seen {
            detail.sdk_version = observation.sdk_version.clone().or(detail.sdk_version.take());
            detail.wire = observation.wire.or(detail.wire);
        }
        detail.first_seen = detail.first_seen.min(observation.first);
        detail.last_seen = detail.last_seen.max(observation.last);
        self.find(&observation.sequences);
        self.receive(&observation.sequences, now);
        self.detail.pace.measure(now, self.detail.received);
    }

    /// Numbers that were given up came after all.
    fn find(&mut self, sequences: &Sequences) {
        let detail = &mut self.detail;
        let found: u64 = detail.gaps.iter().map(|gap| came(sequences, gap)).sum();
        if found > 0 {
            detail.gaps = detail
                .gaps
                .iter()
                .flat_map(|gap| without(*gap, sequences))
                .collect();
            keep_last(&mut detail.gaps);
            detail.lost = detail.lost.saturating_sub(found);
            detail.received += found;
        }
    }

    fn receive(&mut self, sequences: &Sequences, now: Timestamp) {
        let mut new = sequences.0.clone();
        new.remove_range(..=self.detail.evaluated);
        let before = self.open.len();
        self.open.0 |= new;
        self.detail.received += self.open.len() - before;
        self.advance_over_complete();
        if self.open.bytes() > MAX_OPEN_BYTES {
            self.open.0.optimize();
        }
        if self.open.bytes() > MAX_OPEN_BYTES {
            self.skip_to_newest();
        }
        let mark = |sequence| Mark { sequence, at: now };
        self.detail.mark = self.detail.mark.or(self.open.0.max().map(mark));
    }

    /// Nothing is missing at the beginning of what is open, so that part needs no mark.
    fn advance_over_complete(&mut self) {
        if !self.detail.is_whole {
            return;
        }
        for sequence in self.open.0.iter() {
            if sequence != self.detail.evaluated + 1 {
                break;
            }
            self.detail.evaluated = sequence;
        }
        self.open.0.remove_range(..=self.detail.evaluated);
        let evaluated = self.detail.evaluated;
        self.detail.mark = self.detail.mark.filter(|mark| mark.sequence > evaluated);
    }

    /// Looks at nothing that came until now; what comes from now on is looked at.
    fn skip_to_newest(&mut self) {
        // With nothing open, all was evaluated.
        self.detail.evaluated = self.open.0.max().unwrap_or(self.detail.evaluated);
        self.detail.mark = None;
        self.open.0.clear();
    }

    /// Evaluates up to the mark; how many are missing there. To be called once everything below the mark would have come.
    pub(super) fn evaluate(&mut self, now: Timestamp) -> u64 {
        let Some(mark) = self.detail.mark.take() else {
            return 0;
        };
        if !self.detail.is_whole {
            self.skip_to_newest();
            self.detail.is_whole = true;
            return 0;
        }
        let evaluated = self.detail.evaluated;
        let came = self.open.0.range_cardinality(evaluated + 1..=mark.sequence);
        let missing = mark.sequence.saturating_sub(evaluated).saturating_sub(came);
        let is_believed = missing <= MAX_MISSING;
        if is_believed && missing > 0 {
            self.note_gaps(mark.sequence, now);
            self.detail.lost += missing;
        }
        self.detail.evaluated = evaluated.max(mark.sequence);
        self.open.0.remove_range(..=self.detail.evaluated);
        self.advance_over_complete();
        let mark = |sequence| Mark { sequence, at: now };
        self.detail.mark = self.open.0.max().map(mark);
        if is_believed { missing } else { 0 }
    }

    fn note_gaps(&mut self, until: u64, now: Timestamp) {
        let mut expected = self.detail.evaluated + 1;
        for sequence in self.open.0.iter().take_while(|sequence| *sequence <= until) {
            if sequence > expected {
                self.detail.gaps.push_back(Gap {
                    first: expected,
                    last: sequence - 1,
                    noticed_at: now,
                });
                keep_last(&mut self.detail.gaps);
            }
            expected = sequence + 1;
        }
    }

    pub(super) fn view(self, now: Timestamp) -> ProducerInstance {
        let detail = self.detail;
        ProducerInstance {
            instance: Some(self.instance).filter(|instance| !instance.is_empty()),
            per_second: detail.pace.per_second(now, detail.received),
            sdk_version: detail.sdk_version,
            wire: detail.wire,
            first_seen: detail.first_seen,
            last_seen: detail.last_seen,
            received: detail.received,
            possibly_lost: detail.lost,
            gaps: detail.gaps.into(),
        }
    }
}

fn keep_last(gaps: &mut VecDeque<Gap>) {
    while gaps.len() > MAX_GAPS {
        gaps.pop_front();
    }
}

fn came(sequences: &Sequences, gap: &Gap) -> u64 {
    sequences.0.range_cardinality(gap.first..=gap.last)
}

/// What is left of a gap, at most as many pieces as are kept.
fn without(gap: Gap, sequences: &Sequences) -> VecDeque<Gap> {
    let mut left = VecDeque::new();
    let mut first = gap.first;
    let mut numbers = sequences.0.iter();
    numbers.advance_to(gap.first);
    for sequence in numbers.take_while(|sequence| *sequence <= gap.last) {
        if sequence > first {
            left.push_back(Gap {
                first,
                last: sequence - 1,
                ..gap
            });
            keep_last(&mut left);
        }
        first = sequence + 1;
    }
    if first <= gap.last {
        left.push_back(Gap { first, ..gap });
    }
    left
}
