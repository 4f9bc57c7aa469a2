//! Groups of failures: how many sagas of each failed in a period and in the one before, and when it was seen first and last.
//!
//! Rule of thumb: which groups there are is read from a bounded number of failed sagas, the newest of each part of both periods;
//! how many sagas each of them has is counted by the index of groups, so that a group leads to exactly as many sagas as it says.

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use saga_types::{SagaType, Timestamp};

use super::{Scope, StatisticsQuery, StoreError};

/// Which failures are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroupsQuery {
    /// Of the types that the reader may see.
    pub scope: Scope,
    /// Of this type only.
    pub saga_type: Option<SagaType>,
    /// Of sagas that started at this moment or later.
    pub from: Timestamp,
    /// Of sagas that started at this moment or earlier.
    pub to: Timestamp,
    /// The first and the last moment of the period that it is compared with, which ends before it begins; the one just before, as
    /// long, if not given.
    pub against: Option<(Timestamp, Timestamp)>,
    /// Into how many parts of the same length the period is divided; 1 to [`FailureGroupsQuery::MAX_PARTS`].
    pub parts: u16,
}

impl FailureGroupsQuery {
    /// The most parts of a period.
    pub const MAX_PARTS: u16 = 200;

    /// How many groups are counted, those with the most sagas among those that were read.
    pub const MAX_GROUPS: usize = 200;

    /// Both periods are looked through in so many pieces each.
    const PIECES: i64 = 12;

    /// Of each piece and status so many sagas are read.
    pub(super) const OF_EACH: i64 = 100;

    /// So many sagas of the groups are counted.
    pub(super) const COUNTED: i64 = 500_000;

    /// In milliseconds, the end exclusive.
    pub(super) fn period(&self) -> Range<i64> {
        self.from.as_millis()
            ..self
                .to
                .as_millis()
                .saturating_add(1)
                .max(self.from.as_millis() + 1)
    }

    /// The period that it is compared with.
    pub(super) fn before(&self) -> Range<i64> {
        let Range { start, end } = self.period();
        if let Some((from, to)) = self.against {
            let to = to.as_millis().saturating_add(1).min(start);
            return from.as_millis().min(to)..to;
        }
        // No database has moments before the first timestamp.
        start.saturating_sub(end - start).max(Timestamp::MIN.as_millis())..start
    }

    /// How long a part is, in milliseconds; the parts together are no shorter than the period.
    pub(super) fn part_ms(&self) -> i64 {
        let Range { start, end } = self.period();
        let parts = i64::from(self.parts.clamp(1, Self::MAX_PARTS));
        // Rounded up.
        (end - start + parts - 1) / parts
    }

    /// Pieces of both periods, none of them empty.
    pub(super) fn pieces(&self) -> Vec<Range<i64>> {
        let cut = |range: Range<i64>| {
            let length = ((range.end - range.start + Self::PIECES - 1) / Self::PIECES).max(1);
            (0..Self::PIECES)
                .map(move |piece| {
                    range.start + piece * length..(range.start + (piece + 1) * length).min(range.end)
                })
                .filter(|piece| piece.start < piece.end)
        };
        cut(self.before()).chain(cut(self.period())).collect()
    }

    /// What its statistics are of; none of an empty period.
    pub(super) fn statistics(&self, range: &Range<i64>) -> Option<StatisticsQuery> {
        let moment = |millis| Timestamp::from_millis(millis).ok();
        (!range.is_empty()).then(|| StatisticsQuery {
            scope: self.scope.clone(),
            saga_type: self.saga_type.clone(),
            from: moment(range.start),
            to: moment(range.end - 1),
            ..StatisticsQuery::default()
        })
    }
}

/// Sagas of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureTotals {
    /// How many started in it.
    pub started: u64,
    /// How many of them have failed since, also those that were compensated.
    pub failed: u64,
}

/// The failures of a period.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailureGroups {
    /// The groups, those with the most sagas first.
    pub groups: Vec<FailureGroup>,
    /// All sagas of the period.
    pub now: FailureTotals,
    /// All sagas of the period before, which is as long.
    pub before: FailureTotals,
    /// Whether every saga of the groups was counted; when not, the counts are the least that there are.
    pub is_exact: bool,
}

/// Sagas that failed at one step for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureGroup {
    /// What the sagas' rows have, see [`saga_types::fold::SagaState::failure_group`].
    pub name: String,
    /// How many started in the period.
    pub now: u64,
    /// How many started in the period before.
    pub before: u64,
    /// The parts of the period.
    pub parts: Vec<u64>,
    /// When the first saga of the group started, of all that are stored.
    pub first_seen: Timestamp,
    /// When the last one did.
    pub last_seen: Timestamp,
}

