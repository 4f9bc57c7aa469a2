//! Roll-ups of statistics, free of SQL: where a saga is counted, how a batch changes the counts, and which counts make up
//! a period.
//!
//! Rule of thumb: a saga is counted in the minute, hour and day in which it started, under what its row says. A change
//! of the row moves the saga from where it was counted to where it is counted now, in the same transaction; so the
//! roll-ups are always those of the rows.

use std::{collections::BTreeMap, ops::Range};

use saga_types::{SagaStatus, SagaType, Timestamp, fold::SagaState};

use super::{
    Corrupt, Statistics, StatisticsQuery, StoreError,
    histogram::{self, Histogram},
};

/// The buckets' widths in seconds, the widest first.
pub(super) const WIDTHS: [i64; 3] = [86_400, 3_600, MINUTE];

/// The smallest width; changes are counted by it.
pub(super) const MINUTE: i64 = 60;

/// Stands for the length of a saga that has not ended.
pub(super) const NOT_ENDED: i64 = -1;

/// What statistics look at in a saga's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RollupKey {
    pub(super) started_at: Timestamp,
    pub(super) saga_type: SagaType,
    pub(super) status: SagaStatus,
    /// None as long as it has no duration: it has not ended, or an override ended it.
    pub(super) ended_at: Option<Timestamp>,
}

impl RollupKey {
    pub(super) fn of(state: &SagaState) -> Self {
        Self {
            started_at: state.started_at,
            saga_type: state.saga_type.clone(),
            status: state.current_status,
            ended_at: state.ended_at.filter(|_| state.duration_ms.is_some()),
        }
    }

    fn duration_ms(&self) -> Option<i64> {
        Some(self.ended_at?.millis_since(self.started_at))
    }

    fn place(&self) -> Place<'_> {
        Place {
            minute: floor(self.started_at.as_millis(), MINUTE),
            saga_type: self.saga_type.as_str(),
            status: self.status.as_str(),
            from_ms: self.duration_ms().map_or(NOT_ENDED, histogram::class_of),
        }
    }
}

/// Where a saga is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    /// Where its bucket begins, in milliseconds.
    pub(super) minute: i64,
    pub(super) saga_type: &'a str,
    pub(super) status: &'a str,
    /// Where its class of durations begins.
    pub(super) from_ms: i64,
}

/// By how much a count rises or falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) sagas: i64,
    pub(super) duration_ms: i64,
}

impl Change {
    pub(super) fn add(&mut self, other: Self) {
        self.sagas += other.sagas;
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
    }
}

/// How the counts change, ordered by place: for each saga where it was counted before, and where it is counted now.
pub(super) fn moved<'a>(
    sagas: impl Iterator<Item = (Option<&'a RollupKey>, Option<&'a RollupKey>)>,
) -> Vec<(Place<'a>, Change)> {
    let mut changes: BTreeMap<Place<'_>, Change> = BTreeMap::new();
    for (before, now) in sagas.filter(|(before, now)| before != now) {
        for (counted, sagas) in [(before, -1), (now, 1)] {
            let Some(counted) = counted else { continue };
            changes.entry(counted.place()).or_default().add(Change {
                sagas,
                // One that has not ended adds none.
                duration_ms: sagas * counted.duration_ms().unwrap_or(0),
            });
        }
    }
    let mut changes: Vec<_> = changes.into_iter().collect();
    changes.retain(|(_, change)| *change != Change::default());
    changes
}

/// What makes up a period: whole buckets, as wide as possible, and the sagas of what is left at its ends. All ranges
/// are of milliseconds, their ends exclusive.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cover {
    /// Buckets, with their width.
    pub(super) buckets: Vec<(i64, Range<i64>)>,
    /// All of them together.
    pub(super) whole: Option<Range<i64>>,
    /// Shorter than any bucket.
    pub(super) edges: Vec<Range<i64>>,
}

impl Cover {
    pub(super) fn of(query: &StatisticsQuery) -> Self {
        Self::no_wider(query, WIDTHS[0])
    }

    /// Of buckets that are no wider than so many seconds.
    pub(super) fn no_wider(query: &StatisticsQuery, widest: i64) -> Self {
        // A period without an end goes on to the end of time.
        let from = query.from.unwrap_or(Timestamp::MIN).as_millis();
        let to = query.to.unwrap_or(Timestamp::MAX).as_millis() + 1;
        if query.failure_group.is_some() {
            // No roll-up has groups; they have an index of their own.
            return Self {
                edges: std::iter::once(from..to).collect(),
                ..Self::default()
            };
        }
        let mut cover = Self {
            whole: within(&(from..to), MINUTE),
            ..Self::default()
        };
        let narrower = WIDTHS.partition_point(|width| *width > widest);
        cover.add(from..to, &WIDTHS[narrower..]);
        cover
    }

    fn add(&mut self, range: Range<i64>, widths: &[i64]) {
        let Some((width, smaller)) = widths.split_first() else {
            self.edges.extend(Some(range).filter(|range| !range.is_empty()));
            return;
        };
        match within(&range, *width) {
            Some(inner) => {
                self.add(range.start..inner.start, smaller);
                self.add(inner.end..range.end, smaller);
                self.buckets.push((*width, inner));
            }
            None => self.add(range, smaller),
        }
    }
}

