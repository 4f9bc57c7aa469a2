//! How far one partition is stored, as its consumer sees it.
//!
//! Rule of thumb: the moment up to which everything is stored comes from our own clock and from offsets. When the topic
//! ended at offset 700 at noon, and 700 are stored, everything until noon is. What producers' clocks say only fills gaps,
//! between two such moments.

use std::collections::VecDeque;

use saga_types::Timestamp;

use saga_store::PartitionProgress;

/// So many ends are remembered; of more, every second one is forgotten.
const MOST_MARKS: usize = 256;

/// What the client says of a partition. Offsets below zero are not known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observed {
    /// When the broker said so.
    pub(crate) at: Timestamp,
    /// Where it ends for us: before records of transactions that are open, and what came after them.
    pub(crate) end: i64,
    /// Where the partition ends.
    pub(crate) high: i64,
    /// Where it begins.
    pub(crate) begin: i64,
    /// What is fetched next; after the last record also when the rest is no record, as the mark of a transaction.
    pub(crate) next_fetch: i64,
    /// Where the client stands: everything before it was handed over to us, or is nothing for us.
    pub(crate) position: i64,
    /// After the last record that was handed over to us, if one was.
    pub(crate) handed_over: Option<i64>,
    /// Whether fetched records wait to be handed over.
    pub(crate) has_waiting: bool,
    /// Where the group goes on.
    pub(crate) committed: i64,
}

/// The topic ended here then, and not all of it is stored.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Timestamp,
    end: i64,
}

/// How far one partition is.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// The offset after the last stored record; none while nothing was stored by us.
    stored: Option<i64>,
    newest_record: Option<Timestamp>,
    marks: VecDeque<Mark>,
    as_of: Option<Timestamp>,
    last_seen: Option<(Timestamp, u64)>,
    standstill: Option<Standstill>,
}

/// There is something to store, and the partition stands here since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standstill {
    pub(super) at: i64,
    pub(super) end: i64,
    pub(super) since: Timestamp,
}

impl Track {
    /// Everything before the offset is stored, and this is when the last of it came into the topic.
    pub(super) fn stored(&mut self, next_offset: i64, recorded: Option<Timestamp>) {
        self.stored = self.stored.max(Some(next_offset));
        self.newest_record = self.newest_record.max(recorded);
    }

    pub(super) fn observe(&mut self, seen: &Observed) {
        if seen.end < 0 {
            return;
        }
        let stored = self.stored.unwrap_or(seen.committed.max(seen.begin));
        let is_all_stored = seen.handed_over.is_none_or(|handed_over| handed_over <= stored);
        // Marks of transactions and aborted records are passed, and never handed over.
        let reached = if is_all_stored {
            stored.max(seen.position)
        } else {
            stored
        };
        let is_complete = is_all_stored && !seen.has_waiting && seen.next_fetch.max(reached) >= seen.end;
        if is_complete && seen.high <= seen.end {
            self.marks.clear();
            self.as_of = Some(seen.at);
        } else {
            self.remember(Mark {
                at: seen.at,
                end: seen.high.max(seen.end),
            });
            self.pass_marks(reached);
        }
        let behind = if is_complete { 0 } else { seen.end - reached };
        self.last_seen = Some((seen.at, u64::try_from(behind).unwrap_or_default()));
        self.stand(is_complete, reached, seen);
    }

    fn stand(&mut self, is_complete: bool, at: i64, seen: &Observed) {
        let since = self.standstill.filter(|standstill| standstill.at == at);
        self.standstill = (!is_complete).then(|| Standstill {
            at,
            end: seen.end,
            since: since.map_or(seen.at, |standstill| standstill.since),
        });
    }

    /// What it was when the partition was last ours, so that a change of the client does not start the clock again.
    pub(super) fn standing(standstill: Option<Standstill>) -> Self {
        Self {
            standstill,
            ..Self::default()
        }
    }

    pub(super) fn standstill(&self) -> Option<Standstill> {
        self.standstill
    }

    /// When the broker last said anything of it.
    pub(super) fn heard(&self) -> Option<Timestamp> {
        self.last_seen.map(|(at, _)| at)
    }

