//! Accounting: the outcome of every recorded event.
//!
//! `recorded = acknowledged + pending + dropped`, at every moment and in every snapshot.

use std::{
    fmt::{self, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

/// Why an event was not delivered. A small, closed vocabulary, so that it can be a label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The buffer was full, because Kafka was unavailable or slow for too long.
    QueueFull,
    /// The event waited longer than `deliveryTimeout`.
    Expired,
    /// The client was closed, or dropped, before the event was delivered.
    Closed,
    /// The event is larger than Kafka takes.
    TooLarge,
    /// The broker refused it: there never was such a topic, no permission, or the topic's rules.
    Refused,
    /// The Kafka client failed in another way.
    Failed,
    /// The schema registry did not give the schema's id in time.
    NoSchema,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::QueueFull,
        Self::Expired,
        Self::Closed,
        Self::TooLarge,
        Self::Refused,
        Self::Failed,
        Self::NoSchema,
    ];

    /// The reason as a label, such as `queue_full`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Expired => "expired",
            Self::Closed => "closed",
            Self::TooLarge => "too_large",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::NoSchema => "no_schema",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One consistent look at a client's accounts, in events since the client was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Handed over, with valid input.
    pub recorded: u64,
    /// Acknowledged by the broker.
    pub acknowledged: u64,
    /// Buffered or on their way.
    pub pending: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Stats {
    /// Accounts of another client; `recorded` is the sum of the rest.
    #[must_use]
    pub fn new(acknowledged: u64, pending: u64, dropped: &[(DropReason, u64)]) -> Self {
        let mut stats = Self {
            acknowledged,
            pending,
            ..Self::default()
        };
        for (reason, events) in dropped {
            stats.dropped[*reason as usize] += events;
        }
        stats.recorded = acknowledged + pending + stats.dropped();
        stats
    }

    /// Dropped for one reason.
    #[must_use]
    pub const fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Dropped for any reason.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// The accounts as Prometheus text, to be appended to a service's own page.
    ///
    /// Metrics: `saga_sdk_recorded_total`, `saga_sdk_acknowledged_total`, `saga_sdk_pending` (a gauge) and
    /// `saga_sdk_dropped_total{reason}` with every reason present.
    ///
    /// ```
    /// let page = saga_sdk::Stats::default().to_prometheus();
    /// assert!(page.contains("saga_sdk_dropped_total{reason=\"queue_full\"} 0\n"));
    /// ```
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let mut page = String::new();
        let metrics = [
            (
                "saga_sdk_recorded_total",
                "counter",
                "Events handed to the saga SDK",
                self.recorded,
            ),
            (
                "saga_sdk_acknowledged_total",
                "counter",
                "Events acknowledged by Kafka",
                self.acknowledged,
            ),
            (
                "saga_sdk_pending",
                "gauge",
                "Events buffered or on their way to Kafka",
                self.pending,
            ),
        ];
        for (name, kind, help, value) in metrics {
            let _ = write!(
                page,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"
            );
        }
        page.push_str("# HELP saga_sdk_dropped_total Events that were not delivered\n");
        page.push_str("# TYPE saga_sdk_dropped_total counter\n");
        for reason in DropReason::ALL {
            let value = self.dropped_for(reason);
            let _ = writeln!(page, "saga_sdk_dropped_total{{reason=\"{reason}\"}} {value}");
        }
        page
    }
}

/// The counters behind [`Stats`]; nothing here takes a lock.
///
/// Why a snapshot is consistent: pending has no counter of its own, it is what is left of `recorded`. An event is
/// counted as recorded before it is sent, and so before it can be acknowledged or dropped. These are counted with
/// `Release` and read with `Acquire`, before `recorded` is read, so a snapshot with an event's outcome also
/// counts its recording: the difference is never negative. Events that begin while a snapshot is taken count as pending in it,
/// which they are.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    recorded: AtomicU64,
    acknowledged: AtomicU64,
    dropped: [AtomicU64; DropReason::ALL.len()],
}

#[cfg_attr(
    not(any(feature = "kafka", test)),
    expect(dead_code, reason = "only the Kafka client counts")
)]
impl Counters {
    /// Counts an event that is about to be sent.
    pub(crate) fn begin(&self) {
        self.recorded.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn drop_for(&self, reason: DropReason) {
        self.dropped[reason as usize].fetch_add(1, Ordering::Release);
    }

    /// Counts everything that is pending as dropped; only while no other thread counts.
    pub(crate) fn drop_pending_for(&self, reason: DropReason) {
        let pending = self.snapshot().pending;
        self.dropped[reason as usize].fetch_add(pending, Ordering::Release);
    }

    pub(crate) fn snapshot(&self) -> Stats {
        let acknowledged = self.acknowledged.load(Ordering::Acquire);
        let dropped = std::array::from_fn(|index| self.dropped[index].load(Ordering::Acquire));
        let ended = acknowledged + dropped.iter().sum::<u64>();
        let recorded = self.recorded.load(Ordering::Relaxed);
        Stats {
            recorded,
            acknowledged,
            pending: recorded - ended,
            dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn every_snapshot_adds_up_while_others_count() {
        let counters = Counters::default();
        thread::scope(|scope| {
            for worker in 0..4 {
                let counters = &counters;
                scope.spawn(move || {
                    for round in 0..20_000 {
                        counters.begin();
                        if round % 5 == worker {
                            counters.drop_for(DropReason::ALL[worker]);
                        } else {
                            counters.acknowledge();
                        }
                    }
                });
            }
            for _ in 0..20_000 {
                let stats = counters.snapshot();
                assert_eq!(
                    stats.recorded,
                    stats.acknowledged + stats.pending + stats.dropped()
                );
                assert!(stats.pending <= 80_000, "{stats:?}");
            }
        });
        let stats = counters.snapshot();
        assert_eq!(
            (stats.recorded, stats.pending, stats.dropped()),
            (80_000, 0, 16_000)
        );
    }

    #[test]
    fn every_reason_has_its_own_place() {
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
        }
    }
}
