//! How fresh an answer is, in numbers and in words.

use std::{collections::BTreeMap, time::Duration};

use saga_types::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use saga_store::PartitionProgress;

/// What is at most so old is up to date: there is always something on its way.
const UP_TO_DATE_WITHIN: Duration = Duration::from_secs(10);

/// A report older than this does not count.
const KNOWN_FOR: Duration = Duration::from_secs(15);

/// Up to which moment the store holds everything, and how far behind it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freshness {
    /// Whether every partition is at most 10 s behind.
    pub up_to_date: bool,
    /// The same in words, such as `12,400 events behind, about 40 s`.
    pub summary: String,
    /// Everything that was in the topic at this moment is stored; null when that is not known.
    pub as_of: Option<Timestamp>,
    /// How many events are not stored yet; null when a partition has never been reported.
    pub events_behind: Option<u64>,
    /// When the broker last answered, of the partition for which that is longest ago.
    pub observed_at: Option<Timestamp>,
    /// Each partition of the topic.
    pub partitions: Vec<PartitionFreshness>,
}

/// How far one partition is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartitionFreshness {
    /// Its number.
    pub partition: i32,
    /// Whether it is at most 10 s behind.
    pub up_to_date: bool,
    /// Everything that was in it at this moment is stored.
    pub as_of: Option<Timestamp>,
    /// How many of its events are not stored yet.
    pub events_behind: Option<u64>,
    /// When the broker last answered its consumer.
    pub observed_at: Option<Timestamp>,
}

impl Freshness {
    /// From the reports of each partition.
    pub(super) fn of(partitions: BTreeMap<i32, Option<PartitionProgress>>, now: Timestamp) -> Self {
        let partitions: Vec<PartitionFreshness> = partitions
            .into_iter()
            .map(|(partition, progress)| PartitionFreshness::of(partition, progress, now))
            .collect();
        let mut freshness = Self {
            up_to_date: !partitions.is_empty() && partitions.iter().all(|partition| partition.up_to_date),
            summary: String::new(),
            as_of: least(partitions.iter().map(|partition| partition.as_of)),
            events_behind: partitions.iter().map(|partition| partition.events_behind).sum(),
            observed_at: least(partitions.iter().map(|partition| partition.observed_at)),
            partitions,
        };
        if freshness.partitions.is_empty() {
            freshness.events_behind = None;
        }
        freshness.summary = sentence(&freshness, now);
        freshness
    }

    /// The moment as of which lateness is evaluated: everything until then is stored. Without knowledge, the one given.
    #[must_use]
    pub fn judged_at(&self, now: Timestamp) -> Timestamp {
        self.as_of.unwrap_or(now)
    }
}

impl PartitionFreshness {
    fn of(partition: i32, progress: Option<PartitionProgress>, now: Timestamp) -> Self {
        // Clocks of collectors differ a little, and nothing is known of the future.
        let as_of = progress
            .and_then(|progress| progress.as_of)
            .map(|as_of| as_of.min(now));
        Self {
            partition,
            up_to_date: as_of.is_some_and(|as_of| as_of >= now.saturating_sub(UP_TO_DATE_WITHIN)),
            as_of,
            events_behind: progress.map(|progress| progress.events_behind),
            observed_at: progress.map(|progress| progress.observed_at.min(now)),
        }
    }

    fn is_silent(&self, now: Timestamp) -> bool {
        self.observed_at
            .is_none_or(|at| at < now.saturating_sub(KNOWN_FOR))
    }
}