/// The whole buckets within a range.
fn within(range: &Range<i64>, width: i64) -> Option<Range<i64>> {
    let begin = floor(range.start.saturating_add(width * 1000 - 1), width);
    let inner = begin..floor(range.end, width);
    (!inner.is_empty()).then_some(inner)
}

/// Where the bucket of a moment begins.
pub(super) fn floor(millis: i64, width: i64) -> i64 {
    millis - millis.rem_euclid(width * 1000)
}

/// The sagas of one type, status and class of durations.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Counted {
    saga_type: String,
    status: String,
    from_ms: i64,
    sagas: i64,
    /// How long they took together.
    duration_ms: f64,
}

/// Many rows are read as one, which their types and statuses name.
pub(super) fn read_status(saga_type: &str, status: &str) -> Result<SagaStatus, Corrupt> {
    let row = || format!("{saga_type} {status}");
    status
        .parse()
        .map_err(|error| Corrupt::new("saga_rollup", "status", row(), error))
}

fn read_type(saga_type: String) -> Result<SagaType, Corrupt> {
    let row = saga_type.clone();
    SagaType::try_from(saga_type).map_err(|error| Corrupt::new("saga_rollup", "saga_type", row, error))
}

/// The rows that make up a period, added up.
#[derive(Debug, Default)]
pub(super) struct Counts {
    statistics: Statistics,
    durations: Histogram,
}

impl Counts {
    pub(super) fn add(&mut self, row: Counted) -> Result<(), StoreError> {
        // A count is negative where rows were changed by hand, until they are counted anew.
        let sagas = u64::try_from(row.sagas).unwrap_or(0);
        if sagas == 0 {
            return Ok(());
        }
        let status = read_status(&row.saga_type, &row.status)?;
        let saga_type = read_type(row.saga_type)?;
        self.statistics.total += sagas;
        *self.statistics.by_status.entry(status).or_default() += sagas;
        *self.statistics.by_type.entry(saga_type).or_default() += sagas;
        if row.from_ms != NOT_ENDED {
            self.durations.add(row.from_ms, sagas, row.duration_ms);
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Statistics {
        self.statistics.average_seconds = self.durations.average_seconds();
        self.statistics.percentile_seconds = self.durations.percentiles_seconds([0.5, 0.95, 0.99]);
        self.statistics
    }
}

/// The same, for each type by itself.
#[derive(Debug, Default)]
pub(super) struct CountsByType(BTreeMap<String, Counts>);

impl CountsByType {
    pub(super) fn add(&mut self, row: Counted) -> Result<(), StoreError> {
        self.0.entry(row.saga_type.clone()).or_default().add(row)
    }

    pub(super) fn finish(self) -> Result<BTreeMap<SagaType, Statistics>, StoreError> {
        let finished = self
            .0
            .into_iter()
            .map(|(saga_type, counts)| Ok((read_type(saga_type)?, counts.finish())));
        finished.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cover(from: &str, to: &str) -> Cover {
        let moment = |text: &str| Some(text.parse().unwrap());
        Cover::of(&StatisticsQuery {
            from: moment(from),
            to: moment(to),
            ..StatisticsQuery::default()
        })
    }

    #[test]
    fn whole_days_need_nothing_else() {
        let days = cover("2026-11-01T00:00:00Z", "2026-11-30T23:59:59.999Z");
        assert_eq!((days.buckets.len(), days.edges.len()), (1, 0));
        assert_eq!(days.buckets[0].0, 86_400);
        let always = Cover::of(&StatisticsQuery::default());
        assert_eq!((always.buckets.len(), always.edges.len()), (1, 0));
    }

    #[test]
    fn every_millisecond_of_a_period_is_covered_once() {
        let from_to = [
            ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("2026-11-01T10:20:30.400Z", "2026-11-01T10:20:30.500Z"),
            ("2026-11-01T10:20:59.999Z", "2026-11-01T10:22:00.000Z"),
            ("2026-11-01T10:20:30.400Z", "2026-11-01T13:20:30.400Z"),
            ("2026-10-01T10:20:30.400Z", "2026-11-01T13:20:30.400Z"),
            ("1969-10-01T10:20:30.400Z", "1970-01-01T13:20:30.400Z"),
            ("0001-01-01T00:00:00.001Z", "9999-12-31T23:59:59.998Z"),
        ];
        for (from, to) in from_to {
            let cover = cover(from, to);
            let mut pieces: Vec<Range<i64>> = cover.buckets.iter().map(|(_, range)| range.clone()).collect();
            for (width, range) in &cover.buckets {
                assert_eq!((range.start % (width * 1000), range.end % (width * 1000)), (0, 0));
            }
            pieces.extend(cover.edges.clone());
            pieces.sort_by_key(|piece| piece.start);
            let moment = |text: &str| text.parse::<Timestamp>().unwrap().as_millis();
            assert_eq!(pieces[0].start, moment(from), "{from} {to}");
            assert_eq!(pieces.last().unwrap().end, moment(to) + 1, "{from} {to}");
            for pair in pieces.windows(2) {
                assert_eq!(pair[0].end, pair[1].start, "{from} {to}");
            }
            assert!(
                cover.edges.iter().all(|edge| edge.end - edge.start < 120_000),
                "{cover:?}"
            );
        }
    }

    #[test]
    fn a_period_from_late_to_early_is_empty() {
        assert_eq!(
            cover("2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"),
            Cover::default()
        );
    }
}
