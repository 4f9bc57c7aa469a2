//! Metrics of answers to requests, and of what the database is asked for them.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
};

use super::declare::{Declare, latency};

/// Labels of an answered request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    /// The route with its placeholders, such as `/api/v1/sagas/{sagaId}`.
    pub endpoint: String,
    /// The HTTP method.
    pub method: String,
}

/// Label `query`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabel {
    query: &'static str,
}

/// Metrics of answers to requests, and of what the database is asked for them.
#[derive(Debug)]
pub struct RequestMetrics {
    /// `saga_tracker_api_latency_seconds`.
    pub api_latency: Family<EndpointLabels, Histogram>,
    db_query: Family<QueryLabel, Histogram>,
    /// `saga_tracker_stream_clients`: clients of the stream of changes.
    pub stream_clients: Gauge,
}

impl RequestMetrics {
    pub(super) fn declare(declare: &mut Declare) -> Self {
        Self {
            api_latency: declare.metric(
                "saga_tracker_api_latency_seconds",
                "Time to answer a request",
                Family::new_with_constructor(latency),
            ),
            db_query: declare.metric(
                "saga_tracker_db_query_seconds",
                "Time the database took",
                Family::new_with_constructor(latency),
            ),
            stream_clients: declare.empty("saga_tracker_stream_clients", "Clients of the stream of changes"),
        }
    }

    /// The database took so long for a kind of query.
    pub fn query_took(&self, query: &'static str, took: Duration) {
        let histogram = self.db_query.get_or_create(&QueryLabel { query });
        histogram.observe(took.as_secs_f64());
    }
}