/// Adds up the counts of groups.
pub(super) struct Counting {
    parts: usize,
    counts: BTreeMap<String, (Vec<u64>, u64)>,
    counted: i64,
}

impl Counting {
    pub(super) fn new(query: &FailureGroupsQuery) -> Self {
        Self {
            parts: usize::from(query.parts.clamp(1, FailureGroupsQuery::MAX_PARTS)),
            counts: BTreeMap::new(),
            counted: 0,
        }
    }

    /// So many sagas of a group in a part of the period; those of the period before are in part -1.
    pub(super) fn add(&mut self, name: String, part: i64, sagas: i64) {
        self.counted += sagas;
        let counts = self.counts.entry(name);
        let (parts, before) = counts.or_insert_with(|| (vec![0; self.parts], 0));
        let sagas = sagas.cast_unsigned();
        match usize::try_from(part) {
            Ok(part) => parts[part.min(self.parts - 1)] += sagas,
            Err(_) => *before += sagas,
        }
    }

    /// With when each group was seen first and last.
    pub(super) fn finish(
        self,
        mut seen: BTreeMap<String, (Timestamp, Timestamp)>,
        [before, now]: [FailureTotals; 2],
    ) -> FailureGroups {
        let groups = self.counts.into_iter().filter_map(|(name, (parts, before))| {
            // A group that retention or a late event emptied in between.
            let (first_seen, last_seen) = seen.remove(&name)?;
            Some(FailureGroup {
                now: parts.iter().sum(),
                name,
                before,
                parts,
                first_seen,
                last_seen,
            })
        });
        let mut groups: Vec<FailureGroup> = groups.collect();
        groups.sort_by(|left, right| {
            (right.now, right.before, &left.name).cmp(&(left.now, left.before, &right.name))
        });
        FailureGroups {
            groups,
            now,
            before,
            is_exact: self.counted < FailureGroupsQuery::COUNTED,
        }
    }
}

/// Failed sagas that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupedFailures {
    /// When the last one started, and its id: where to go on.
    pub last: (Timestamp, String),
    /// How many of them were given their group.
    pub grouped: u64,
}

/// The part of a store that groups failures.
#[async_trait]
pub trait FailureStore {
    /// The groups of the failures of a period, beside the period before.
    async fn failure_groups(&self, query: &FailureGroupsQuery) -> Result<FailureGroups, StoreError>;

    /// Groups sagas that failed before rows had groups: looks at the next `limit` failed ones, the newest first, after a place.
    /// None when there are no more.
    async fn group_failures(
        &self,
        after: Option<&(Timestamp, String)>,
        limit: u32,
    ) -> Result<Option<GroupedFailures>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(from: i64, to: i64, parts: u16) -> FailureGroupsQuery {
        FailureGroupsQuery {
            scope: Scope::All,
            saga_type: None,
            from: Timestamp::from_millis(from).unwrap(),
            to: Timestamp::from_millis(to).unwrap(),
            against: None,
            parts,
        }
    }

    #[test]
    fn pieces_make_up_both_periods_of_any_length() {
        for (from, to) in [(1_000, 1_000), (1_000, 1_006), (1_000, 86_401_000)] {
            let query = query(from, to, 24);
            let pieces = query.pieces();
            assert!(pieces.iter().all(|piece| piece.start < piece.end));
            assert!(
                pieces.windows(2).all(|pair| pair[0].end == pair[1].start),
                "{pieces:?}"
            );
            let length = to - from + 1;
            assert_eq!(
                (pieces[0].start, pieces[pieces.len() - 1].end),
                (from - length, to + 1)
            );
        }
    }

    #[test]
    fn what_it_is_compared_with_ends_before_it_begins() {
        let against = |from, to| FailureGroupsQuery {
            against: Some((
                Timestamp::from_millis(from).unwrap(),
                Timestamp::from_millis(to).unwrap(),
            )),
            ..query(10_000, 10_999, 1)
        };
        assert_eq!(against(1_000, 1_999).before(), 1_000..2_000);
        assert_eq!(against(1_000, 20_000).before(), 1_000..10_000);
        assert_eq!(against(20_000, 30_000).before(), 10_000..10_000);
        assert!(
            against(1_000, 1_999)
                .pieces()
                .iter()
                .all(|piece| !(2_000..10_000).contains(&piece.start))
        );
    }

    #[test]
    fn a_moment_of_the_period_is_in_one_of_its_parts() {
        let query = query(0, 999, 7);
        assert!(999 / query.part_ms() < 7);
        assert_eq!(query.part_ms(), 143);
    }
}
