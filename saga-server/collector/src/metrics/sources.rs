//! Metrics of sources: topics that exist already, whose records become events. Their names come from the configuration.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::{
    declare::{Declare, FloatGauge},
    lag::LagGauges,
};

/// Label `source`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: String,
}

/// Labels `source` and `outcome`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    source: String,
    outcome: &'static str,
}

/// Labels `source` and `partition`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabels {
    source: String,
    partition: i32,
}

/// What became of a record of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    Mapped,
    Ignored,
    DeadLetter,
}

impl RecordOutcome {
    const ALL: [Self; 3] = [Self::Mapped, Self::Ignored, Self::DeadLetter];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Ignored => "ignored",
            Self::DeadLetter => "dead_letter",
        }
    }
}

/// Metrics of sources.
#[derive(Debug)]
pub struct SourceMetrics {
    records: Family<OutcomeLabels, Counter>,
    lag: Family<PartitionLabels, Gauge>,
    behind: Family<SourceLabel, FloatGauge>,
    stalled: Family<SourceLabel, Gauge>,
    /// The number of those, which is there without a source, too.
    stalled_count: Gauge,
    stalled_names: Mutex<BTreeSet<String>>,
}

impl SourceMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        Self {
            records: declare.empty(
                "saga_tracker_source_records",
                "Records of sources, by outcome: mapped, ignored, dead_letter",
            ),
            lag: declare.empty(
                "saga_tracker_source_lag",
                "Records of sources that are not processed yet, by partition",
            ),
            behind: declare.empty(
                "saga_tracker_source_behind_seconds",
                "Age of the moment up to which this instance has processed its partitions of a source",
            ),
            stalled: declare.empty(
                "saga_tracker_source_stalled",
                "1 while this instance does not read a source, or does not get its records done",
            ),
            stalled_count: declare.empty(
                "saga_tracker_sources_stalled",
                "Sources that this instance cannot read, or whose records it cannot process",
            ),
            stalled_names: Mutex::default(),
        }
    }

    /// Begins all series of a source at 0.
    pub(crate) fn begin(&self, source: &str) {
        for outcome in RecordOutcome::ALL {
            self.records(source, outcome, 0);
        }
        self.set_stalled(source, false);
    }

    /// So many records of a source had this outcome.
    pub(crate) fn records(&self, source: &str, outcome: RecordOutcome, count: u64) {
        let labels = OutcomeLabels {
            source: source.to_owned(),
            outcome: outcome.as_str(),
        };
        self.records.get_or_create(&labels).inc_by(count);
    }

    /// The lag of each partition of a source.
    pub(crate) fn lag(&self, source: &str) -> LagGauges {
        let source = source.to_owned();
        LagGauges::new(&self.lag, move |partition| PartitionLabels {
            source: source.clone(),
            partition,
        })
    }

    /// How old the moment is up to which everything is done; without partitions there is none.
    pub(crate) fn set_behind(&self, source: &str, seconds: Option<f64>) {
        match seconds {
            Some(seconds) => _ = self.behind.get_or_create(&label(source)).set(seconds),
            None => _ = self.behind.remove(&label(source)),
        }
    }

    /// Whether a source is not being read.
    pub(crate) fn set_stalled(&self, source: &str, is_stalled: bool) {
        self.stalled.get_or_create(&label(source)).set(is_stalled.into());
        let mut names = self.stalled_names.lock();
        match is_stalled {
            true => _ = names.insert(source.to_owned()),
            false => _ = names.remove(source),
        }
        self.stalled_count
            .set(i64::try_from(names.len()).unwrap_or(i64::MAX));
    }
}

fn label(source: &str) -> SourceLabel {
    SourceLabel {
        source: source.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;

    #[test]
    fn an_instance_without_partitions_of_a_source_says_no_age() {
        let metrics = Metrics::new([]);
        let has_age = || {
            metrics
                .render()
                .contains("saga_tracker_source_behind_seconds{source=\"orders\"} 700")
        };
        metrics.sources.set_behind("orders", Some(700.0));
        assert!(has_age(), "{}", metrics.render());
        metrics.sources.set_behind("orders", None);
        assert!(!has_age(), "{}", metrics.render());
    }
}
