//! Registers each metric where it is declared.

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    collector::Collector,
    metrics::{gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

/// A gauge that holds any number.
pub(crate) type FloatGauge = Gauge<f64, AtomicU64>;

/// Metrics that are registered so far.
#[derive(Default)]
pub(super) struct Declare(pub(super) Registry);

impl Declare {
    pub(super) fn metric<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    pub(super) fn empty<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        self.metric(name, help, M::default())
    }

    pub(super) fn collector<C: Collector>(&mut self) -> Arc<C>
    where
        Arc<C>: Collector + Default,
    {
        let collector = Arc::<C>::default();
        self.0.register_collector(Box::new(collector.clone()));
        collector
    }
}

/// For what usually takes milliseconds.
pub(super) fn latency() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    ])
}

/// Seconds since 1970, or of a duration.
#[expect(
    clippy::cast_precision_loss,
    reason = "a metric needs no more than a double's 53 bits"
)]
pub(crate) fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}