    fn remember(&mut self, mark: Mark) {
        if self.marks.len() >= MOST_MARKS {
            let mut is_kept = false;
            self.marks.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        self.marks.push_back(mark);
    }

    fn pass_marks(&mut self, reached: i64) {
        while let Some(mark) = self.marks.front().filter(|mark| mark.end <= reached) {
            self.as_of = self.as_of.max(Some(mark.at));
            self.marks.pop_front();
        }
        // Stored records came before the first end that is not reached, whatever their producers' clocks say.
        if let (Some(newest), Some(mark)) = (self.newest_record, self.marks.front()) {
            self.as_of = self.as_of.max(Some(newest.min(mark.at)));
        }
    }

    /// None until the broker has said where the partition ends.
    pub(super) fn progress(&self, partition: i32) -> Option<PartitionProgress> {
        let (observed_at, events_behind) = self.last_seen?;
        Some(PartitionProgress {
            partition,
            events_behind,
            as_of: self.as_of,
            observed_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_760_000_000_000 + seconds * 1000).unwrap()
    }

    /// The partition ends here, and everything up to `handed_over` was fetched and handed over.
    fn ends_at(seconds: i64, end: i64, handed_over: i64) -> Observed {
        Observed {
            at: at(seconds),
            end,
            high: end,
            begin: 0,
            next_fetch: handed_over,
            position: handed_over,
            handed_over: (handed_over > 0).then_some(handed_over),
            has_waiting: false,
            committed: -1001,
        }
    }

    fn seen(track: &Track) -> (u64, Option<Timestamp>) {
        let progress = track.progress(0).unwrap();
        (progress.events_behind, progress.as_of)
    }

    #[test]
    fn with_everything_stored_it_is_as_of_now() {
        let mut track = Track::default();
        track.stored(10, None);
        track.observe(&ends_at(5, 10, 10));
        assert_eq!(seen(&track), (0, Some(at(5))));
    }

    #[test]
    fn a_partition_without_events_is_up_to_date() {
        let mut track = Track::default();
        track.observe(&ends_at(5, 0, 0));
        assert_eq!(seen(&track), (0, Some(at(5))));
    }

    #[test]
    fn what_the_group_had_stored_before_counts() {
        let mut track = Track::default();
        let mut observed = ends_at(5, 10, 10);
        (observed.committed, observed.handed_over) = (10, None);
        track.observe(&observed);
        assert_eq!(seen(&track), (0, Some(at(5))));
    }

    #[test]
    fn what_was_handed_over_and_is_not_stored_is_behind() {
        let mut track = Track::default();
        track.stored(4, None);
        track.observe(&ends_at(5, 10, 10));
        assert_eq!(seen(&track), (6, None));
        track.stored(10, None);
        track.observe(&ends_at(6, 12, 12));
        assert_eq!(seen(&track), (2, Some(at(5))));
    }

    #[test]
    fn what_waits_to_be_handed_over_is_behind() {
        let mut track = Track::default();
        track.stored(4, None);
        let mut observed = ends_at(5, 10, 4);
        (observed.next_fetch, observed.has_waiting) = (10, true);
        track.observe(&observed);
        assert_eq!(seen(&track), (6, None));
    }

    #[test]
    fn the_mark_of_a_transaction_is_no_event_that_is_missing() {
        let mut track = Track::default();
        track.stored(9, None);
        // The client passes the mark, and only what it handed over is to be stored.
        let mut observed = ends_at(5, 10, 10);
        observed.handed_over = Some(9);
        track.observe(&observed);
        assert_eq!(seen(&track), (0, Some(at(5))));
        assert_eq!(track.standstill(), None);
    }

    #[test]
    fn an_aborted_transaction_is_nothing_to_store() {
        let mut track = Track::default();
        track.stored(9, None);
        let mut observed = ends_at(5, 2009, 2009);
        observed.handed_over = Some(9);
        track.observe(&observed);
        assert_eq!(seen(&track), (0, Some(at(5))));
        // What comes behind it counts from its end.
        (observed.end, observed.high) = (2012, 2012);
        track.observe(&observed);
        assert_eq!(seen(&track).0, 3);
    }

    #[test]
    fn behind_an_open_transaction_nothing_is_up_to_date_and_nothing_stalls() {
        let mut track = Track::default();
        track.stored(9, None);
        track.observe(&ends_at(0, 9, 9));
        let mut observed = ends_at(60, 9, 9);
        observed.high = 40;
        track.observe(&observed);
        assert_eq!(seen(&track), (0, Some(at(0))));
        assert_eq!(track.standstill(), None);
        track.stored(41, None);
        track.observe(&ends_at(61, 41, 41));
        assert_eq!(seen(&track), (0, Some(at(61))));
    }

    #[test]
    fn what_does_not_move_stands_still_since_it_last_moved() {
        let mut track = Track::default();
        track.stored(4, None);
        let since = |track: &Track| track.standstill().map(|standstill| standstill.since);
        track.observe(&ends_at(0, 10, 10));
        track.observe(&ends_at(30, 12, 12));
        assert_eq!(since(&track), Some(at(0)));
        track.stored(5, None);
        track.observe(&ends_at(31, 12, 12));
        assert_eq!(since(&track), Some(at(31)));
        let mut again = Track::standing(track.standstill());
        let mut observed = ends_at(40, 12, 5);
        (observed.committed, observed.handed_over) = (5, None);
        again.observe(&observed);
        assert_eq!(since(&again), Some(at(31)), "another client, the same place");
        again.stored(12, None);
        again.observe(&ends_at(50, 12, 12));
        assert_eq!(since(&again), None);
    }

    #[test]
    fn a_fast_clock_of_a_producer_hides_no_backlog() {
        let mut track = Track::default();
        track.observe(&ends_at(0, 1000, 0));
        track.stored(500, Some(at(3600)));
        track.observe(&ends_at(60, 2000, 500));
        assert_eq!(seen(&track), (1500, Some(at(0))));
    }

    #[test]
    fn while_a_backlog_is_taken_in_the_records_tell_how_far_it_is() {
        let mut track = Track::default();
        track.observe(&ends_at(0, 1000, 0));
        track.stored(500, Some(at(-1800)));
        track.observe(&ends_at(1, 1000, 500));
        assert_eq!(seen(&track), (500, Some(at(-1800))));
    }

    #[test]
    fn a_long_backlog_takes_no_more_memory_than_a_short_one() {
        let mut track = Track::default();
        for second in 0..100_000 {
            track.observe(&ends_at(second, 1000 + second, 0));
        }
        assert!(track.marks.len() <= MOST_MARKS);
        track.stored(1000, None);
        track.observe(&ends_at(100_000, 101_000, 1000));
        assert_eq!(seen(&track).1, Some(at(0)));
    }
}