/// None when one of them is not known, or there are none.
fn least(moments: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    moments.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// The one place where freshness is put into words.
fn sentence(freshness: &Freshness, now: Timestamp) -> String {
    if freshness.up_to_date {
        return "up to date".to_owned();
    }
    if freshness.partitions.is_empty() {
        return "how far behind is not known: no partition of the topic was heard of yet".to_owned();
    }
    let partitions = freshness.partitions.iter();
    let silent: Vec<_> = partitions.filter(|partition| partition.is_silent(now)).collect();
    if !silent.is_empty() {
        return format!("how far behind is not known: {}", silence(&silent, now));
    }
    let events = freshness.events_behind.unwrap_or_default();
    if let (0, Some(as_of)) = (events, freshness.as_of) {
        return format!(
            "an open transaction holds back what came after it, for about {}",
            length(now.millis_since(as_of))
        );
    }
    let noun = if events == 1 { "event" } else { "events" };
    let behind = format!("{} {noun} behind", grouped(events));
    match freshness.as_of {
        Some(as_of) => format!("{behind}, about {}", length(now.millis_since(as_of))),
        None => behind,
    }
}

fn silence(silent: &[&PartitionFreshness], now: Timestamp) -> String {
    let numbers: Vec<String> = silent.iter().map(|silent| silent.partition.to_string()).collect();
    let (noun, verb) = if numbers.len() == 1 {
        ("partition", "was")
    } else {
        ("partitions", "were")
    };
    let since = match least(silent.iter().map(|silent| silent.observed_at)) {
        Some(at) => format!("last heard of about {} ago", length(now.millis_since(at))),
        None => "never heard of".to_owned(),
    };
    format!("{noun} {} {verb} {since}", numbers.join(", "))
}

/// With a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// In the largest unit of which there are at least two.
fn length(millis: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(86_400, "days"), (3_600, "h"), (60, "min")];
    let seconds = millis.max(0) / 1_000;
    let unit = UNITS.iter().find(|(unit, _)| seconds >= 2 * unit);
    unit.map_or_else(
        || format!("{seconds} s"),
        |(unit, name)| format!("{} {name}", seconds / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_760_000_000_000;

    fn moment(seconds_ago: i64) -> Timestamp {
        Timestamp::from_millis(NOW - seconds_ago * 1000).unwrap()
    }

    /// Of each partition: events behind, seconds since asOf, seconds since it was observed.
    fn freshness(partitions: &[(u64, i64, i64)]) -> Freshness {
        let partitions = (0..)
            .zip(partitions)
            .map(|(partition, (behind, as_of, observed))| {
                let progress = PartitionProgress {
                    partition,
                    events_behind: *behind,
                    as_of: Some(moment(*as_of)),
                    observed_at: moment(*observed),
                };
                (partition, Some(progress))
            });
        Freshness::of(partitions.collect(), moment(0))
    }

    #[test]
    fn the_sentence_says_how_far_behind() {
        for (partitions, expected) in [
            (vec![(0, 1, 1), (250, 9, 1)], "up to date"),
            (
                vec![(12_000, 40, 1), (400, 0, 0)],
                "12,400 events behind, about 40 s",
            ),
            (vec![(1, 119, 1)], "1 event behind, about 119 s"),
            (vec![(1_234_567, 7_500, 1)], "1,234,567 events behind, about 2 h"),
            (vec![(3, 200_000, 1)], "3 events behind, about 2 days"),
            (
                vec![(0, 0, 0), (0, 40, 40)],
                "how far behind is not known: partition 1 was last heard of about 40 s ago",
            ),
            (
                vec![(5, 900, 700), (0, 40, 40)],
                "how far behind is not known: partitions 0, 1 were last heard of about 11 min ago",
            ),
            (
                vec![(0, 75, 1), (0, 1, 1)],
                "an open transaction holds back what came after it, for about 75 s",
            ),
            (
                vec![],
                "how far behind is not known: no partition of the topic was heard of yet",
            ),
        ] {
            let freshness = freshness(&partitions);
            assert_eq!(freshness.summary, expected);
            assert_eq!(freshness.up_to_date, expected == "up to date", "{expected}");
        }
    }

    #[test]
    fn it_is_as_fresh_as_the_partition_that_is_furthest_behind() {
        let freshness = freshness(&[(0, 1, 1), (7, 50, 2), (8, 30, 3)]);
        assert_eq!(freshness.as_of, Some(moment(50)));
        assert_eq!(freshness.observed_at, Some(moment(3)));
        assert_eq!(freshness.events_behind, Some(15));
    }

    #[test]
    fn a_clock_that_is_ahead_promises_nothing_of_the_future() {
        assert_eq!(freshness(&[(0, -3600, -3600)]).as_of, Some(moment(0)));
    }
}
