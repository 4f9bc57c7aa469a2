//! Metrics of events that come over HTTP.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};

use super::declare::Declare;

/// Label `outcome`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Metrics of events that come over HTTP.
#[derive(Debug)]
pub struct GatewayMetrics {
    /// `saga_tracker_gateway_events_total`.
    events: Family<OutcomeLabel, Counter>,
    /// `saga_tracker_gateway_buffered_bytes`.
    buffered: Gauge,
}

impl GatewayMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        Self {
            events: declare.empty(
                "saga_tracker_gateway_events",
                "Events received over HTTP, by outcome",
            ),
            buffered: declare.empty(
                "saga_tracker_gateway_buffered_bytes",
                "Bytes of request bodies with events that are buffered at the moment",
            ),
        }
    }

    /// So many events had an outcome, such as `accepted`.
    pub fn events(&self, outcome: &'static str, count: u64) {
        self.events.get_or_create(&OutcomeLabel { outcome }).inc_by(count);
    }

    /// So many bytes of bodies are held.
    pub fn set_buffered(&self, bytes: usize) {
        self.buffered.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
